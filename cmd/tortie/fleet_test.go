package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// fleetCases is how many connections between namespaces are compared;
// TORTIE_FLEET_N says another number, TORTIE_FLEET_SEED where the seeds begin.
const fleetCases = 100

// fleetPerCluster is how many connections are tried in each cluster and mode.
const fleetPerCluster = 50

// fleetCase is a cluster and the connections that are tried in it.
type fleetCase struct {
	docs     []string
	nftables bool
	tries    []fleetTry
}

// fleetTry is one connection to try; wait is how long its answer may take.
type fleetTry struct {
	request walk.Request
	wait    time.Duration
}

func (t fleetTry) String() string {
	r := &t.request
	closed := ""
	if r.Closed {
		closed = ", where nobody listens"
	}
	return fmt.Sprintf("%v to %v port %d/%s from port %d of %s %s%s", r.From.Addr, r.Dst, r.DstPort, r.Proto, r.SrcPort, r.From.Host, r.From.Link, closed)
}

func (t fleetTry) try() lab.Try {
	r := &t.request
	out := lab.Try{From: host.Port{Host: r.From.Host, Link: r.From.Link}, Src: r.From.Addr, Dst: r.Dst, Proto: r.Proto, SrcPort: r.SrcPort, DstPort: r.DstPort, Wait: t.wait}
	if r.Proto.IsICMP() {
		out.SrcPort = r.ICMPID
	}
	return out
}

// errFelixBreaks says that the kernel does not take the rules, and Felix ends.
var errFelixBreaks = errors.New("Felix does not work with this")

// fleet links the case's documents. ICMP errors are not limited and there are no
// redirects, because both depend on the clock.
func (c *fleetCase) fleet() (*host.Fleet, error) {
	snap, findings := cluster.Read([]cluster.File{{Name: "cluster.yaml", Data: []byte(strings.Join(c.docs, "---\n"))}}, cluster.Options{})
	if findings.HasErrors() {
		return nil, fmt.Errorf("reading: %v", findings)
	}
	linker, findings := link.New(snap, link.Options{Iptables: !c.nftables, NFTables: c.nftables})
	if findings.HasErrors() {
		return nil, fmt.Errorf("converting: %v", findings)
	}
	f, findings, err := linker.Fleet(nil)
	if err != nil || findings.HasErrors() {
		return nil, fmt.Errorf("linking: %v %v", findings, err)
	}
	if slices.ContainsFunc(findings, func(f diag.Finding) bool { return f.Code == "felix/breaks" }) {
		return nil, errFelixBreaks
	}
	f.Virtual = nil // somebody outside has services' addresses in the lab, to see what leaves for them
	for i := range f.Hosts {
		s := &f.Hosts[i]
		for _, l := range append([]host.Link{{Name: "all"}, {Name: "default"}}, s.Links...) {
			s.Sysctls["net.ipv4.conf."+strings.ReplaceAll(string(l.Name), ".", "/")+".send_redirects"] = "0"
		}
	}
	return f, nil
}

// fleetGateway is whom the outside reaches services by.
func fleetGateway(f *host.Fleet) host.Port { return host.Port{Host: f.Hosts[0].Name, Link: "eth0"} }

// fleetTries are random connections between pods, nodes and the outside.
func fleetTries(f *host.Fleet, seed uint64, n int) []fleetTry {
	g := &oracleGen{Rand: rand.New(rand.NewPCG(seed, 4))}
	var out []fleetTry
	seen := map[string]bool{}
	for tried := 0; len(out) < n && tried < 20*n; tried++ {
		v6 := fleetHas6(f) && g.chance(40)
		r := walk.Request{SrcPort: uint16(20000 + tried), Proto: packet.ProtoTCP}
		r.From = g.fleetFrom(f, v6)
		r.Dst = g.fleetTo(f, v6)
		if !r.Dst.IsValid() || r.From.Addr == r.Dst || !g.fleetEntry(f, &r) {
			continue
		}
		r.DstPort = []uint16{22, 53, 80, 80, 443, 8055, 30080, 30081}[g.IntN(8)]
		switch g.IntN(10) {
		case 0, 1, 2:
			r.Proto = packet.ProtoUDP
		case 3, 4:
			r.Proto, r.ICMPID, r.SrcPort, r.DstPort = packet.ProtoICMP, uint16(1000+tried), 0, 0
			if v6 {
				r.Proto = packet.ProtoICMPv6
			}
		}
		if !r.Proto.IsICMP() && g.chance(8) {
			r.Closed, r.DstPort = true, 9000
		}
		// A process hears of errors about all pings to one address.
		key := fmt.Sprint(r.From.Host, r.From.Link, r.Dst)
		if r.Proto.IsICMP() && seen[key] {
			continue
		}
		seen[key] = seen[key] || r.Proto.IsICMP()
		out = append(out, fleetTry{request: r})
	}
	return out
}

