package main

import (
	"fmt"
	"net/netip"
	"sort"
	"sync"
	"testing"
	"time"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// exampleFleet reads a folder of objects from the module's root.
func exampleFleet(t *testing.T, dir string, opt link.Options) *host.Fleet {
	t.Helper()
	files, err := readInput("../../"+dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fleetOf(t, files, opt)
}

func fleetOf(t *testing.T, files []cluster.File, opt link.Options) *host.Fleet {
	t.Helper()
	snap, findings := cluster.Read(files, cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	linker, _ := link.New(snap, opt)
	f, _, err := linker.Fleet(nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// outside is an address that no node owns.
var outside = netip.MustParseAddr("198.51.100.7")

// party is one end of the lab: its place and its address.
type party struct {
	name string
	at   walk.End
	addr netip.Addr
}

func parties(w *walk.Walker, f *host.Fleet) []party {
	var out []party
	for _, e := range f.Endpoints {
		if !e.HostNetwork {
			out = append(out, party{e.Name, walk.End{Addr: e.Addrs[0], Host: e.Host, Link: e.Link}, e.Addrs[0]})
		}
	}
	for i := range f.Hosts {
		s := &f.Hosts[i]
		out = append(out, party{"node:" + string(s.Name), walk.End{Host: s.Name}, s.FindLink("eth0").Addrs[0].Prefix.Addr()})
	}
	at, _ := w.FindEnd(outside)
	out = append(out, party{"outside", at, outside})
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// Every pair of the shop's parties, on a few ports, in the walk and between
// network namespaces with the same rules in the real kernel.
func TestLab_OnlineShopInTheKernel(t *testing.T) {
	netns.Require(t, "nft", "iptables-legacy-restore", "ipset", "ip")
	for _, mode := range []link.Options{{Iptables: true}, {NFTables: true}} {
		name := "iptables"
		if mode.NFTables {
			name = "nftables"
		}
		t.Run(name, func(t *testing.T) {
			compareLab(t, exampleFleet(t, "examples/online-shop", mode), []uint16{5432, 8080, 8082}, []uint16{53})
		})
	}
}

// pairTest is one connection of the comparison.
type pairTest struct {
	name string
	try  lab.Try
	want trace.Connection
	got  lab.Answer
}

// compareLab tries everything with everything in both and reports differences.
func compareLab(t *testing.T, f *host.Fleet, tcp, udp []uint16) {
	w := walk.New(f, walk.Options{})
	all := parties(w, f)
	at, _ := w.FindEnd(outside)
	l, err := lab.Build(f, []lab.Outside{{Addr: outside, At: host.Port{Host: at.Host, Link: at.Link}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var tries []*pairTest
	add := func(proto packet.Proto, port uint16) {
		if err := l.Listen(proto, port); err != nil {
			t.Fatal(err)
		}
		for _, from := range all {
			for _, to := range append(all, party{name: "loopback", addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})}) {
				if from.name != "outside" || to.name != "outside" && to.name != "loopback" { // what is outside is no pod
					tries = append(tries, walked(w, from, to, proto, port, uint16(20000+len(tries))))
				}
			}
		}
	}
	for _, port := range tcp {
		add(packet.ProtoTCP, port)
	}
	for _, port := range udp {
		add(packet.ProtoUDP, port)
	}
	openAll(t, l, tries)
	allowed := 0
	for _, p := range tries {
		if want := p.want.Verdict == trace.Allow; want != (p.got == lab.Answered) {
			t.Errorf("%s: the walk says %s (%s), the kernel met %s", p.name, p.want.Verdict, p.want.Reason.Text, p.got)
		} else if want {
			allowed++
		}
	}
	t.Logf("%d connections compared, %d of them allowed", len(tries), allowed)
}

// walked makes a connection in the walk.
func walked(w *walk.Walker, from, to party, proto packet.Proto, port, srcPort uint16) *pairTest {
	w.Reset()
	p := &pairTest{name: fmt.Sprintf("%s to %s %s/%d", from.name, to.name, proto, port)}
	p.want = w.Connect(walk.Request{From: from.at, Dst: to.addr, Proto: proto, SrcPort: srcPort, DstPort: port})
	p.try = lab.Try{From: host.Port{Host: from.at.Host, Link: from.at.Link}, Dst: to.addr, Proto: proto, SrcPort: srcPort, DstPort: port}
	if from.at.Link != "" {
		p.try.Src = from.addr
	}
	return p
}

// openAll makes the connections in the kernel, several at a time.
func openAll(t *testing.T, l *lab.Lab, list []*pairTest) {
	t.Helper()
	work := make(chan *pairTest)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for p := range work {
				p.got = openOnce(t, l, p.try)
				if p.want.Verdict == trace.Allow && p.got != lab.Answered {
					p.try.Wait = 5 * time.Second // the machine may have been busy
					p.got = openOnce(t, l, p.try)
				}
			}
		})
	}
	for _, p := range list {
		work <- p
	}
	close(work)
	wg.Wait()
}

func openOnce(t *testing.T, l *lab.Lab, try lab.Try) lab.Answer {
	t.Helper()
	c, got, err := l.Open(try)
	if err != nil {
		t.Error(err)
	}
	c.Close()
	return got
}
