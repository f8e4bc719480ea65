package felix

import (
	"fmt"
	"net/netip"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
)

// busyNode is a node with many workloads, each under many policies.
func busyNode(workloads, policies int, nft bool) *resolve.View {
	v := &resolve.View{Hostname: "n", Settings: resolve.DefaultSettings()}
	v.Settings.NFTables = nft
	tier := resolve.Tier{Name: "default", DefaultAction: resolve.Deny}
	for i := range policies {
		id := resolve.PolicyID{Kind: "NetworkPolicy", Namespace: "shop", Name: fmt.Sprint("policy-", i)}
		set := fmt.Sprintf("s:%024d", i)
		rule := resolve.Rule{
			Action: resolve.Allow, Protocol: packet.ProtoTCP,
			Src: resolve.Match{Sets: []string{set}},
			Dst: resolve.Match{Ports: []resolve.PortRange{{From: 80, To: 80}, {From: 8000, To: 8100}}},
		}
		v.Policies = append(v.Policies, resolve.Policy{
			ID: id, Tier: "default", Selector: fmt.Sprint("app == ", i/3),
			Inbound: []resolve.Rule{rule, rule}, Outbound: []resolve.Rule{rule},
		})
		s := resolve.IPSet{ID: set, Type: resolve.SetNet}
		for j := range 50 {
			a := netip.AddrFrom4([4]byte{10, byte(i), byte(j), 1})
			s.Members = append(s.Members, resolve.Member{Prefix: netip.PrefixFrom(a, 32)})
		}
		v.IPSets = append(v.IPSets, s)
		tier.Ingress = append(tier.Ingress, id)
		tier.Egress = append(tier.Egress, id)
	}
	for i := range workloads {
		from := i % max(policies-30, 1)
		own := resolve.Tier{
			Name: "default", DefaultAction: resolve.Deny,
			Ingress: tier.Ingress[from:min(from+30, policies)], Egress: tier.Egress[from:min(from+30, policies)],
		}
		v.Workloads = append(v.Workloads, resolve.Workload{
			Orchestrator: "k8s", Workload: fmt.Sprint("shop/w", i), Endpoint: "eth0", Active: true,
			Iface: fmt.Sprintf("cali%011x", i*7919), Tiers: []resolve.Tier{own},
			IPv4: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)}), 32)},
		})
	}
	return v
}

// BenchmarkProgram: a full node (110 pods) of a big cluster (2,000 policies, of
// which 30 select each pod).
func BenchmarkProgram(b *testing.B) {
	for _, nft := range []bool{false, true} {
		b.Run(map[bool]string{false: "iptables", true: "nftables"}[nft], func(b *testing.B) {
			v := busyNode(110, 2000, nft)
			b.ReportAllocs()
			rules := 0
			for b.Loop() {
				res, err := Program(v)
				if err != nil {
					b.Fatal(err)
				}
				rules = 0
				for _, t := range res.Ruleset.Tables {
					for _, c := range t.Chains {
						rules += len(c.Rules)
					}
				}
			}
			b.ReportMetric(float64(rules), "rules")
		})
	}
}
