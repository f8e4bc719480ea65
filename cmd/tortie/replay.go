package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tortie/cmd/policies"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/store"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/perform"
	"tortie/simulator/scenario"
	"tortie/simulator/walk"

	"github.com/spf13/cobra"
)

// replayFlags are the flags of tortie replay.
type replayFlags struct {
	in     inputFlags
	output string
	kernel bool
}

func newReplay() *cobra.Command {
	r := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay SCENARIO.yaml",
		Short: "Play a timed script of packets through the model and check what it expects",
		Long: "Play a file of Scenario documents (docs/scenario.md): connections that open, speak, idle\n" +
			"and close while policies change, with expectations on verdicts, deciding policies,\n" +
			"addresses and connection tracking. Packet captures and flow logs are not read.\n\n" +
			"With --kernel each step is done in network namespaces, too, with the same rules in the\n" +
			"real kernel: answers, the ends that the far end sees, rules hit and connection tables\n" +
			"have to be the simulator's.\n\n" +
			"The exit code is 1 when an expectation is not met or the kernel does otherwise.",
		Example: "  tortie replay examples/established/scenario.yaml\n" +
			"  tortie replay examples/established/scenario.yaml --dataplane nftables -o json\n" +
			"  sudo tortie replay examples/established/scenario.yaml --kernel",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("replay takes one file, got %d arguments (tortie replay --help)", len(args))
			}
			return nil
		},
		RunE: r.run,
	}
	f := cmd.Flags()
	f.StringVarP(&r.output, "output", "o", "text", "text or json")
	f.BoolVar(&r.kernel, "kernel", false, "play it in network namespaces, too, and compare (takes root)")
	f.StringVar(&r.in.dataplane, "dataplane", "", "iptables or nftables, whatever the scenario says")
	f.StringVar(&r.in.kubeProxy, "kube-proxy", "", "mode of kube-proxy: iptables, nftables, ipvs or none; by default the dataplane's, if there are services")
	return cmd
}

func (r *replayFlags) run(cmd *cobra.Command, args []string) error {
	if r.output != "text" && r.output != "json" {
		return usageError("-o %q is neither text nor json", r.output)
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return usageError("%v", err)
	}
	l := &loaded{texts: map[string][]byte{args[0]: data}}
	docs, findings := readScenarios(args[0], data)
	var results []*scenario.Result
	for _, d := range docs {
		p := &production{flags: r, scenarioFile: d, cmd: cmd, dir: filepath.Dir(args[0]), text: data, loaded: l, said: map[string]bool{}}
		result, more, err := p.play(findings.HasErrors())
		if err != nil {
			return err
		}
		findings = append(findings, more...)
		results = append(results, result)
	}
	l.findings = findings
	if err := l.report(cmd); err != nil {
		return err
	}
	if len(docs) == 0 {
		return usageError("%s: no Scenario", args[0])
	}
	return r.write(cmd, results)
}

func (r *replayFlags) write(cmd *cobra.Command, results []*scenario.Result) error {
	ok := true
	for _, result := range results {
		ok = ok && result.OK()
		var err error
		if r.output == "json" {
			err = result.WriteJSON(cmd.OutOrStdout())
		} else {
			err = result.WriteText(cmd.OutOrStdout(), wantsColor(cmd, cmd.OutOrStdout()))
		}
		if err != nil {
			return &exitError{exitInternal, err.Error()}
		}
	}
	if !ok {
		return &exitError{exitFindings, "not everything was as expected"}
	}
	return nil
}

// scenarioFile is a Scenario in its file.
type scenarioFile struct {
	node   *yamlpos.Node
	doc    *scenario.Document
	script *scenario.Scenario
}

