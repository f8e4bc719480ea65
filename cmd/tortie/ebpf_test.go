package main

import (
	"slices"
	"strings"
	"testing"

	"tortie/cmd/policies"
	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// ebpfCases is how many connections of pods are judged by policies alone and by the
// walk through chains.
const ebpfCases = 3000

// What policies of pods say without chains is what the chains do: random clusters
// without host endpoints, in which every connection that eBPF mode judges has the
// verdict that the walk has in iptables mode.
func TestOracle_EBPF(t *testing.T) {
	done, allowed, failures := 0, 0, 0
	n := int(oracleEnv("TORTIE_ORACLE_N", ebpfCases))
	for seed := oracleEnv("TORTIE_ORACLE_SEED", 1); done < n && failures < 5; seed++ {
		docs := slices.DeleteFunc(oracleCluster(seed), func(d string) bool { return strings.Contains(d, "\nkind: HostEndpoint\n") })
		snap, _ := cluster.Read([]cluster.File{{Name: "cluster.yaml", Data: []byte(strings.Join(docs, "---\n"))}}, cluster.Options{})
		linker, _ := link.New(snap, link.Options{KubeProxy: link.KubeProxyNone, Iptables: true})
		fleet, _, err := linker.Fleet(nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		e := policies.NewChainless(linker, fleet)
		s := oracleSides{world: newOracleWorld(snap, false), fleet: fleet}
		for _, try := range s.world.tries(seed, oraclePerCluster) {
			p := packet.Packet{Src: try.p.src, Dst: try.p.dst, Proto: try.p.proto, SrcPort: try.p.sport, DstPort: try.p.dport,
				ICMPType: try.p.icmpType, ICMPCode: try.p.icmpCode}
			got := e.Judge(walk.End{Addr: try.p.src, Host: host.Name(try.from.node), Link: host.LinkName(try.from.iface)}, p)
			if got.Verdict == trace.Unknown {
				continue
			}
			done++
			want, why := s.world.connect(try.from, try.p)
			if want {
				allowed++
			}
			if want != (got.Verdict == trace.Allow) {
				failures++
				t.Errorf("seed %d: %v\noracle: %v %s\nby policies: %s %s\n%s", seed, try, want, why, got.Verdict, got.Reason.Text, s.differ(try))
			}
		}
	}
	t.Logf("%d connections, %d allowed, %d differ", done, allowed, failures)
}
