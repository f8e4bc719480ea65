package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// oracleCases is how many connections are compared; TORTIE_ORACLE_N says another
// number, TORTIE_ORACLE_SEED where the seeds begin.
const oracleCases = 6000

// oraclePerCluster is how many connections are tried in each cluster and mode.
const oraclePerCluster = 30

func oracleEnv(name string, def uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return def
}

// oracleTry is one connection to try.
type oracleTry struct {
	from oraclePlace
	p    oraclePacket
}

func (t oracleTry) String() string {
	return fmt.Sprintf("%v > %v:%d/%s from port %d type %d code %d of %v", t.p.src, t.p.dst, t.p.dport, t.p.proto, t.p.sport, t.p.icmpType, t.p.icmpCode, t.from)
}

// request is the connection for the walk; the source of a process is left to it.
func (t oracleTry) request() walk.Request {
	r := walk.Request{From: walk.End{Addr: t.p.src, Host: host.Name(t.from.node), Link: host.LinkName(t.from.iface)},
		Dst: t.p.dst, Proto: t.p.proto, SrcPort: t.p.sport, DstPort: t.p.dport}
	if t.from.iface == "" {
		r.From.Addr = netip.Addr{}
	}
	if t.p.proto.IsICMP() {
		r.HasICMP, r.ICMPType, r.ICMPCode, r.ICMPID = true, t.p.icmpType, t.p.icmpCode, 7
	}
	return r
}

// oracleSides is a cluster for both judges; undiscovered counts the connections
// that the oracle allows and that the walk denies for want of neighbour discovery.
type oracleSides struct {
	undiscovered int

	world *oracleWorld
	fleet *host.Fleet
}

func oracleLoad(docs []string, nftables bool) (oracleSides, error) {
	text := strings.Join(docs, "---\n")
	snap, findings := cluster.Read([]cluster.File{{Name: "cluster.yaml", Data: []byte(text)}}, cluster.Options{})
	if findings.HasErrors() {
		return oracleSides{}, fmt.Errorf("reading: %v", findings)
	}
	linker, findings := link.New(snap, link.Options{KubeProxy: link.KubeProxyNone, Iptables: !nftables, NFTables: nftables})
	if findings.HasErrors() {
		return oracleSides{}, fmt.Errorf("converting: %v", findings)
	}
	fleet, findings, err := linker.Fleet(nil)
	if err != nil || findings.HasErrors() {
		return oracleSides{}, fmt.Errorf("linking: %v %v", findings, err)
	}
	return oracleSides{world: newOracleWorld(snap, nftables), fleet: fleet}, nil
}

