package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/link"
	"tortie/compiler/store"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/simulator/perform"
	"tortie/simulator/scenario"
)

// begin takes what the scenario says of its input.
func (p *production) begin() (findings diag.List) {
	spec := &p.doc.Spec
	p.in = p.flags.in
	p.in.dataplane = cmp.Or(p.in.dataplane, p.script.Dataplane)
	p.in.kubeProxy = cmp.Or(p.in.kubeProxy, p.script.KubeProxy)
	for _, k := range slices.Sorted(maps.Keys(spec.FelixEnv)) {
		if !isFelixVariable(k) {
			findings.Add(p.bad(fmt.Sprintf("%q is none of Felix's variables: their names begin with FELIX_", k), "write FELIX_"+strings.ToUpper(k), "spec", "felixEnv", k))
			continue
		}
		p.in.felixEnv = append(p.in.felixEnv, k+"="+spec.FelixEnv[k])
	}
	const relative = "files are relative to the scenario"
	for _, node := range slices.Sorted(maps.Keys(spec.NodeRules)) {
		file := p.path(spec.NodeRules[node])
		if _, err := os.ReadFile(file); err != nil {
			findings.Add(p.bad(unreadable(err), relative, "spec", "nodeRules", node))
			continue
		}
		p.in.nodeRules = append(p.in.nodeRules, node+"="+file)
	}
	for i, name := range spec.Files {
		if err := p.apply(name); err != nil {
			p.wrong.Add(p.bad(unreadable(err), relative, "spec", "files", i))
		}
	}
	return findings
}

// bad is a mistake at a part of the scenario.
func (p *production) bad(message, hint string, path ...any) diag.Finding {
	return diag.Finding{Code: scenario.CodeBad, Severity: diag.Error, Span: placeIn(p.node, path...), Message: message, Hint: hint}
}

// placeIn is the place of a part of a document: of a scalar itself, of anything else
// its name.
func placeIn(n *yamlpos.Node, path ...any) diag.Span {
	if v := n.Lookup(path...); v != nil && v.Kind != yamlpos.Map && v.Kind != yamlpos.List {
		return v.Span
	}
	return n.At(path...)
}

// unreadable says what is wrong with a file, without the name of the system call.
func unreadable(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Sprintf("%s: %v", path.Path, path.Err)
	}
	return err.Error()
}

// path is where a file is that the scenario names.
func (p *production) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, name)
}

func (p *production) apply(name string) error {
	files, err := readInput(p.path(name), nil)
	if err != nil {
		return err
	}
	for _, f := range files {
		p.store.Add(f.Name, f.Data)
	}
	return nil
}

// errObjects says that objects are wrong; production.wrong says how.
var errObjects = fmt.Errorf("objects: %w", scenario.ErrReported)

// unlessReported is an error that no finding tells.
func unlessReported(err error) error {
	if errors.Is(err, scenario.ErrReported) {
		return nil
	}
	return err
}

// fleet makes the fleet of the objects as they are now.
func (p *production) fleet() (*host.Fleet, error) {
	l := p.loaded
	files := p.store.Files()
	for _, f := range files {
		if _, ok := l.texts[f.Name]; !ok {
			l.texts[f.Name] = f.Data
		}
	}
	l.findings = nil
	p.in.read(l, files)
	p.in.refuse(l)
	if p.reported() {
		return nil, errObjects
	}
	if err := p.in.newLinker(l); err != nil {
		return nil, p.misplaced(err)
	}
	f, findings, err := l.linker.Fleet(nil)
	l.findings = append(l.findings, findings...)
	if p.reported() {
		return nil, errObjects
	}
	if err != nil {
		return nil, usageError("%v", err)
	}
	l.nameIntents(f)
	if p.flags.kernel {
		perform.Quieten(f)
	}
	if p.now != nil {
		l.linker.Succeed(p.maker, p.now, f)
	}
	p.now, p.maker = f, l.linker
	p.forgetSaid()
	return f, l.report(p.cmd)
}

// takeLess leaves out a part of the input that may be wrong; false when there is none.
func (p *production) takeLess() bool {
	switch {
	case len(p.in.nodeRules) > 0:
		p.in.nodeRules = nil
	case len(p.in.felixEnv) > 0:
		p.in.felixEnv = nil
	default:
		return false
	}
	return true
}

// placeSettings gives findings about Felix's variables their places in the scenario: of
// what is wrong with a value that value, else the name.
func (p *production) placeSettings() {
	for i := range p.loaded.findings {
		f := &p.loaded.findings[i]
		if f.Span.File != "" {
			continue
		}
		name, _, _ := strings.Cut(f.Message, ":")
		for k := range p.doc.Spec.FelixEnv {
			switch {
			case f.Code == "felix/bad-setting" && strings.EqualFold(k, "FELIX_"+name):
				f.Span = placeIn(p.node, "spec", "felixEnv", k)
			case f.Code == "felix/unknown-setting" && strings.EqualFold(k, name):
				f.Span = p.node.At("spec", "felixEnv", k)
			}
		}
	}
}

// reported takes over the findings if one is an error: then they are said together
// with those about the steps.
func (p *production) reported() bool {
	p.placeSettings()
	if !p.loaded.findings.HasErrors() {
		return false
	}
	for _, f := range p.loaded.findings {
		if f.Severity == diag.Error && !slices.ContainsFunc(p.wrong, func(o diag.Finding) bool { return o.Span == f.Span && o.Message == f.Message }) {
			p.wrong.Add(f)
		}
	}
	return true
}

