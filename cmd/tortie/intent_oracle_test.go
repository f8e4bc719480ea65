package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"tortie/compiler/calico"
	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/compiler/intent"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// intentCases is how many connections are compared; TORTIE_INTENT_N says another
// number, TORTIE_INTENT_SEED where the seeds begin.
const intentCases = 6000

const intentPerCluster = 40

// intentSeeds once made a difference; they are always tried.
var intentSeeds = []uint64{102027}

// intentWorld is one cluster with its intents, for both judges: as they are enforced
// and, if some are staged, as the preview has them.
type intentWorld struct {
	gen     *intentGen
	worlds  []intentJudged
	objects string
}

// intentJudged is a program all of which holds, and the nodes that it became.
type intentJudged struct {
	name    string
	program *intent.Program
	fleet   *host.Fleet
}

// intentLoad compiles the intents and makes the nodes.
func intentLoad(g *intentGen, intents []string) (*intentWorld, error) {
	l := &loaded{texts: map[string][]byte{}}
	files := []cluster.File{
		{Name: "cluster.yaml", Data: []byte(strings.Join(g.cluster, "---\n"))},
		{Name: "intent.yaml", Data: []byte(strings.Join(intents, "---\n"))},
	}
	snap, findings := cluster.Read(files, cluster.Options{})
	if findings = withoutOn(findings, snap); len(findings) > 0 {
		return nil, fmt.Errorf("reading: %v", findings)
	}
	l.snapshot = snap
	again := withoutOn(l.addIntents(files, cluster.Options{}, nil), snap)
	if l.findings.HasErrors() || len(again) > 0 || l.compiled == nil {
		return nil, fmt.Errorf("compiling: %v %v\n%s", l.findings, again, l.texts[compiledName])
	}
	if bad := check.Run(l.snapshot, check.Options{ErrorsOnly: true}); bad.HasErrors() {
		return nil, fmt.Errorf("validating: %v\n%s", bad, l.texts[compiledName])
	}
	w := &intentWorld{gen: g, objects: string(l.texts[compiledName])}
	all, err := intentProgram(snap)
	if err != nil {
		return nil, err
	}
	if err := w.add("enforced", all.Enforced(), l.snapshot); err != nil || !all.Staged() {
		return w, err
	}
	l.enforceStaged()
	return w, w.add("previewed", all, l.snapshot)
}

// add makes the nodes of a snapshot, which a program is held against.
func (w *intentWorld) add(name string, p *intent.Program, s *cluster.Snapshot) error {
	linker, findings := link.New(s, link.Options{Iptables: !w.gen.nftables, NFTables: w.gen.nftables})
	if findings.HasErrors() {
		return fmt.Errorf("converting: %v", findings)
	}
	fleet, findings, err := linker.Fleet(nil)
	if err != nil || findings.HasErrors() {
		return fmt.Errorf("linking: %v %v", findings, err)
	}
	w.worlds = append(w.worlds, intentJudged{name, p, fleet})
	return nil
}

func intentProgram(s *cluster.Snapshot) (*intent.Program, error) {
	var docs []*intent.Document
	for _, o := range s.Others {
		d, _ := intent.Parse(o.Node)
		docs = append(docs, d)
	}
	p, diags := intent.Link(docs, intent.Options{})
	if diags.HasErrors() {
		return nil, fmt.Errorf("linking intents: %v", diags)
	}
	return p, nil
}

// intentTry is a connection and where it begins.
type intentTry struct {
	at walk.End
	c  intent.Connection
}

func (t intentTry) request() walk.Request {
	r := walk.Request{From: t.at, Dst: t.c.Dst, Proto: t.c.Proto, SrcPort: t.c.SrcPort, DstPort: t.c.DstPort}
	if t.c.Proto.IsICMP() {
		r.HasICMP, r.ICMPType, r.ICMPCode, r.ICMPID = true, t.c.ICMPType, t.c.ICMPCode, 7
	}
	return r
}

// try is a random connection between two ends, or from or to outside.
func (g *intentGen) try() (intentTry, bool) {
	v6 := g.chance(35)
	pick := func(v4, v6addr netip.Addr) netip.Addr {
		if v6 {
			return v6addr
		}
		return v4
	}
	outside := func() netip.Addr {
		return pick(netip.MustParseAddr(g.oneOf("203.0.113.7", "203.0.113.200", "198.51.100.9")), netip.MustParseAddr(g.oneOf("2001:db8::7", "2001:dead::9")))
	}
	from, to := g.end(), g.end()
	t := intentTry{}
	t.c.Src, t.c.Dst = outside(), outside()
	switch {
	case from == nil && to == nil || from == to:
		return t, false
	case from == nil:
		t.at = walk.End{Host: host.Name(to.Node), Link: "eth0", Addr: t.c.Src}
	case from.Host:
		t.c.Src = pick(from.Addrs[0], from.Addrs[1])
		t.at = walk.End{Host: host.Name(from.Node)}
	default:
		t.c.Src = pick(from.Addrs[0], from.Addrs[1])
		ns, name, _ := strings.Cut(from.Name, "/")
		t.at = walk.End{Host: host.Name(from.Node), Link: host.LinkName(calico.InterfaceName("", ns, name)), Addr: t.c.Src}
	}
	if to != nil {
		t.c.Dst = pick(to.Addrs[0], to.Addrs[1])
	}
	if text := strings.Join(g.intents, ""); g.star && from != nil && !from.Host && (strings.Contains(text, "nodePorts:") || strings.Contains(text, "forward:")) {
		return t, false // guards judge what pods of a host with '*' send, too
	}
	g.packet(&t.c, v6)
	g.toService(&t, from)
	g.toBehind(&t)
	return t, true
}