// differ compares both judges on one connection; "" is agreement.
func (s *oracleSides) differ(t oracleTry) string {
	want, why := s.world.connect(t.from, t.p)
	first := func(conntrack.Tuple, int, uint32) uint32 { return 0 } // the oracle takes the first port for what the kernel draws
	got := walk.New(s.fleet, walk.Options{Port: first}).Connect(t.request())
	if want == (got.Verdict == trace.Allow) && got.Verdict != trace.Unknown {
		return ""
	}
	// Policies that drop ICMPv6 on a host endpoint cut all IPv6 on its link off
	// from neighbour discovery; the oracle reads policy only.
	if strings.HasPrefix(got.Reason.Text, "IPv6 neighbour discovery is dropped") {
		s.undiscovered++
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v\noracle: %v %s\nwalk: %s: %+v\n", t, want, why, got.Verdict, got.Reason)
	return b.String()
}

// tries are random connections in a cluster.
func (w *oracleWorld) tries(seed uint64, n int) []oracleTry {
	g := &oracleGen{Rand: rand.New(rand.NewPCG(seed, 2))}
	outside := []string{"203.0.113.7", "203.0.113.200", "198.51.100.9", "192.168.56.99"}
	outside6 := []string{"2001:db8::7", "2001:db8:1::200", "fd00:56::99"}
	var out []oracleTry
	for len(out) < n {
		t, i, outside := oracleTry{}, 0, outside
		if w.nodes[0].v6.IsValid() && g.chance(40) {
			i, outside = 1, outside6
		}
		kind := g.IntN(8)
		node := w.nodes[g.IntN(len(w.nodes))]
		switch {
		case kind < 4 && len(w.pods) > 0:
			pod := w.pods[g.IntN(len(w.pods))]
			t.from, t.p.src = oraclePlace{pod.node, pod.iface}, pod.addrs[i]
		case kind < 6:
			t.from = oraclePlace{node: node.name}
		default:
			t.from, t.p.src = oraclePlace{node.name, "eth0"}, netip.MustParseAddr(g.oneOf(outside...))
		}
		switch kind := g.IntN(8); {
		case kind < 4 && len(w.pods) > 0:
			t.p.dst = w.pods[g.IntN(len(w.pods))].addrs[i]
		case kind < 6:
			t.p.dst = w.nodes[g.IntN(len(w.nodes))].addr(i)
		default:
			t.p.dst = netip.MustParseAddr(g.oneOf(outside...))
		}
		if w.sensible(&t) {
			g.protocol(&t.p)
			out = append(out, t)
		}
	}
	return out
}

// sensible leaves out what stays within one process or never meets a node, and
// gives processes their source.
func (w *oracleWorld) sensible(t *oracleTry) bool {
	n := w.node(t.from.node)
	if t.p.src == t.p.dst || t.from.iface == "" && n.owns(t.p.dst) {
		return false
	}
	if t.from.iface == "" {
		t.p.src = n.v4
		if t.p.dst.Is6() {
			t.p.src = n.v6
		}
		if p := w.podAt(t.p.dst); p != nil && p.node != n.name && t.p.dst.Is4() {
			switch w.deviceTo(n, w.node(p.node), t.p.dst) {
			case "vxlan.calico":
				t.p.src = n.vxlan
			case "tunl0":
				t.p.src = n.ipip
			}
		}
	}
	return true
}

func (g *oracleGen) protocol(p *oraclePacket) {
	ports := []uint16{22, 53, 67, 68, 80, 179, 443, 8055, 9000}
	switch g.IntN(20) {
	case 0:
		p.proto = 253
		return
	case 1:
		p.proto = packet.ProtoUDPLite
	case 2, 3, 4, 5, 6:
		p.proto = packet.ProtoUDP
	case 7, 8:
		p.proto = packet.ProtoSCTP
	default:
		p.proto = packet.ProtoTCP
	case 17, 18, 19:
		p.proto, p.icmpType = packet.ProtoICMP, 8
		if g.chance(20) {
			p.icmpType = 13
		}
		if p.src.Is6() {
			p.proto, p.icmpType = packet.ProtoICMPv6, 128
		}
		if g.chance(20) {
			p.icmpCode = 1
		}
		return
	}
	p.sport, p.dport = 40000, ports[g.IntN(len(ports))]
	if g.chance(5) && p.proto == packet.ProtoUDP {
		p.dport = 4789
	}
	if g.chance(10) {
		p.sport = ports[g.IntN(len(ports))]
	}
}

// TestOracle_Random compares the walk with the oracle on random clusters.
func TestOracle_Random(t *testing.T) {
	n := int(oracleEnv("TORTIE_ORACLE_N", oracleCases))
	seed := oracleEnv("TORTIE_ORACLE_SEED", 1)
	done, allowed, failures, undiscovered := 0, 0, 0, 0
	for ; done < n && failures < int(oracleEnv("TORTIE_ORACLE_FAILURES", 5)); seed++ {
		docs := oracleCluster(seed)
		for _, nftables := range []bool{false, true} {
			s, err := oracleLoad(docs, nftables)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(docs, "---\n"))
			}
			for _, try := range s.world.tries(seed, oraclePerCluster) {
				done++
				if ok, _ := s.world.connect(try.from, try.p); ok {
					allowed++
				}
				if s.differ(try) != "" {
					failures++
					oracleReport(t, seed, docs, nftables, try)
					break
				}
			}
			undiscovered += s.undiscovered
		}
	}
	t.Logf("%d connections compared up to seed %d, %d of them allowed, %d without IPv6 neighbour discovery, %d differ",
		done-undiscovered, seed-1, allowed, undiscovered, failures)
}

// oracleKept is the folder of clusters in which the two once differed.
const oracleKept = "testdata/oracle"

// TestOracle_Kept compares again where the two once differed.
func TestOracle_Kept(t *testing.T) {
	names, err := filepath.Glob(oracleKept + "/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no clusters in %s: %v", oracleKept, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var seed uint64
		if _, err := fmt.Sscanf(filepath.Base(name), "seed-%d.yaml", &seed); err != nil {
			t.Fatalf("%s: no seed in the name", name)
		}
		for _, nftables := range []bool{false, true} {
			s, err := oracleLoad([]string{string(text)}, nftables)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, try := range s.world.tries(seed, 10*oraclePerCluster) {
				if d := s.differ(try); d != "" {
					t.Errorf("%s, nftables %v: %s", name, nftables, d)
				}
			}
		}
	}
}

// oracleReport reduces a cluster to what the difference needs, and keeps it.
func oracleReport(t *testing.T, seed uint64, docs []string, nftables bool, try oracleTry) {
	for i := len(docs) - 1; i >= 0; i-- {
		if oracleKeeps(docs[i]) {
			continue
		}
		less := append(append([]string{}, docs[:i]...), docs[i+1:]...)
		if s, err := oracleLoad(less, nftables); err == nil && s.has(try) && s.differ(try) != "" {
			docs = less
		}
	}
	s, _ := oracleLoad(docs, nftables)
	text := strings.Join(docs, "---\n")
	brief := strings.Join(slices.DeleteFunc(slices.Clone(docs), oracleKeeps), "---\n")
	name := filepath.Join(oracleKept, fmt.Sprintf("seed-%d.yaml", seed))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
	t.Errorf("seed %d, nftables %v: %s\nkept as %s:\n%s", seed, nftables, s.differ(try), name, brief)
}

// oracleKeeps reports whether a document is part of the place, not of its policy.
func oracleKeeps(doc string) bool {
	for _, kind := range []string{"Pod", "Node", "Namespace", "ServiceAccount", "BlockAffinity"} {
		if strings.Contains(doc, "\nkind: "+kind+"\n") {
			return true
		}
	}
	return false
}

// has reports whether a cluster still has the ends of a connection.
func (s *oracleSides) has(t oracleTry) bool {
	h := s.fleet.FindHost(host.Name(t.from.node))
	return h != nil && h.FindLink(host.LinkName(t.from.iface)) != nil == (t.from.iface != "")
}