// readScenarios reads the Scenario documents of a file.
func readScenarios(file string, data []byte) ([]scenarioFile, diag.List) {
	nodes, diags := yamlpos.Parse(file, data)
	var out []scenarioFile
	for _, n := range nodes {
		diags = spellIntents(n, diags)
		if n.Str("kind") != "Scenario" || n.Str("apiVersion") != "tortie.dev/v1" {
			diags.Add(diag.Finding{Code: "scenario/other-kind", Severity: diag.Error, Span: n.At("kind"),
				Message: fmt.Sprintf("expected a Scenario of tortie.dev/v1, found %q of %q", n.Str("kind"), n.Str("apiVersion")),
				Hint:    "objects belong into files of their own, named by spec.files"})
			continue
		}
		s := scenarioFile{node: n, doc: &scenario.Document{}}
		known, _ := yamlpos.Decode(n, s.doc, yamlpos.Options{})
		var more diag.List
		s.script, more = scenario.Read(s.doc, scenario.Source{At: n.At, End: checkEnd, Nearest: yamlpos.Nearest}, known)
		diags = append(append(diags, known...), more...)
		out = append(out, s)
	}
	return out, diags
}

// checkEnd says what is wrong with the name of an end.
func checkEnd(name string, dest bool) error {
	e, err := parseEnd(name, dest)
	if err == nil && dest && e.port == 0 && e.portName == "" && e.proto.HasPorts() {
		return fmt.Errorf("%q names no port\nwrite %s:PORT", name, name)
	}
	return err
}

// spellIntents makes the word on a field's name in the intents within a scenario;
// findings that say otherwise are left out.
func spellIntents(n *yamlpos.Node, diags diag.List) diag.List {
	steps := n.Lookup("spec", "steps")
	for i := 0; steps.Item(i) != nil; i++ {
		objects := steps.Item(i).Get("objects")
		for j := 0; objects.Item(j) != nil; j++ {
			if o := objects.Item(j); intent.IsIntent(o) {
				diags = withoutWords(diags, intent.Words(o))
				intent.SpellWords(o)
			}
		}
	}
	return diags
}

// production plays one scenario of a file.
type production struct {
	scenarioFile
	flags  *replayFlags
	cmd    *cobra.Command
	dir    string // of the scenario
	text   []byte // of its file
	loaded *loaded
	store  store.Store
	in     inputFlags
	said   map[string]bool // findings about objects that were written
	now    *host.Fleet
}

// play plays the scenario. One that is known to be faulty is played for its
// findings only.
func (p *production) play(faulty bool) (*scenario.Result, diag.List, error) {
	if findings := p.begin(); findings.HasErrors() || p.script.IsBroken() {
		return nil, findings, nil
	}
	fleet, err := p.fleet()
	if err != nil {
		return nil, nil, err
	}
	world := scenario.World{Fleet: fleet, Change: p.change, Request: p.request, Policies: p.policies, Explain: policies.Attribute, RuleText: ruleText}
	var seen perform.Rehearsal
	if p.flags.kernel {
		world.Watch = seen.Watch
	}
	result, findings := scenario.Run(p.script, world)
	if faulty || findings.HasErrors() || !p.flags.kernel {
		return result, findings, nil
	}
	if result.Kernel, err = perform.Perform(&seen, fleet, p.script.ConntrackMax, ruleText); err != nil {
		return nil, nil, &exitError{exitInternal, "in the kernel: " + err.Error()}
	}
	return result, findings, nil
}