// toService sends some connections to an address of the service with node ports: to
// node ports from elsewhere, to cluster IPs from pods and hosts other than the one
// behind, which would ask for itself.
func (g *intentGen) toService(t *intentTry, from *intent.End) {
	if g.more.IntN(100) >= 30 {
		return
	}
	for _, i := range g.more.Perm(len(g.world.Addresses)) {
		a := g.world.Addresses[i]
		if a.Addr.Is4() != t.c.Src.Is4() || a.To == t.c.Src || a.Node == "" && from == nil || from != nil && from.Node == a.Node || g.hostsOwn(a, from) {
			continue
		}
		if from == nil {
			t.at.Host = host.Name(a.Node)
		}
		t.c.Dst, t.c.Proto, t.c.SrcPort, t.c.DstPort, t.c.ICMPType = a.Addr, a.Proto, 40000, a.Port, 0
		return
	}
}

// hostsOwn says that Felix takes what goes through a service for the host's own
// packets, so that what the host may send judges them. In iptables mode, where there
// is policy for forwarded packets, kube-proxy accepts what goes on from a node port
// before Felix marks it as forwarded; in
// nftables mode OUTPUT sees what a host sends to its own pod still leave by eth0.
func (g *intentGen) hostsOwn(a intent.Address, from *intent.End) bool {
	pod := g.world.At(a.To)
	if a.Node != "" {
		return !g.nftables && pod.Node != a.Node && strings.Contains(strings.Join(g.intents, ""), "forward:")
	}
	return g.nftables && from.Host && pod.Node == from.Node
}

// end is a random end; nil is outside.
func (g *intentGen) end() *intent.End {
	n := g.IntN(len(g.world.Ends) + 2)
	if n >= len(g.world.Ends) {
		return nil
	}
	return &g.world.Ends[n]
}

func (g *intentGen) packet(c *intent.Connection, v6 bool) {
	ports := []uint16{22, 53, 67, 68, 80, 179, 443, 8055, 9000}
	c.SrcPort, c.DstPort = 40000, ports[g.IntN(len(ports))]
	switch g.IntN(10) {
	case 0, 1, 2, 3, 4:
		c.Proto = packet.ProtoTCP
	case 5, 6:
		c.Proto = packet.ProtoUDP
	case 7:
		c.Proto = packet.ProtoSCTP
	default:
		c.SrcPort, c.DstPort, c.Proto, c.ICMPType = 0, 0, packet.ProtoICMP, 8
		if g.chance(20) {
			c.ICMPType = 13
		}
		if v6 {
			c.Proto, c.ICMPType = packet.ProtoICMPv6, 128
		}
	}
}

// highPort draws the ports of masquerading from where no statement has one: the answer
// to a port that a fast path takes is not translated back, which docs/intent.md says
// and the meaning does not know.
func highPort(_ conntrack.Tuple, round int, n uint32) uint32 { return n*3/4 + uint32(round) }

// differ compares the meaning with the walk, enforced and previewed; "" is agreement.
func (w *intentWorld) differ(t intentTry) string {
	for _, j := range w.worlds {
		want := j.program.Judge(&w.gen.world, t.c)
		got := walk.New(j.fleet, walk.Options{Port: highPort}).Connect(t.request())
		if want.Allowed != (got.Verdict == trace.Allow) || got.Verdict == trace.Unknown {
			return fmt.Sprintf("%+v\n%s meaning: %v %s\nwalk: %s: %+v", t, j.name, want.Allowed, want.Why, got.Verdict, got.Reason)
		}
	}
	return ""
}

// TestIntent_MeaningIsVerdict compares the meaning of random intents with the walk
// through what they are compiled to.
func TestIntent_MeaningIsVerdict(t *testing.T) {
	n, first := int(oracleEnv("TORTIE_INTENT_N", intentCases)), oracleEnv("TORTIE_INTENT_SEED", 1)
	done, allowed, previewed, failures := 0, 0, 0, 0
	for i := 0; done < n && failures < 3; i++ {
		seed := first + uint64(i)
		if i < len(intentSeeds) {
			seed = intentSeeds[i]
		}
		g := newIntentGen(seed)
		w, err := intentLoad(g, g.intents)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(g.intents, "---\n"))
		}
		for range intentPerCluster {
			try, ok := g.try()
			if !ok {
				continue
			}
			done++
			if w.worlds[0].program.Judge(&g.world, try.c).Allowed {
				allowed++
			}
			previewed += len(w.worlds) - 1
			if w.differ(try) != "" {
				failures++
				intentReport(t, seed, g, try)
				break
			}
		}
	}
	t.Logf("%d connections compared from seed %d on, %d of them allowed, %d in the preview too, %d differ", done, first, allowed, previewed, failures)
}

// intentReport reduces the intents line by line to what the difference needs.
func intentReport(t *testing.T, seed uint64, g *intentGen, try intentTry) {
	lines := strings.SplitAfter(strings.Join(g.intents, "---\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		less := append(append([]string{}, lines[:i]...), lines[i+1:]...)
		if w, err := intentLoad(g, []string{strings.Join(less, "")}); err == nil && w.differ(try) != "" {
			lines = less
		}
	}
	text := strings.Join(lines, "")
	w, err := intentLoad(g, []string{text})
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s/intent-%d.yaml", os.TempDir(), seed)
	_ = os.WriteFile(name, []byte(strings.Join(g.cluster, "---\n")+"---\n"+text), 0o644)
	t.Errorf("seed %d: %s\nkept as %s:\n%s\n%s", seed, w.differ(try), name, text, w.objects)
}
