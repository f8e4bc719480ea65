package main

import (
	"fmt"
	"slices"
	"testing"

	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/simulator/chance"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// In IPVS mode a service leads to the same pods as in iptables mode, and policies
// say the same about it: from every pod, node and the outside to every virtual
// server of the examples.
func TestIPVS_SameVerdictsAsIptables(t *testing.T) {
	compared := 0
	for _, row := range []struct {
		dir      string
		nftables bool // Felix's dataplane; kube-proxy's rules are iptables' in both modes
	}{{"shop", false}, {"online-shop", false}, {"node-ports", false}, {"shop", true}, {"online-shop", true}, {"node-ports", true}} {
		t.Run(fmt.Sprintf("%s nftables %t", row.dir, row.nftables), func(t *testing.T) {
			opt := link.Options{Iptables: !row.nftables, NFTables: row.nftables, KubeProxy: link.KubeProxyIptables}
			plain := exampleFleet(t, "examples/"+row.dir, opt)
			opt.KubeProxy = link.KubeProxyIPVS
			ipvs := exampleFleet(t, "examples/"+row.dir, opt)
			for _, v := range virtualServers(ipvs) {
				for _, from := range parties(walk.New(plain, walk.Options{}), plain) {
					a, b := verdicts(plain, from, v), verdicts(ipvs, from, v)
					if elsewhere(v) && b[0] != "allow" {
						continue
					}
					if !slices.Equal(a, b) {
						t.Errorf("%s to %s:%d: iptables mode %q, IPVS mode %q", from.name, v.Addr, v.Port, a, b)
					}
					compared++
				}
			}
		})
	}
	t.Logf("%d connections compared", compared)
}

// elsewhere is the one virtual server of the examples with externalTrafficPolicy
// Local on a node without the pod. In iptables mode no rule leads such packets
// away, and they are for the node. In IPVS mode they go to the pod of another
// node, whose answer comes from an address that the client did not write to.
func elsewhere(v host.VirtualServer) bool { return v.Addr.String() == "192.0.2.1" && v.Port == 30081 }

// virtualServers are those of all nodes, each once.
func virtualServers(f *host.Fleet) []host.VirtualServer {
	var out []host.VirtualServer
	for i := range f.Hosts {
		for _, v := range f.Hosts[i].IPVS {
			if !slices.ContainsFunc(out, func(o host.VirtualServer) bool { return o.Addr == v.Addr && o.Port == v.Port && o.Proto == v.Proto }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// verdicts are the backends that a connection may reach, with its fate there.
func verdicts(f *host.Fleet, from party, v host.VirtualServer) []string {
	c, _ := everyBackend(func(s *chance.Script) trace.Connection {
		w := walk.New(f, walk.Options{Choose: s.Choose})
		return w.Connect(walk.Request{From: from.at, Dst: v.Addr, Proto: v.Proto, SrcPort: 40000, DstPort: v.Port})
	}, chance.Wanted{})
	if len(c.Backends) == 0 {
		return []string{fmt.Sprint(c.Verdict)}
	}
	var out []string
	for _, b := range c.Backends {
		out = append(out, fmt.Sprint(b.Address, " ", b.Verdict))
	}
	return out
}
