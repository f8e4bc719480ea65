package felix

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// recordings reads testdata/felix-k8s: each file is one scenario, with parts
// that begin with "-- name --".
func recordings(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/felix-k8s/*.txt.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	out := map[string]map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(zr)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".txt.gz")] = splitParts(string(text))
	}
	return out
}

func splitParts(text string) map[string]string {
	parts := map[string]string{}
	name := ""
	for _, line := range strings.SplitAfter(text, "\n") {
		if n, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(n), " --")
			continue
		}
		parts[name] += line
	}
	return parts
}

// chainsOf lists each chain's rules as text, by table and chain. Base chains
// start with their type, hook and priority.
func chainsOf(tables []nf.Table, text func(nf.Table, nf.Rule) string) map[string][]string {
	out := map[string][]string{}
	for _, t := range tables {
		for _, c := range t.Chains {
			key := fmt.Sprintf("%s %s %s", t.Family, t.Name, c.Name)
			lines := []string{}
			if c.Base != nil {
				lines = append(lines, fmt.Sprintf("base %s %s %d", c.Base.Type, c.Base.Hook, c.Base.Priority))
			}
			for _, r := range c.Rules {
				lines = append(lines, text(t, r))
			}
			if strings.HasSuffix(string(c.Name), rpfSkip) {
				slices.Sort(lines) // Felix takes the interfaces as a map has them.
			}
			out[key] = lines
		}
	}
	return out
}

// body is a rule's statements, all fields, counters left out.
func body(r nf.Rule) string {
	r = nf.Rule{Body: slices.Clone(r.Body)}
	for i, s := range r.Body {
		if _, ok := s.(nf.Counter); ok {
			r.Body[i] = nf.Counter{}
		}
	}
	j, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(j)
}

// compareChains reports what differs and returns the number of rules compared.
func compareChains(t *testing.T, want, got map[string][]string) int {
	t.Helper()
	n := 0
	for _, key := range slices.Sorted(maps.Keys(want)) {
		w, g := want[key], got[key]
		if _, ok := got[key]; !ok {
			t.Errorf("%s: missing", key)
			continue
		}
		n += len(w)
		for i := range max(len(w), len(g)) {
			if a, b := at(w, i), at(g, i); a != b {
				t.Errorf("%s rule %d:\n want %s\n got  %s", key, i, a, b)
				break
			}
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: should not be there", key)
		}
	}
	return n
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(nothing)"
}

func TestProgram_RecordedIptables(t *testing.T) {
	scenarios, rules := 0, 0
	for name, parts := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			res, err := Program(recordedView(t, parts, false))
			if err != nil {
				t.Fatal(err)
			}
			want, diags := iptables.Parse("iptables-save", []byte(parts["iptables"]), iptables.Options{Family: packet.IPv4})
			six, diags6 := iptables.Parse("ip6tables-save", []byte(parts["ip6tables"]), iptables.Options{Family: packet.IPv6})
			if len(diags)+len(diags6) > 0 {
				t.Fatal(diags, diags6)
			}
			for _, table := range six {
				if table.FindChain("cali-PREROUTING") != nil || table.FindChain("cali-INPUT") != nil {
					want = append(want, table)
				}
			}
			text := func(t nf.Table, r nf.Rule) string {
				r.Comments = nil
				return iptables.RuleText(r) + "   " + body(r)
			}
			n := compareChains(t, chainsOf(want, text), chainsOf(res.Ruleset.Tables, text))
			compareIPSets(t, parts["ipset"], res.Ruleset.IPSets)
			scenarios, rules = scenarios+1, rules+n
		})
	}
	t.Logf("iptables mode: %d scenarios, %d rules compared", scenarios, rules)
}

func TestProgram_RecordedNftables(t *testing.T) {
	scenarios, rules := 0, 0
	for name, parts := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			res, err := Program(recordedView(t, parts, true))
			if err != nil {
				t.Fatal(err)
			}
			want, diags := nftables.Parse("nft-ruleset", []byte(parts["nft"]))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			text := func(t nf.Table, r nf.Rule) string {
				return nftables.RuleText(r, t.Family, true) + "   " + body(r)
			}
			n := compareChains(t, chainsOf(want, text), chainsOf(res.Ruleset.Tables, text))
			compareNftSets(t, want, res.Ruleset.Tables)
			scenarios, rules = scenarios+1, rules+n
		})
	}
	t.Logf("nftables mode: %d scenarios, %d rules compared", scenarios, rules)
}

// compareIPSets compares with the text of "ipset save".
func compareIPSets(t *testing.T, text string, got []nf.Set) {
	t.Helper()
	want, have := map[string][]string{}, map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		switch f[0] {
		case "create":
			want[f[1]] = append(want[f[1]], "type "+f[2]+" "+f[4])
		case "add":
			want[f[1]] = append(want[f[1]], f[2])
		}
	}
	for _, s := range got {
		family := "inet"
		if s.Family == packet.IPv6 {
			family = "inet6"
		}
		lines := []string{"type " + s.Type + " " + family}
		for _, e := range s.Elements {
			lines = append(lines, ipsetText(e))
		}
		have[string(s.Name)] = lines
	}
	for _, m := range []map[string][]string{want, have} {
		for _, l := range m {
			slices.Sort(l)
		}
	}
	compareChains(t, want, have)
}

func ipsetText(e nf.Element) string {
	p, _ := e.Key[0].Prefix()
	text := p.String()
	if p.IsSingleIP() {
		text = p.Addr().String()
	}
	if len(e.Key) > 1 {
		text += fmt.Sprintf(",%s:%d", e.Key[1].Proto, e.Key[1].Num)
	}
	return text
}

func compareNftSets(t *testing.T, want, got []nf.Table) {
	t.Helper()
	list := func(tables []nf.Table) map[string][]string {
		out := map[string][]string{}
		for _, table := range tables {
			for _, s := range table.Sets {
				lines := []string{}
				for _, e := range s.Elements {
					j, _ := json.Marshal(e)
					lines = append(lines, string(j))
				}
				slices.Sort(lines)
				head := fmt.Sprint("key ", s.Key, " map ", s.Map, " interval ", s.Interval)
				out[fmt.Sprintf("%s %s %s", table.Family, table.Name, s.Name)] = append([]string{head}, lines...)
			}
		}
		return out
	}
	compareChains(t, list(want), list(got))
}