// begin takes what the scenario says of its input.
func (p *production) begin() diag.List {
	spec := &p.doc.Spec
	p.in = p.flags.in
	if p.in.dataplane == "" {
		p.in.dataplane = spec.Dataplane
	}
	if p.in.kubeProxy == "" {
		p.in.kubeProxy = spec.KubeProxy
	}
	for _, k := range slices.Sorted(maps.Keys(spec.FelixEnv)) {
		p.in.felixEnv = append(p.in.felixEnv, k+"="+spec.FelixEnv[k])
	}
	for _, node := range slices.Sorted(maps.Keys(spec.NodeRules)) {
		p.in.nodeRules = append(p.in.nodeRules, node+"="+p.path(spec.NodeRules[node]))
	}
	var findings diag.List
	for i, name := range spec.Files {
		if err := p.apply(name); err != nil {
			findings.Add(diag.Finding{Code: scenario.CodeBad, Severity: diag.Error, Span: p.node.At("spec", "files", i), Message: err.Error(),
				Hint: "files are relative to the scenario"})
		}
	}
	return findings
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
	if l.findings.HasErrors() {
		return nil, l.report(p.cmd)
	}
	if err := p.in.newLinker(l); err != nil {
		return nil, err
	}
	f, findings, err := l.linker.Fleet(nil)
	l.findings = append(l.findings, findings...)
	if err != nil {
		return nil, usageError("%v", err)
	}
	l.nameIntents(f)
	if p.flags.kernel {
		perform.Quieten(f)
	}
	p.now = f
	p.forgetSaid()
	return f, l.report(p.cmd)
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

// change applies and deletes what a step says.
func (p *production) change(step int) (*host.Fleet, error) {
	d := &p.doc.Spec.Steps[step]
	wrong := func(err error, part ...any) error { return &scenario.PartError{Part: part, Err: err} }
	for i, name := range d.Apply {
		if err := p.apply(name); err != nil {
			return nil, wrong(err, "apply", i)
		}
	}
	list := p.node.Lookup("spec", "steps", step, "objects")
	for i := range d.Objects {
		if err := p.store.AddNode(list.Item(i), p.text); err != nil {
			return nil, wrong(err, "objects", i)
		}
	}
	for i, ref := range d.Delete {
		if err := p.store.Delete(store.Ref(ref)); err != nil {
			return nil, wrong(err, "delete", i)
		}
	}
	f, err := p.fleet()
	if p.loaded.findings.HasErrors() {
		err = errors.New("with the objects of this step the input has errors")
	}
	return f, err
}

// policies are the names that reasons may have.
func (p *production) policies() []string {
	var names []string
	for _, r := range p.store.Refs() {
		names = append(names, r.Name)
		switch r.Kind {
		case "Namespace":
			names = append(names, "kns."+r.Name)
		case "ServiceAccount":
			names = append(names, "ksa."+r.Namespace+"."+r.Name)
		}
	}
	for _, t := range p.loaded.snapshot.Tiers {
		names = append(names, t.Object.Name)
	}
	for _, o := range p.now.Origins {
		names = append(names, o.Name)
	}
	return append(names, "default", "projectcalico-default-allow")
}

// request turns the ends of an open into addresses.
func (p *production) request(w *walk.Walker, f *host.Fleet, o *scenario.Open) (walk.Request, error) {
	from, err := parseEnd(o.From, false)
	if err != nil {
		return walk.Request{}, &scenario.EndError{Field: "from", Err: err}
	}
	to, err := parseEnd(o.To, true)
	if err != nil {
		return walk.Request{}, &scenario.EndError{Field: "to", Err: err}
	}
	r := resolver{fleet: f, walker: w, loaded: p.loaded, family: map[int]packet.Family{4: packet.IPv4, 6: packet.IPv6}[o.Family]}
	src, dst, err := r.ends(from, &to)
	if err != nil {
		return walk.Request{}, endError(err)
	}
	if from.node == "" {
		src = r.entry(src, dst)
	}
	return walk.Request{From: src, Dst: dst, Proto: to.proto, DstPort: to.port, Enters: from.node != "",
		HasICMP: to.icmp.set, ICMPType: to.icmp.typ, ICMPCode: to.icmp.code}, nil
}

// endError says which end is wrong, in place of the word before the message.
func endError(err error) error {
	field, text := "to", strings.TrimPrefix(err.Error(), "TO: ")
	if rest, ok := strings.CutPrefix(text, "FROM: "); ok {
		field, text = "from", rest
	}
	return &scenario.EndError{Field: field, Err: errors.New(text)}
}
