package felix

import (
	"encoding/json"
	"strings"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// FuzzProgram feeds views of any kind. Whatever is in them, nothing panics, no
// name is longer than the kernel takes, rules of a table only name chains and
// sets that are there (but for policies and sets that the view itself lacks),
// and the same view gives the same result.
func FuzzProgram(f *testing.F) {
	f.Add([]byte(`{}`), false)
	for _, nft := range []bool{false, true} {
		v := oneWorkload(nft, resolve.Rule{Action: resolve.Allow, Protocol: packet.ProtoTCP, Dst: resolve.Match{Ports: []resolve.PortRange{{From: 1, To: 2}}}})
		v.Hosts = []resolve.HostEndpoint{{ID: "h", Name: "eth0", PreDNATTiers: v.Workloads[0].Tiers, UntrackedTiers: v.Workloads[0].Tiers, ForwardTiers: v.Workloads[0].Tiers}}
		v.Interfaces = []resolve.Interface{{Name: "eth0", Up: true}}
		j, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(j, nft)
	}
	f.Fuzz(func(t *testing.T, data []byte, nft bool) {
		v := resolve.View{Settings: resolve.DefaultSettings()}
		if json.Unmarshal(data, &v) != nil {
			return
		}
		v.Settings.NFTables = nft
		res, err := Program(&v)
		if err != nil {
			return
		}
		for i := range res.Ruleset.Tables {
			checkTable(t, &res.Ruleset.Tables[i], res)
		}
		again, err := Program(&v)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := mustJSON(t, res), mustJSON(t, again); a != b {
			t.Fatal("the same view gave two results")
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(j)
}

func checkTable(t *testing.T, table *nf.Table, res Result) {
	t.Helper()
	chains := map[nf.ChainName]bool{}
	for _, c := range table.Chains {
		chains[c.Name] = true
		if table.Backend.Iptables() && len(c.Name) > maxIptablesChain {
			t.Errorf("chain name %q is too long", c.Name)
		}
	}
	for _, c := range table.Chains {
		for _, r := range c.Rules {
			for _, s := range r.Body {
				switch s := s.(type) {
				case nf.Jump:
					checkTarget(t, chains, s.Chain)
				case nf.Goto:
					checkTarget(t, chains, s.Chain)
				}
			}
			if r.Origin < 0 || r.Origin >= len(res.Origins) {
				t.Errorf("origin %d of %d", r.Origin, len(res.Origins))
			}
		}
	}
}

// checkTarget passes over policies and profiles: the view may lack them.
func checkTarget(t *testing.T, chains map[nf.ChainName]bool, name nf.ChainName) {
	t.Helper()
	_, own, _ := strings.Cut(string(name), "cali-")
	for _, p := range []string{"pi-", "po-", "pri-", "pro-"} {
		if strings.HasPrefix(own, p) {
			return
		}
	}
	if !chains[name] {
		t.Errorf("a rule names chain %q, which is not there", name)
	}
}
