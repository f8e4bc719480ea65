package felix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"tortie/compiler/cluster"
	"tortie/compiler/resolve"
	"tortie/dataplane/dump"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// scenario is one recording of a whole Felix: what went in, what it programmed.
type scenario struct {
	inputs, env, addrs, iptables, ip6tables, ipset, nft string
}

// viewOf resolves a scenario's inputs for node1.
func viewOf(t *testing.T, in, env, addrs string) *resolve.View {
	t.Helper()
	snap, findings := cluster.Read([]cluster.File{{Name: "inputs.yaml", Data: []byte(in)}}, cluster.Options{})
	for _, f := range findings {
		t.Logf("%s: %s: %s", f.Span, f.Severity, f.Message)
	}
	model, _ := snap.Model()
	vars := map[string]string{}
	for _, line := range strings.Split(env, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			vars[k] = v
		}
	}
	state, _ := dump.Read(fstest.MapFS{"addr.txt": {Data: []byte(addrs)}}, "node1")
	opt := resolve.NodeOptions{Env: resolve.EnvConfig(vars)}
	for _, l := range state.Links {
		i := resolve.Interface{Name: string(l.Name), Up: l.Up, Loopback: l.Loopback}
		for _, a := range l.Addrs {
			i.Addrs = append(i.Addrs, a.Prefix)
		}
		opt.Interfaces = append(opt.Interfaces, i)
		opt.IPVS = opt.IPVS || l.Name == "kube-ipvs0"
	}
	v, vf := resolve.New(snap, model).Node("node1", opt)
	for _, f := range vf {
		t.Logf("%s: %s: %s", f.Span, f.Severity, f.Message)
	}
	return v
}

// onlyFelix leaves of the base chains what Felix put there (its jumps and the two
// appended rules of FORWARD) and drops the chains of others.
func onlyFelix(tables []nf.Table) []nf.Table {
	var out []nf.Table
	for _, t := range tables {
		keep := t
		keep.Chains = nil
		has := false
		for _, c := range t.Chains {
			if strings.HasPrefix(string(c.Name), "cali-") {
				has = true
			} else if c.Base == nil {
				continue
			} else {
				c.Rules = ownRules(c.Rules)
			}
			keep.Chains = append(keep.Chains, c)
		}
		if has {
			out = append(out, keep)
		}
	}
	return out
}

func ownRules(rules []nf.Rule) []nf.Rule {
	var out []nf.Rule
	for _, r := range rules {
		for _, c := range r.Comments {
			if strings.HasPrefix(c, "cali:") {
				out = append(out, r)
				break
			}
		}
	}
	return out
}

func TestScenario_Dev(t *testing.T) {
	dirs := os.Getenv("TORTIE_FELIX_RECORDINGS")
	if dirs == "" {
		t.Skip("TORTIE_FELIX_RECORDINGS is not set")
	}
	read := func(p string) string { b, _ := os.ReadFile(p); return string(b) }
	total, scenarios := 0, 0
	for _, root := range filepath.SplitList(dirs) {
		list, _ := filepath.Glob(root + "/*/iptables-save.txt")
		for _, p := range list {
			d := filepath.Dir(p)
			in := read(d + "/inputs.yaml")
			if c := read(d + "/cluster.yaml"); c != "" {
				in = c
			}
			t.Run(filepath.Base(d)+"/iptables", func(t *testing.T) {
				res, err := Program(viewOf(t, in, read(d+"/felix.env"), read(d+"/ip-addr.txt")))
				if err != nil {
					t.Fatal(err)
				}
				want, _ := iptables.Parse("iptables-save", []byte(read(d+"/iptables-save.txt")), iptables.Options{Family: packet.IPv4})
				six, _ := iptables.Parse("ip6tables-save", []byte(read(d+"/ip6tables-save.txt")), iptables.Options{Family: packet.IPv6})
				text := func(t nf.Table, r nf.Rule) string { r.Comments = nil; return iptables.RuleText(r) + "   " + body(r) }
				total += compareChains(t, chainsOf(onlyFelix(append(want, six...)), text), chainsOf(onlyFelixBases(res.Ruleset.Tables), text))
				compareIPSets(t, read(d+"/ipset-save.txt"), res.Ruleset.IPSets)
				scenarios++
			})
			nft := read(d + "/nft-ruleset.txt")
			if nft == "" {
				continue
			}
			t.Run(filepath.Base(d)+"/nftables", func(t *testing.T) {
				addr := read(d + "/ip-addr.nft.txt")
				if addr == "" {
					addr = read(d + "/ip-addr.txt")
				}
				res, err := Program(viewOf(t, in, read(d+"/felix.env.nft"), addr))
				if err != nil {
					t.Fatal(err)
				}
				all, _ := nftables.Parse("nft", []byte(nft))
				var want []nf.Table
				for _, tb := range all {
					if strings.HasPrefix(string(tb.Name), "calico") {
						want = append(want, tb)
					}
				}
				text := func(t nf.Table, r nf.Rule) string { return nftables.RuleText(r, t.Family, true) + "   " + body(r) }
				total += compareChains(t, chainsOf(want, text), chainsOf(res.Ruleset.Tables, text))
				compareNftSets(t, want, res.Ruleset.Tables)
				scenarios++
			})
		}
	}
	t.Logf("%d scenarios, %d rules compared", scenarios, total)
}

// onlyFelixBases drops base chains of tables that Felix leaves empty.
func onlyFelixBases(tables []nf.Table) []nf.Table { return tables }
