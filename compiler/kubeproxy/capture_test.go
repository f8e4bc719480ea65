package kubeproxy

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// The captures in testdata/captures are what kube-proxy v1.36.3 programmed into
// Linux 6.18 for the services of testdata/sixteen.yaml (recorded 2026-11-23),
// without counters.

func readCapture(t *testing.T, name string) []byte {
	t.Helper()
	return readCompressed(t, "testdata/captures/"+name+".gz")
}

func readCompressed(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readSixteen(t *testing.T, bulk int) *cluster.Snapshot {
	t.Helper()
	text, err := os.ReadFile("testdata/sixteen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, bulkServices(bulk)...)
	s, found := cluster.Read([]cluster.File{{Name: "sixteen.yaml", Data: text}}, cluster.Options{})
	for _, f := range found {
		t.Errorf("reading services: %s", f.Message)
	}
	return s
}

// bulkServices are the services bulk/s0, bulk/s1 … of the large captures, each
// with three endpoints on other nodes.
func bulkServices(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		k := 100 + i
		fmt.Fprintf(&out, "---\n{apiVersion: v1, kind: Service, metadata: {namespace: bulk, name: s%d}, spec: {clusterIP: 10.96.%d.%d, ports: [{name: http, port: 80}]}}\n", i, k/250, 1+k%250)
		fmt.Fprintf(&out, "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: bulk, name: s%d-a, labels: {kubernetes.io/service-name: s%d}}, addressType: IPv4, ports: [{name: http, port: 8080, protocol: TCP}], endpoints: [", i, i)
		for e := 3 * i; e < 3*i+3; e++ {
			fmt.Fprintf(&out, "{addresses: [10.244.%d.%d], nodeName: node-b},", 4+e/250, 1+e%250)
		}
		out.WriteString("]}\n")
	}
	return out.Bytes()
}

// captureOptions is how the captures' kube-proxy ran.
func captureOptions(m Mode) Options {
	o := Defaults(m)
	o.Node = "node-a"
	o.NodePortAddressesPrimary = false
	o.NodeIPs = []netip.Addr{netip.MustParseAddr("192.168.10.1"), netip.MustParseAddr("fd00:10::1")}
	o.Local.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:244::/56")}
	return o
}

// chance are the chains in which kube-proxy puts services in random order.
var chance = []nf.ChainName{chainServices, chainNodePorts, chainExternal, chainProxyFirewall, chainIPVSOut}

// listing lists rules by chain. Rules of chains in random order are sorted by
// service, each service's own in their order, those of none last.
func listing(tables []nf.Table, f nf.Family) map[string][]string {
	out := map[string][]string{}
	for _, t := range tables {
		if t.Family != f {
			continue
		}
		for _, s := range t.Sets {
			listSet(out, s)
		}
		for _, c := range t.Chains {
			rules := slices.Clone(c.Rules)
			if slices.Contains(chance, c.Name) {
				slices.SortStableFunc(rules, byService)
			}
			key := string(t.Name) + " " + string(c.Name)
			out[key] = []string{}
			if c.Base != nil {
				out[key] = append(out[key], fmt.Sprintf("base %+v", *c.Base))
			}
			for _, r := range rules {
				text := iptables.RuleText(r)
				if t.Backend == nf.NFTables {
					text = nftables.RuleText(r, t.Family, false)
				}
				out[key] = append(out[key], text+"\n\t"+bodyOf(r))
			}
		}
	}
	return out
}

// listSet lists a set's elements, sorted: the kernel keeps them in no order.
func listSet(out map[string][]string, s nf.Set) {
	elements := s.Elements
	s.Elements = nil
	key := fmt.Sprintf("set %+v", s)
	out[key] = []string{}
	for _, e := range elements {
		e.Origin = 0 // which no capture has
		text, err := json.Marshal(e)
		if err != nil {
			text = []byte(err.Error())
		}
		out[key] = append(out[key], string(text))
	}
	slices.Sort(out[key])
}

// bodyOf is a rule's statements as JSON, so that values are compared, not only
// what iptables prints of them.
func bodyOf(r nf.Rule) string {
	text, err := json.Marshal(nf.Rule{Body: r.Body})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// byService sorts rules by service; those of none by what they are.
func byService(a, b nf.Rule) int {
	x, y := serviceOf(a), serviceOf(b)
	if x == "~" && y == "~" {
		return strings.Compare(iptables.RuleText(a), iptables.RuleText(b))
	}
	return strings.Compare(x, y)
}

func serviceOf(r nf.Rule) string {
	if len(r.Comments) == 0 || strings.HasPrefix(r.Comments[0], "kubernetes ") {
		return "~"
	}
	name, _, _ := strings.Cut(r.Comments[0], " ")
	proto := ""
	for _, s := range r.Body {
		if p, ok := s.(nf.MatchProto); ok {
			proto = fmt.Sprint(p.Proto)
		}
	}
	return name + proto
}

// compareListings reports every difference and returns the number of rules.
func compareListings(t *testing.T, got, want map[string][]string) int {
	t.Helper()
	rules := 0
	for c, w := range want {
		g, ok := got[c]
		if !ok {
			t.Errorf("chain %s is missing", c)
			continue
		}
		rules += len(w)
		for i := range max(len(w), len(g)) {
			if i >= len(w) || i >= len(g) || w[i] != g[i] {
				t.Errorf("chain %s, rule %d:\n got %s\nwant %s", c, i+1, at(g, i), at(w, i))
				break
			}
		}
	}
	for c := range got {
		if _, ok := want[c]; !ok {
			t.Errorf("chain %s is not in the recording", c)
		}
	}
	return rules
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(no rule)"
}

func TestProgram_IptablesMatchesRecordedNodes(t *testing.T) {
	cases := map[string]func(*Options){
		"ipt-legacy-v4.iptables-save":            func(*Options) {},
		"ipt-legacy-v6.ip6tables-save":           func(o *Options) { o.Family = packet.IPv6 },
		"ipt-legacy-v4-masqall.iptables-save":    func(o *Options) { o.MasqueradeAll = true },
		"ipt-legacy-v4-caliprefix.iptables-save": func(o *Options) { o.Local = LocalDetector{InterfacePrefix: "cali"} },
		"ipt-nft-v4.iptables-save":               func(o *Options) { o.Backend = nf.IptablesNFT },
		"ipt-legacy-v4-1000svc.iptables-save":    func(*Options) {},
	}
	for name, set := range cases {
		t.Run(name, func(t *testing.T) {
			opt := captureOptions(Iptables)
			opt.Family = packet.IPv4
			set(&opt)
			family, bulk := nf.FamilyIP, 0
			if opt.Family == packet.IPv6 {
				family = nf.FamilyIP6
			}
			if strings.Contains(name, "1000svc") {
				bulk = 1000
			}
			res, err := Program(readSixteen(t, bulk), opt)
			if err != nil {
				t.Fatal(err)
			}
			tables, found := iptables.Parse(name, readCapture(t, name), iptables.Options{Backend: opt.Backend, Family: opt.Family})
			if len(found) > 0 {
				t.Fatalf("reading the capture: %v", found[0])
			}
			n := compareListings(t, listing(res.Ruleset.Tables, family), listing(tables, family))
			t.Logf("%d rules compared", n)
		})
	}
}

func TestProgram_NFTablesMatchesRecordedNodes(t *testing.T) {
	cases := map[string]packet.Family{"nft-v4.nft": packet.IPv4, "nft-v6.nft": packet.IPv6, "nft-v4-1000svc.nft": packet.IPv4}
	for name, family := range cases {
		t.Run(name, func(t *testing.T) {
			opt := captureOptions(NFTables)
			opt.Family = family
			tableFamily, bulk := nf.FamilyIP, 0
			if family == packet.IPv6 {
				tableFamily = nf.FamilyIP6
			}
			if strings.Contains(name, "1000svc") {
				bulk = 1000
			}
			res, err := Program(readSixteen(t, bulk), opt)
			if err != nil {
				t.Fatal(err)
			}
			tables, found := nftables.Parse(name, readCapture(t, name))
			if len(found) > 0 {
				t.Fatalf("reading the capture: %v", found[0])
			}
			n := compareListings(t, listing(res.Ruleset.Tables, tableFamily), listing(tables, tableFamily))
			t.Logf("%d rules and elements compared", n)
		})
	}
}
