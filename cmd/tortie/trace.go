package main

import (
	"fmt"
	"net/netip"
	"strings"

	"tortie/compiler/link"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
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
	f.StringVar(&t.backend, "backend", "", "the only backend of a service to choose, by address or address:port")
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
	if to.port == 0 && to.proto.HasPorts() {
		return usageError("TO: %q names no port; write %s:PORT/%s", args[1], to.text, to.proto)
	}
	if err := t.packet.fits(to.proto); err != nil {
		return err
	}
	l := &loaded{texts: map[string][]byte{}}
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
	var random *script
	w := walk.New(fleet, walk.Options{Choose: func(c eval.Choice) int { return random.choose(c) }})
	w.Record(&trace.Recorder{All: t.all || t.output == "html", Text: ruleText})
	r := resolver{fleet: fleet, walker: w, loaded: l, family: packet.Family(0), iface: t.iface}
	switch t.family {
	case "4":
		r.family = packet.IPv4
	case "6":
		r.family = packet.IPv6
	}
	dst, err := r.destination(to)
	if err != nil {
		return trace.Connection{}, usageError("TO: %v", err)
	}
	src, err := r.source(from, packet.FamilyOf(dst))
	if err != nil {
		return trace.Connection{}, usageError("FROM: %v", err)
	}
	if from.kind == endAddr && from.node == "" && t.iface == "" {
		src = r.entry(src, dst)
	}
	c, ok := everyBackend(func(s *script) trace.Connection {
		random = s
		w.Reset()
		return t.packet.connect(w, walk.Request{
			From: src, Dst: dst, Proto: to.proto, SrcPort: t.portFor(to.proto), DstPort: to.port,
			HasICMP: to.icmp.set, ICMPType: to.icmp.typ, ICMPCode: to.icmp.code,
			Data: true, Enters: from.node != "",
		})
	}, t.backend)
	if !ok {
		return c, usageError("--backend %s: no backend of %s has that address", t.backend, to.text)
	}
	explain(&c, fleet)
	explainPolicies(&c, l, t.in.dumpedNodes())
	l.nameIntent(&c)
	c.Notes = append(c.Notes, fleet.Notes...)
	return c, nil
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

// resolver turns the ends that the user named into places of the fleet.
type resolver struct {
	fleet  *host.Fleet
	walker *walk.Walker
	loaded *loaded
	family packet.Family // 0 is any
	iface  string
}

// pick returns the first address of the wanted family.
func pick(addrs []netip.Addr, family packet.Family) (netip.Addr, bool) {
	for _, a := range addrs {
		if family == 0 || packet.FamilyOf(a) == family {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (r *resolver) destination(e end) (netip.Addr, error) {
	switch e.kind {
	case endAddr:
		return e.addr, nil
	case endNode:
		return r.nodeAddr(e.name, r.family)
	case endService:
		return r.serviceAddr(e)
	}
	ep, err := r.endpoint(e)
	if err != nil {
		return netip.Addr{}, err
	}
	a, ok := pick(ep.Addrs, r.family)
	if !ok {
		return a, fmt.Errorf("%s has no address of the wanted family", e.text)
	}
	return a, nil
}

func (r *resolver) source(e end, family packet.Family) (walk.End, error) {
	switch e.kind {
	case endAddr:
		return r.sourceAddr(e)
	case endNode:
		if r.fleet.FindHost(host.Name(e.name)) == nil {
			return walk.End{}, r.noNode(e.name)
		}
		return walk.End{Host: host.Name(e.name)}, nil
	case endService:
		return walk.End{}, fmt.Errorf("%s: a service begins no connections", e.text)
	}
	ep, err := r.endpoint(e)
	if err != nil {
		return walk.End{}, err
	}
	a, ok := pick(ep.Addrs, family)
	if !ok {
		return walk.End{}, fmt.Errorf("%s has no %s address", e.text, family)
	}
	if ep.HostNetwork {
		return walk.End{Addr: a, Host: ep.Host}, nil
	}
	return walk.End{Addr: a, Host: ep.Host, Link: ep.Link}, nil
}

func (r *resolver) sourceAddr(e end) (walk.End, error) {
	if e.node != "" {
		h := r.fleet.FindHost(host.Name(e.node))
		switch {
		case h == nil:
			return walk.End{}, r.noNode(e.node)
		case h.FindLink(host.LinkName(e.iface)) == nil && len(h.Links) > 0:
			return walk.End{}, fmt.Errorf("%s has no interface %q; it has %s", e.node, e.iface, linkNames(h))
		}
		return walk.End{Addr: e.addr, Host: h.Name, Link: host.LinkName(e.iface)}, nil
	}
	at, ok := r.walker.FindEnd(e.addr)
	if !ok {
		return at, fmt.Errorf("no node has a route to %s; say where it enters with %s@NODE/IFACE", e.text, e.text)
	}
	if r.iface != "" && at.Link != "" {
		h := r.fleet.FindHost(at.Host)
		if h == nil || h.FindLink(host.LinkName(r.iface)) == nil && len(h.Links) > 0 {
			return at, fmt.Errorf("%s has no interface %q", at.Host, r.iface)
		}
		at.Link = host.LinkName(r.iface)
	}
	return at, nil
}

func linkNames(h *host.State) string {
	names := make([]string, len(h.Links))
	for i, l := range h.Links {
		names[i] = string(l.Name)
	}
	return strings.Join(names, ", ")
}

func (r *resolver) noNode(name string) error {
	names := make([]string, len(r.fleet.Hosts))
	for i, h := range r.fleet.Hosts {
		names[i] = string(h.Name)
	}
	return fmt.Errorf("no node %q; there is %s", name, strings.Join(names, ", "))
}

// nodeAddr returns a node's own address: the first global one on a link that is
// neither loopback nor a tunnel.
func (r *resolver) nodeAddr(name string, family packet.Family) (netip.Addr, error) {
	h := r.fleet.FindHost(host.Name(name))
	if h == nil {
		return netip.Addr{}, r.noNode(name)
	}
	var addrs []netip.Addr
	for _, l := range h.Links {
		if l.Loopback || l.Kind == "vxlan" || l.Kind == "ipip" || l.Kind == "wireguard" {
			continue
		}
		for _, a := range l.Addrs {
			if a.Scope == host.ScopeUniverse {
				addrs = append(addrs, a.Prefix.Addr())
			}
		}
	}
	a, ok := pick(addrs, family)
	if !ok {
		if m := h.FindMissing(host.PartAddrs, family); m != nil {
			return a, fmt.Errorf("node %s: %s", name, m.Why())
		}
		return a, fmt.Errorf("node %s has no address of the wanted family", name)
	}
	return a, nil
}

func (r *resolver) endpoint(e end) (*host.Endpoint, error) {
	if e.kind == endDeploy {
		return r.workload(e)
	}
	for i := range r.fleet.Endpoints {
		if r.fleet.Endpoints[i].Name == e.name {
			return &r.fleet.Endpoints[i], nil
		}
	}
	if len(r.fleet.Endpoints) == 0 {
		return nil, fmt.Errorf("no pod %q: the input names no pods; give its address", e.text)
	}
	return nil, fmt.Errorf("no pod %q in the input%s", e.text, nearest(e.name, r.fleet.Endpoints))
}

// nearest suggests the endpoint that was probably meant.
func nearest(name string, all []host.Endpoint) string {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return nearestName(name, names)
}

// nearestName suggests a name that is written alike, else one that is the same in
// another namespace, else one of the same namespace.
func nearestName(name string, all []string) string {
	best := yamlpos.Nearest(name, all)
	ns, last, _ := strings.Cut(name, "/")
	for _, want := range []string{"/" + last, ns + "/"} {
		for _, n := range all {
			if best == "" && strings.Contains(n, want) {
				best = n
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

func (r *resolver) serviceAddr(e end) (netip.Addr, error) {
	if r.loaded.snapshot == nil {
		return netip.Addr{}, fmt.Errorf("no service %q: the input has no objects (-f)", e.text)
	}
	for _, o := range r.loaded.snapshot.Services {
		if o.Object.Namespace+"/"+o.Object.Name != e.name {
			continue
		}
		var addrs []netip.Addr
		for _, s := range append([]string{o.Object.Spec.ClusterIP}, o.Object.Spec.ClusterIPs...) {
			if a, err := netip.ParseAddr(s); err == nil {
				addrs = append(addrs, a)
			}
		}
		if a, ok := pick(addrs, r.family); ok {
			return a, nil
		}
		return netip.Addr{}, fmt.Errorf("service %s has no cluster IP of the wanted family", e.name)
	}
	var names []string
	for _, o := range r.loaded.snapshot.Services {
		names = append(names, o.Object.Namespace+"/"+o.Object.Name)
	}
	return netip.Addr{}, fmt.Errorf("no service %q in the input%s", e.name, nearestName(e.name, names))
}