func fleetHas6(f *host.Fleet) bool {
	for _, a := range f.Hosts[0].FindLink("eth0").Addrs {
		if a.Prefix.Addr().Is6() {
			return true
		}
	}
	return false
}

// ofFamily is the first address of a family.
func ofFamily(list []netip.Addr, v6 bool) netip.Addr {
	for _, a := range list {
		if a.Is6() == v6 {
			return a
		}
	}
	return netip.Addr{}
}

func linkAddr(s *host.State, link host.LinkName, v6 bool) netip.Addr {
	var list []netip.Addr
	if l := s.FindLink(link); l != nil {
		for _, a := range l.Addrs {
			list = append(list, a.Prefix.Addr())
		}
	}
	return ofFamily(list, v6)
}

// fleetFrom is who begins: a pod, a process of a node, or someone outside.
func (g *oracleGen) fleetFrom(f *host.Fleet, v6 bool) walk.End {
	switch kind := g.IntN(8); {
	case kind < 4 && len(f.Endpoints) > 0:
		e := &f.Endpoints[g.IntN(len(f.Endpoints))]
		return walk.End{Addr: ofFamily(e.Addrs, v6), Host: e.Host, Link: e.Link}
	case kind < 6:
		return walk.End{Host: f.Hosts[g.IntN(len(f.Hosts))].Name}
	}
	list := fleetOutside[v6]
	return walk.End{Addr: list[g.IntN(len(list))], Link: "eth0"}
}

func (g *oracleGen) fleetTo(f *host.Fleet, v6 bool) netip.Addr {
	pick := func(list []netip.Addr) netip.Addr { return list[g.IntN(len(list))] }
	switch kind := g.IntN(10); {
	case kind < 4 && len(f.Endpoints) > 0:
		return ofFamily(f.Endpoints[g.IntN(len(f.Endpoints))].Addrs, v6)
	case kind < 6:
		s := &f.Hosts[g.IntN(len(f.Hosts))]
		if a := linkAddr(s, map[bool]host.LinkName{false: "vxlan.calico", true: "vxlan-v6.calico"}[v6], v6); a.IsValid() && g.chance(20) {
			return a
		}
		return linkAddr(s, "eth0", v6)
	case kind < 8:
		return pick(fleetServed[v6])
	}
	return pick(fleetOutside[v6])
}

// fleetEntry chooses the node by which someone outside comes in: the one that has
// the destination. False for what does not meet a node.
func (g *oracleGen) fleetEntry(f *host.Fleet, r *walk.Request) bool {
	if r.From.Host != "" {
		return true
	}
	for i := range f.Endpoints {
		for _, a := range f.Endpoints[i].Addrs {
			if a == r.Dst {
				r.From.Host = f.Endpoints[i].Host
				return true
			}
		}
	}
	for i := range f.Hosts {
		for j := range f.Hosts[i].Links {
			for _, a := range f.Hosts[i].Links[j].Addrs {
				if a.Prefix.Addr() == r.Dst {
					r.From.Host = f.Hosts[i].Name
					return f.Hosts[i].Links[j].Name == "eth0"
				}
			}
		}
	}
	for _, a := range fleetServed[r.Dst.Is6()] {
		if a == r.Dst {
			r.From.Host = fleetGateway(f).Host
		}
	}
	return r.From.Host != ""
}

