package felix

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

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

// TestPack_Scenarios writes testdata/scenarios from folders of recordings, which
// TORTIE_FELIX_RECORDINGS lists.
func TestPack_Scenarios(t *testing.T) {
	dirs := os.Getenv("TORTIE_FELIX_RECORDINGS")
	if dirs == "" {
		t.Skip("TORTIE_FELIX_RECORDINGS names no folders of recordings")
	}
	for _, root := range filepath.SplitList(dirs) {
		list, _ := filepath.Glob(root + "/*/iptables-save.txt")
		nft, _ := filepath.Glob(root + "/*/nft-ruleset.txt") // alone where Felix dies in iptables mode
		for _, p := range append(list, nft...) {
			packScenario(t, filepath.Dir(p))
		}
	}
}

var envNoise = regexp.MustCompile(`(?m)^(KUBECONFIG|CALICO_|DATASTORE|FELIX_(ETCD|LOG|HEALTH|USAGE|DATASTORE)).*\n?`)

func packScenario(t *testing.T, dir string) {
	t.Helper()
	s := recordedIn(t, dir)
	f, err := os.Create(filepath.Join("testdata/scenarios", filepath.Base(dir)+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zw, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err := json.NewEncoder(zw).Encode(s); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
}

// recordedIn reads a folder of recordings.
func recordedIn(t *testing.T, dir string) scenario {
	t.Helper()
	read := func(name string) string { b, _ := os.ReadFile(filepath.Join(dir, name)); return string(b) }
	s := scenario{
		Inputs: read("inputs.yaml"), Env: envNoise.ReplaceAllString(read("felix.env"), ""), Addrs: read("ip-addr.txt"),
		Iptables: packIptables(t, read("iptables-save.txt"), packet.IPv4), IP6tables: packIptables(t, read("ip6tables-save.txt"), packet.IPv6),
		IPSet: read("ipset-save.txt"),
	}
	if s.Iptables == "" && read("iptables-save.txt") == "" {
		s.Env = ""
	}
	if c := read("cluster.yaml"); c != "" {
		s.Inputs = c
	} else if k := read("inputs-kubernetes.yaml"); k != "" {
		s.Inputs += "\n---\n" + k
	}
	if nft := read("nft-ruleset.txt"); nft != "" {
		s.NFT, s.NFTEnv, s.NFTAddrs = packNft(t, nft), envNoise.ReplaceAllString(read("felix.env.nft"), ""), read("ip-addr.nft.txt")
		if s.NFTAddrs == "" {
			s.NFTAddrs = s.Addrs
		}
	}
	return s
}

func packIptables(t *testing.T, text string, f packet.Family) string {
	t.Helper()
	tables, _ := iptables.Parse("save", []byte(text), iptables.Options{Family: f})
	own := onlyFelix(tables)
	dropComments(own)
	out, err := iptables.Write(own, f, iptables.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func packNft(t *testing.T, text string) string {
	t.Helper()
	all, _ := nftables.Parse("nft", []byte(text))
	var own []nf.Table
	for _, table := range all {
		if strings.HasPrefix(string(table.Name), "calico") {
			own = append(own, table)
		}
	}
	dropComments(own)
	out, err := nftables.Write(own)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func dropComments(tables []nf.Table) {
	for i := range tables {
		for c := range tables[i].Chains {
			rules := tables[i].Chains[c].Rules
			for r := range rules {
				rules[r].Comments = nil
			}
		}
	}
}
