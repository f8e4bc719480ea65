package felix

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
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

// scenario is one recording of a whole Felix v3.32.1: what went in, what it
// programmed, in iptables mode and (the NFT fields) in nftables mode. Other
// programs' rules and all comments are left out.
type scenario struct {
	Inputs                     string
	Env, Addrs                 string
	Iptables, IP6tables, IPSet string
	NFTEnv, NFTAddrs, NFT      string
}

// viewOf resolves a scenario's inputs for node1; broken says that Felix would
// not start with its settings.
func viewOf(t *testing.T, in, env, addrs string) (v *resolve.View, broken bool) {
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
	return v, vf.HasErrors()
}

// sameIptables compares what Program makes of a scenario with what Felix
// programmed; it returns the number of rules compared.
func (s scenario) sameIptables(t *testing.T) int {
	t.Helper()
	v, broken := viewOf(t, s.Inputs, s.Env, s.Addrs)
	want, _ := iptables.Parse("iptables-save", []byte(s.Iptables), iptables.Options{Family: packet.IPv4})
	six, _ := iptables.Parse("ip6tables-save", []byte(s.IP6tables), iptables.Options{Family: packet.IPv6})
	if len(want) == 0 {
		if !broken {
			t.Error("Felix did not start here, and nothing says so")
		}
		return 0
	}
	res, err := Program(v)
	if err != nil {
		t.Fatal(err)
	}
	text := func(t nf.Table, r nf.Rule) string { r.Comments = nil; return iptables.RuleText(r) + "   " + body(r) }
	n := compareChains(t, chainsOf(append(want, six...), text), chainsOf(res.Ruleset.Tables, text))
	compareIPSets(t, s.IPSet, res.Ruleset.IPSets)
	return n
}

func (s scenario) sameNftables(t *testing.T) int {
	t.Helper()
	v, _ := viewOf(t, s.Inputs, s.NFTEnv, s.NFTAddrs)
	res, err := Program(v)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := nftables.Parse("nft", []byte(s.NFT))
	text := func(t nf.Table, r nf.Rule) string { return nftables.RuleText(r, t.Family, true) + "   " + body(r) }
	n := compareChains(t, chainsOf(want, text), chainsOf(res.Ruleset.Tables, text))
	compareNftSets(t, want, res.Ruleset.Tables)
	return n
}

// Every recorded scenario, from its inputs to rules and sets.
func TestScenario_RulesAreFelixs(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.json.gz")
	if err != nil || len(files) < 80 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	rules, modes := 0, 0
	for _, f := range files {
		s := readScenario(t, f)
		name := strings.TrimSuffix(filepath.Base(f), ".json.gz")
		if s.Env != "" {
			t.Run(name+"/iptables", func(t *testing.T) { rules += s.sameIptables(t); modes++ })
		}
		if s.NFT != "" {
			t.Run(name+"/nftables", func(t *testing.T) { rules += s.sameNftables(t); modes++ })
		}
	}
	t.Logf("%d scenarios in %d modes, %d rules compared", len(files), modes, rules)
}

func readScenario(t *testing.T, file string) scenario {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var s scenario
	if err := json.NewDecoder(zr).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