// misplaced gives an error about rules of other programs its place in the scenario.
func (p *production) misplaced(err error) error {
	var rules *nodeRulesError
	if !errors.As(err, &rules) {
		return err
	}
	for _, node := range rules.nodes {
		p.wrong.Add(p.noNode(node, rules.there, "spec", "nodeRules", node))
	}
	return errObjects
}

// noNode is a field that is called as no node is.
func (p *production) noNode(name string, there []string, path ...any) diag.Finding {
	f := p.bad(fmt.Sprintf("no node %q in the input", name), yamlpos.Suggestion(name, there), path...)
	f.Span = p.node.At(path...)
	return f
}

// forgetSaid leaves out what was said of the objects before an earlier step.
func (p *production) forgetSaid() {
	p.loaded.findings = slices.DeleteFunc(p.loaded.findings, func(f diag.Finding) bool {
		key := f.Span.String() + f.Message
		was := p.said[key]
		p.said[key] = true
		return was && f.Severity != diag.Error
	})
}

// change changes what a step says: objects, or rules of other programs. What is wrong is
// left out of the fleet, so that the steps behind can be looked at.
func (p *production) change(step int) (*host.Fleet, error) {
	d := &p.doc.Spec.Steps[step]
	if len(d.NodeRules) > 0 {
		return p.changeNodeRules(step, d.NodeRules)
	}
	var errs []error
	wrong := func(err error, part ...any) { errs = append(errs, &scenario.PartError{Part: part, Err: err}) }
	for i, name := range d.Apply {
		if err := p.apply(name); err != nil {
			wrong(errors.New(unreadable(err)), "apply", i)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...) // who knows what they hold
	}
	list := p.node.Lookup("spec", "steps", step, "objects")
	for i := range d.Objects {
		n := list.Item(i)
		err := named(n)
		if err == nil {
			err = p.store.AddNode(n, p.text)
		}
		if err != nil {
			wrong(err, "objects", i)
			p.broken = append(p.broken, store.RefOf(n))
		}
	}
	for i, ref := range d.Delete {
		if err := p.store.Delete(store.Ref(ref)); err != nil {
			wrong(err, "delete", i)
		}
	}
	f, err := p.fleet()
	if errors.Is(err, scenario.ErrReported) && p.leaveOut(list) {
		errs = append(errs, err)
		f, err = p.fleet()
	}
	return f, errors.Join(append(errs, err)...)
}

// changeNodeRules puts other rules of other programs on nodes.
func (p *production) changeNodeRules(step int, files map[string]string) (*host.Fleet, error) {
	var errs []error
	had := p.in.laterRules
	for _, node := range slices.Sorted(maps.Keys(files)) {
		file, err := p.rulesFile(files[node])
		if err != nil {
			errs = append(errs, &scenario.PartError{Part: []any{"nodeRules", node}, Err: err})
		}
		there := wordsOf(p.maker.NodeNames())
		if !slices.Contains(there, node) {
			p.wrong.Add(p.noNode(node, there, "spec", "steps", step, "nodeRules", node))
			err = errObjects
			errs = append(errs, err)
		}
		if err == nil {
			p.in.laterRules = append(slices.Clip(p.in.laterRules), nodeFile{node, file})
		}
	}
	f, err := p.fleet()
	if errors.Is(err, scenario.ErrReported) {
		p.in.laterRules = had
		errs = append(errs, err)
		f, err = p.fleet()
	}
	return f, errors.Join(append(errs, err)...)
}

// rulesFile is where a step's file of rules is; no name is no file.
func (p *production) rulesFile(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	file := p.path(name)
	if _, err := os.ReadFile(file); err != nil {
		return "", fmt.Errorf("%s\nfiles are relative to the scenario; \"\" takes the rules away", unreadable(err))
	}
	return file, nil
}

// named says what an object of a step lacks to be told from others.
func named(n *yamlpos.Node) error {
	version, kind := n.Str("apiVersion"), n.Str("kind")
	if version == "" || kind == "" {
		return errors.New("object without apiVersion and kind\nevery object says apiVersion and kind")
	}
	if ok, near := cluster.Reads(version, kind); !ok && !link.HoldsProxyConfig(n) {
		hint := "leave it out"
		if near != "" {
			hint = fmt.Sprintf("did you mean kind %q?", near)
		}
		return fmt.Errorf("objects of kind %q of %s are not read here: this one would change nothing\n%s", kind, version, hint)
	}
	if store.RefOf(n).Name == "" {
		return fmt.Errorf("%s without metadata.name\ngive it a name: metadata: {name: …}", kind)
	}
	return nil
}

// leaveOut removes the objects of a list that findings are about; false when there is
// none.
func (p *production) leaveOut(list *yamlpos.Node) (any bool) {
	for i := 0; list.Item(i) != nil; i++ {
		n := list.Item(i)
		if !slices.ContainsFunc(p.wrong, func(f diag.Finding) bool {
			return f.Span.File == n.Span.File && f.Span.Start.Compare(n.Span.Start) >= 0 && f.Span.Start.Compare(n.Span.End) <= 0
		}) {
			continue
		}
		ref := store.RefOf(n)
		p.broken = append(p.broken, ref)
		any = p.store.Remove(ref) || any
	}
	return any
}
