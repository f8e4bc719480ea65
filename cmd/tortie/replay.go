package main

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"tortie/dataplane/host"
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
		Long: "Play a Scenario: connections that open, speak, idle and close while policies change,\n" +
			"with expectations on verdicts, deciding policies and connection tracking.\n" +
			"The exit code is 1 when an expectation is not met.",
		Example: "  tortie replay examples/established/scenario.yaml\n" +
			"  tortie replay examples/established/scenario.yaml --dataplane nftables -o json",
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
	readers, findings := readScenarios(args[0], data)
	l.findings = findings
	if err := l.report(cmd); err != nil {
		return err
	}
	if len(readers) == 0 {
		return usageError("%s: no Scenario", args[0])
	}
	ok := true
	for _, one := range readers {
		p := &production{flags: r, reader: one, cmd: cmd, dir: filepath.Dir(args[0]), loaded: l}
		result, err := p.play()
		if err != nil {
			return err
		}
		ok = ok && result.OK()
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

// production plays one scenario of a file.
type production struct {
	flags  *replayFlags
	reader *scenarioReader
	cmd    *cobra.Command
	dir    string // of the scenario
	loaded *loaded
	store  objectStore
	in     inputFlags
}

func (p *production) play() (*scenario.Result, error) {
	spec := &p.reader.doc.Spec
	p.in = p.flags.in
	if p.in.dataplane == "" {
		p.in.dataplane = spec.Dataplane
	}
	for _, k := range slices.Sorted(maps.Keys(spec.FelixEnv)) {
		p.in.felixEnv = append(p.in.felixEnv, k+"="+spec.FelixEnv[k])
	}
	for _, node := range slices.Sorted(maps.Keys(spec.NodeRules)) {
		p.in.nodeRules = append(p.in.nodeRules, node+"="+filepath.Join(p.dir, spec.NodeRules[node]))
	}
	for _, name := range spec.Files {
		files, err := readInput(filepath.Join(p.dir, name), nil)
		if err != nil {
			return nil, usageError("%v", err)
		}
		for _, f := range files {
			p.store.add(f.Name, f.Data)
		}
	}
	fleet, err := p.fleet()
	if err != nil {
		return nil, err
	}
	world := scenario.World{Fleet: fleet, Change: p.change, Request: p.request, Explain: explain, RuleText: ruleText}
	var seen rehearsal
	if p.flags.kernel {
		world.Watch = seen.watch(&p.reader.script)
	}
	result, err := scenario.Run(&p.reader.script, world)
	if err != nil {
		return nil, usageError("%v", err)
	}
	if p.flags.kernel {
		if result.Kernel, err = perform(&seen, fleet, p.reader.script.ConntrackMax); err != nil {
			return nil, &exitError{exitInternal, "in the kernel: " + err.Error()}
		}
	}
	return result, nil
}

// fleet makes the fleet of the objects as they are now.
func (p *production) fleet() (*host.Fleet, error) {
	l := p.loaded
	files := p.store.clusterFiles()
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
	return f, l.report(p.cmd)
}

func (p *production) change(step int) (*host.Fleet, error) {
	if err := p.store.change(p.reader, p.dir, step); err != nil {
		return nil, err
	}
	return p.fleet()
}

// request turns the ends of an open into addresses.
func (p *production) request(w *walk.Walker, f *host.Fleet, o *scenario.Open) (walk.Request, error) {
	from, err := parseEnd(o.From, false)
	if err != nil {
		return walk.Request{}, err
	}
	to, err := parseEnd(o.To, true)
	if err != nil {
		return walk.Request{}, err
	}
	r := resolver{fleet: f, walker: w, loaded: p.loaded}
	src, dst, err := r.ends(from, &to)
	if err != nil {
		return walk.Request{}, err
	}
	if from.node == "" {
		src = r.entry(src, dst)
	}
	return walk.Request{From: src, Dst: dst, Proto: to.proto, DstPort: to.port, Enters: from.node != "",
		HasICMP: to.icmp.set, ICMPType: to.icmp.typ, ICMPCode: to.icmp.code}, nil
}

// entry is where a packet from outside enters: by the node that has the
// destination or its pod, if that node's link to the outside is on the same
// network as the one found first.
func (r *resolver) entry(at walk.End, dst netip.Addr) walk.End {
	to, ok := r.walker.FindEnd(dst)
	if at.Link == "" || !ok || to.Host == at.Host {
		return at
	}
	for _, s := range r.fleet.Segments {
		if !slices.Contains(s.Members, host.Port{Host: at.Host, Link: at.Link}) {
			continue
		}
		for _, m := range s.Members {
			if m.Host == to.Host && m != (host.Port{Host: to.Host, Link: to.Link}) {
				return walk.End{Addr: at.Addr, Host: m.Host, Link: m.Link}
			}
		}
	}
	return at
}