// TestFleet_Random builds random clusters of network namespaces with the rules
// that the compiler makes, and compares what connections meet there with the walk.
func TestFleet_Random(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore", "iptables-legacy-save", "ip6tables-legacy-restore", "ipset", "nft", "ip", "conntrack")
	n := int(oracleEnv("TORTIE_FLEET_N", fleetCases))
	seed := oracleEnv("TORTIE_FLEET_SEED", uint64(time.Now().UnixNano())%1_000_000_000)
	t.Logf("first seed %d (TORTIE_FLEET_SEED=%d repeats)", seed, seed)
	var sum fleetSummary
	for failures := 0; sum.connections < n && failures < int(oracleEnv("TORTIE_FLEET_FAILURES", 3)); seed++ {
		c := &fleetCase{docs: fleetCluster(seed), nftables: seed%2 == 1}
		f, err := c.fleet()
		if errors.Is(err, errFelixBreaks) {
			sum.broken++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(c.docs, "---\n"))
		}
		c.tries = fleetTries(f, seed, fleetPerCluster)
		diffs, err := c.run(&sum)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(diffs) == 0 {
			continue
		}
		if again, _ := c.run(&fleetSummary{}); len(again) == 0 {
			sum.once++
			t.Logf("seed %d differed once and not again: %s", seed, strings.Join(diffs, "\n"))
			continue
		}
		failures++
		t.Errorf("seed %d, nftables %v:\n%s", seed, c.nftables, strings.Join(diffs, "\n"))
		fleetReport(t, seed, c)
	}
	t.Log(sum.String())
	if sum.once > 1+sum.clusters/20 {
		t.Errorf("too many clusters differed once: %d", sum.once)
	}
}

// fleetShrinking is for how many seconds a case that differs is made smaller;
// TORTIE_FLEET_SHRINK says another number.
const fleetShrinking = 120

// fleetReport reduces a case to what the difference needs, and shows it.
func fleetReport(t *testing.T, seed uint64, c *fleetCase) {
	t.Helper()
	deadline := time.Now().Add(time.Duration(oracleEnv("TORTIE_FLEET_SHRINK", fleetShrinking)) * time.Second)
	differs := func(c *fleetCase) bool {
		if time.Now().After(deadline) {
			return false
		}
		d, err := c.run(&fleetSummary{})
		return err == nil && len(d) > 0
	}
	small := c.smaller(differs)
	if small == c {
		return
	}
	diffs, err := small.run(&fleetSummary{})
	var brief []string
	for _, d := range small.docs {
		if !oracleKeeps(d) {
			brief = append(brief, d)
		}
	}
	t.Logf("seed %d made smaller, nftables %v (%v):\n%s\n%v\n%s", seed, c.nftables, err, strings.Join(diffs, "\n"), small.tries, strings.Join(brief, "---\n"))
}

// smaller leaves out connections and documents as long as the case differs.
func (c *fleetCase) smaller(differs func(*fleetCase) bool) *fleetCase {
	best := c
	for size := len(best.tries) / 2; size > 0; size /= 2 {
		for i := 0; i < len(best.tries); {
			less := *best
			less.tries = append(append([]fleetTry{}, best.tries[:i]...), best.tries[min(i+size, len(best.tries)):]...)
			if len(less.tries) > 0 && differs(&less) {
				best = &less
			} else {
				i += size
			}
		}
	}
	for i := len(best.docs) - 1; i >= 0; i-- {
		if oracleKeeps(best.docs[i]) {
			continue
		}
		less := *best
		less.docs = append(append([]string{}, best.docs[:i]...), best.docs[i+1:]...)
		if differs(&less) {
			best = &less
		}
	}
	return best
}

// fleetSummary counts what was compared.
type fleetSummary struct {
	clusters, connections, allowed, rejected, halfOpen int
	rules, hits, entries, seen, once                   int
	broken, tunnelled                                  int
	kinds                                              map[string]int
}

func (s *fleetSummary) String() string {
	return fmt.Sprintf("%d connections in %d clusters compared, %d allowed, %d rejected, %d of them half open (verdict only), %d through a tunnel: %d rules hit %d times, %d connection table entries, %d addresses seen by the far end; %d clusters left out because Felix does not work with them, %d differed once and not again; %v",
		s.connections, s.clusters, s.allowed, s.rejected, s.halfOpen, s.tunnelled, s.rules, s.hits, s.entries, s.seen, s.broken, s.once, s.kinds)
}

// expects is the answer that a verdict of the walk means.
func expects(c *trace.Connection, closed bool) lab.Answer {
	last := trace.Request
	if n := len(c.Packets); n > 0 {
		last = c.Packets[n-1].Direction
	}
	switch {
	case c.Verdict == trace.Allow && closed, c.Verdict == trace.Reject && last == trace.Request:
		return lab.Refused
	case c.Verdict == trace.Allow:
		return lab.Answered
	}
	return lab.Silence
}
