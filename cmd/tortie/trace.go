package main

import (
	"fmt"
	"slices"

	"tortie/cmd/policies"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
	"tortie/simulator/chance"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
	"tortie/simulator/walk"

	"github.com/spf13/cobra"
)

// traceFlags are the flags of tortie trace.
type traceFlags struct {
	in         inputFlags
	output     string
	all        bool
	expect     string
	sourcePort uint16
	family     string
	iface      string
	backend    string
	packet     packetFlags
	// portGiven says that --source-port was.
	portGiven bool
}

func newTrace() *cobra.Command {
	t := &traceFlags{}
	cmd := &cobra.Command{
		Use:   "trace FROM TO",
		Short: "Walk one connection, request and reply, and say which rule decided",
		Long: "Walk one connection, request and reply, through every node, hook, table, chain and rule,\n" +
			"and say which rule decided. The exit code is 0 whatever the verdict, unless --expect is given.\n\n" + endForms,
		Example: "  tortie trace --node-dump node1=captures/ 198.51.100.7 10.65.0.2:8055\n" +
			"  tortie trace -f cluster/ shop/web-1 shop/db-1:5432/tcp --expect allow",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("trace takes FROM and TO, got %d arguments (tortie trace --help)", len(args))
			}
			return nil
		},
		RunE: t.run,
	}
	t.in.register(cmd)
	t.in.registerNodeDump(cmd)
	f := cmd.Flags()
	f.StringVarP(&t.output, "output", "o", "text", "text, json, mermaid or html")
	f.BoolVar(&t.all, "all", false, "show rules that did not match, too")
	f.StringVar(&t.expect, "expect", "", "allow or deny: exit 1 if the verdict is another (a reject is a deny)")
	f.Uint16Var(&t.sourcePort, "source-port", 40000, "source port of the connection")
	f.StringVar(&t.family, "family", "", "4 or 6, for ends that have both")
	f.StringVar(&t.backend, "backend", "", "the only backend of a service to choose: a pod (ns/pod), an address or address:port")
	t.packet.register(f)
	f.StringVar(&t.iface, "iface", "", "interface of the entering node by which an outside address comes in")
	return cmd
}

func (t *traceFlags) check() error {
	if err := t.checkOutput(); err != nil {
		return err
	}
	if t.expect != "" && t.expect != "allow" && t.expect != "deny" && t.expect != "reject" {
		return usageError("--expect %q is neither allow, deny nor reject", t.expect)
	}
	if t.family != "" && t.family != "4" && t.family != "6" {
		return usageError("--family %q is neither 4 nor 6", t.family)
	}
	return t.packet.check()
}

func (t *traceFlags) run(cmd *cobra.Command, args []string) error {
	t.portGiven = cmd.Flags().Changed("source-port")
	if err := t.check(); err != nil {
		return err
	}
	from, err := parseEnd(args[0], false)
	if err != nil {
		return usageError("FROM: %v", err)
	}
	to, err := parseEnd(args[1], true)
	if err != nil {
		return usageError("TO: %v", err)
	}
	if err := t.fits(from, to); err != nil {
		return err
	}
	l := &loaded{texts: map[string][]byte{}}
	t.in.chainless = true
	fleet, err := t.in.loadFleet(cmd, l, func(k *link.Linker) []host.Name { return nodesOf(l, k, from, to) })
	if err != nil {
		return err
	}
	c, err := t.connect(l, fleet, from, to)
	if err != nil {
		return err
	}
	if err := t.write(cmd, c); err != nil {
		return &exitError{exitInternal, err.Error()}
	}
	if t.expect != "" && !met(t.expect, c.Verdict) {
		return &exitError{exitFindings, fmt.Sprintf("expected %s, got %s", t.expect, c.Verdict)}
	}
	return nil
}

// met says whether a verdict is the expected one; a reject is a deny, too.
func met(expect string, v trace.Verdict) bool {
	return expect == string(v) || expect == "deny" && v == trace.Reject
}

func (t *traceFlags) connect(l *loaded, fleet *host.Fleet, from, to end) (trace.Connection, error) {
	var random *chance.Script
	w := walk.New(fleet, walk.Options{OfPolicy: policies.Holds, Choose: func(c eval.Choice) int { return random.Choose(c) }})
	w.Record(&trace.Recorder{All: t.all || t.output == "html", Text: ruleText})
	r := resolver{fleet: fleet, walker: w, loaded: l, iface: t.iface}
	switch t.family {
	case "4":
		r.wanted = packet.IPv4
	case "6":
		r.wanted = packet.IPv6
	}
	r.family = r.wanted
	src, dst, err := r.ends(from, &to)
	if err != nil {
		return trace.Connection{}, usageError("%v", err)
	}
	entry := ""
	if from.node == "" && t.iface == "" {
		src, entry = r.entry(src, dst)
	}
	remarks := r.remarks(to, src, dst, entry)
	if nodes := ebpfNodes(l, fleet, t.in.dumpedNodes()); len(nodes) > 0 {
		c, err := t.byPolicies(l, fleet, src, dst, to)
		c.Notes = slices.Concat(c.Notes, []string{ebpfNote(nodes)}, remarks(&c), fleet.Notes)
		return c, err
	}
	c, err := everyBackend(func(s *chance.Script) trace.Connection {
		random = s
		w.Reset()
		return t.packet.connect(w, walk.Request{
			From: src, Dst: dst, Proto: to.proto, SrcPort: t.portFor(to.proto), DstPort: to.port,
			HasICMP: to.icmp.set, ICMPType: to.icmp.typ, ICMPCode: to.icmp.code,
			Data: true, Enters: from.node != "",
		})
	}, chance.Wanted{Name: t.backend, Fleet: fleet})
	if err != nil {
		return c, err
	}
	policies.Attribute(&c, fleet)
	if l.linker != nil {
		policies.New(l.linker).Explain(&c, t.in.dumpedNodes())
	}
	l.nameIntent(&c)
	c.Notes = slices.Concat(c.Notes, remarks(&c), fleet.Notes)
	return c, nil
}

// fits holds the flags against the ends.
func (t *traceFlags) fits(from, to end) error {
	switch {
	case to.port == 0 && to.portName == "" && to.proto.HasPorts() && to.kind != endService:
		return usageError("TO: %s", to.noPort())
	case t.sourcePort == 0:
		return usageError("--source-port 0 is not from 1 to 65535")
	case !to.proto.HasPorts() && t.portGiven:
		return usageError("--source-port needs a protocol with ports; the connection is %s", to.proto)
	case t.iface != "" && from.kind != endAddr:
		return usageError("--iface says where an outside address enters; FROM is %s", from.text)
	case t.iface != "" && from.node != "" && from.iface != t.iface:
		return usageError("--iface %s: FROM enters at %s", t.iface, from.iface)
	}
	return t.packet.fits(to.proto)
}

func (t *traceFlags) portFor(p packet.Proto) uint16 {
	if p.HasPorts() {
		return t.sourcePort
	}
	return 0
}

// ruleText writes a rule as its own tool does, without comment and counters.
func ruleText(t *nf.Table, _ *nf.Chain, r *nf.Rule) string {
	if t.Backend.Iptables() {
		bare := *r
		bare.Comments = nil
		return iptables.RuleText(bare)
	}
	return nftables.RuleText(*r, t.Family, true)
}
