package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tortie/cmd/policies"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/link"
	"tortie/compiler/store"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/perform"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
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
	if errors.Is(err, syscall.EISDIR) {
		return usageError("%s is a folder; name a Scenario file in it", args[0])
	}
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
		s.script, more = scenario.Read(s.doc, scenario.Source{At: func(path ...any) diag.Span { return placeIn(n, path...) }, End: checkEnd, Nearest: yamlpos.Nearest}, known)
		diags = append(append(diags, known...), more...)
		out = append(out, s)
	}
	return out, diags
}

// checkEnd says what is wrong with the name of an end.
func checkEnd(name string, dest bool) error {
	e, err := parseEnd(name, dest)
	if err == nil && dest && e.port == 0 && e.portName == "" && e.proto.HasPorts() {
		return errors.New(e.noPortHint())
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
	maker  *link.Linker // of now
	// wrong is what is wrong with objects; broken are the objects of steps that had to
	// be left out for it.
	wrong  diag.List
	broken []store.Ref
}

// play plays the scenario. One that is known to be faulty is played for its
// findings only.
func (p *production) play(faulty bool) (*scenario.Result, diag.List, error) {
	findings := p.begin()
	if len(p.wrong) > 0 || p.script.IsBroken() {
		return nil, append(findings, p.wrong...), nil
	}
	fleet, err := p.fleet()
	for errors.Is(err, scenario.ErrReported) && p.takeLess() {
		fleet, err = p.fleet() // for what else is wrong
	}
	if err != nil {
		return nil, append(findings, p.wrong...), unlessReported(err)
	}
	world := scenario.World{Fleet: fleet, Change: p.change, Request: p.request, Explain: policies.Attribute, RuleText: ruleText,
		Policies: func() []trace.Policy { return policies.All(p.loaded.linker.Model(), p.loaded.snapshot) }}
	var seen perform.Rehearsal
	if p.flags.kernel {
		world.Watch = seen.Watch
	}
	result, more := scenario.Run(p.script, world)
	findings = append(append(findings, more...), p.wrong...)
	if faulty || findings.HasErrors() || !p.flags.kernel {
		return result, findings, nil
	}
	if why := seen.Impossible(); why != "" {
		return nil, nil, usageError("--kernel: %s", why)
	}
	said := newProgress(p.cmd.ErrOrStderr(), "kernel: ")
	defer said.done()
	opt := perform.Options{Room: p.script.ConntrackMax, Write: ruleText, Progress: said.say}
	if result.Kernel, err = perform.Perform(&seen, fleet, opt); err != nil {
		code := exitInternal
		if slices.ContainsFunc(append(slices.Clone(p.loaded.findings), findings...), func(f diag.Finding) bool { return f.Code == "felix/breaks" }) {
			code = exitUsage // Felix would not get these rules into the kernel either
		}
		return nil, nil, &exitError{code, "in the kernel: " + err.Error()}
	}
	return result, findings, nil
}

// request turns the ends of an open into addresses, and into what there is to note of
// the connection.
func (p *production) request(w *walk.Walker, f *host.Fleet, o *scenario.Open) (walk.Request, func(*trace.Connection) []string, error) {
	from, err := parseEnd(o.From, false)
	if err != nil {
		return walk.Request{}, nil, &scenario.EndError{Field: "from", Err: err}
	}
	to, err := parseEnd(o.To, true)
	if err != nil {
		return walk.Request{}, nil, &scenario.EndError{Field: "to", Err: err}
	}
	r := resolver{fleet: f, walker: w, loaded: p.loaded, family: map[int]packet.Family{4: packet.IPv4, 6: packet.IPv6}[o.Family]}
	src, dst, err := r.ends(from, &to)
	if err != nil {
		return walk.Request{}, nil, p.endErrors(&r, from, err)
	}
	entry := ""
	if from.node == "" {
		src, entry = r.entry(src, dst)
	}
	return walk.Request{From: src, Dst: dst, Proto: to.proto, DstPort: to.port, Enters: from.node != "",
		HasICMP: to.icmp.set, ICMPType: to.icmp.typ, ICMPCode: to.icmp.code}, r.remarks(to, src, dst, entry), nil
}

// endErrors says which ends are wrong, in place of the word before the message: of a
// connection whose destination is, the other end may be as well. What is called as an
// object that had to be left out is not wrong.
func (p *production) endErrors(r *resolver, from end, err error) error {
	field, text := "to", strings.TrimPrefix(err.Error(), "TO: ")
	if rest, ok := strings.CutPrefix(text, "FROM: "); ok {
		field, text = "from", rest
	}
	out := []error{&scenario.EndError{Field: field, Err: errors.New(text)}}
	if field == "to" {
		if _, err := r.source(from, r.family); err != nil {
			out = append(out, &scenario.EndError{Field: "from", Err: err})
		}
	}
	for i, e := range out {
		words := strings.FieldsFunc(e.Error(), func(r rune) bool { return strings.ContainsRune("\" ,;:", r) })
		if slices.ContainsFunc(p.broken, func(b store.Ref) bool {
			return b.Name != "" && (slices.Contains(words, b.Name) || slices.Contains(words, b.Namespace+"/"+b.Name))
		}) {
			out[i] = scenario.ErrReported
		}
	}
	return errors.Join(out...)
}
