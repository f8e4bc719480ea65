package main

import (
	"fmt"
	"net/netip"
	"sort"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
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

// party is one end of the lab: a namespace, its place in the walk, its address.
type party struct {
	name string
	at   walk.End
	addr netip.Addr
}

func parties(l *lab, f *host.Fleet) []party {
	var out []party
	for _, e := range f.Endpoints {
		if l.pods[e.Name] != nil {
			out = append(out, party{e.Name, walk.End{Addr: e.Addrs[0], Host: e.Host, Link: e.Link}, e.Addrs[0]})
		}
	}
	for i := range f.Hosts {
		s := &f.Hosts[i]
		out = append(out, party{"node:" + string(s.Name), walk.End{Host: s.Name}, s.FindLink("eth0").Addrs[0].Prefix.Addr()})
	}
	out = append(out, party{"outside", walk.End{}, outside})
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// Every pair of the shop's parties, on a few ports, in the walk and between
// network namespaces with the same rules in the real kernel.
func TestLab_OnlineShopInTheKernel(t *testing.T) {
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

// compareLab tries everything with everything in both and reports differences.
func compareLab(t *testing.T, f *host.Fleet, tcp, udp []uint16) {
	l := buildLab(t, f)
	all := parties(l, f)
	for _, p := range all {
		for _, port := range tcp {
			listen(t, l.nsOf(p), packet.ProtoTCP, port)
		}
		for _, port := range udp {
			listen(t, l.nsOf(p), packet.ProtoUDP, port)
		}
	}
	w := walk.New(f, walk.Options{})
	var tries []*attempt
	var names []string
	var wants []trace.Connection
	srcPort := uint16(20000)
	add := func(from, to party, proto packet.Proto, port uint16) {
		srcPort++
		at := from.at
		if from.name == "outside" {
			at, _ = w.FindEnd(outside)
		}
		w.Reset()
		c := w.Connect(walk.Request{From: at, Dst: to.addr, Proto: proto, SrcPort: srcPort, DstPort: port})
		a := &attempt{ns: l.nsOf(from), src: from.at.Addr, dst: netip.AddrPortFrom(to.addr, port), proto: proto, srcPort: srcPort}
		tries, wants = append(tries, a), append(wants, c)
		names = append(names, fmt.Sprintf("%s to %s %s/%d", from.name, to.name, proto, port))
	}
	for _, from := range all {
		for _, to := range all {
			if from.name == to.name {
				continue
			}
			for _, port := range tcp {
				add(from, to, packet.ProtoTCP, port)
			}
			for _, port := range udp {
				add(from, to, packet.ProtoUDP, port)
			}
		}
	}
	tryAll(t, tries)
	allowed := 0
	for i, a := range tries {
		if want := wants[i].Verdict == trace.Allow; want != a.answered {
			t.Errorf("%s: the walk says %s (%s), the kernel answered: %v", names[i], wants[i].Verdict, wants[i].Reason.Text, a.answered)
		} else if want {
			allowed++
		}
	}
	t.Logf("%d connections compared, %d of them allowed", len(tries), allowed)
}

func (l *lab) nsOf(p party) *netns.NS {
	switch {
	case p.name == "outside":
		return l.out
	case l.pods[p.name] != nil:
		return l.pods[p.name]
	}
	return l.hosts[p.at.Host]
}
