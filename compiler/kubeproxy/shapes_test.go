package kubeproxy

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// recordedConfig is how kube-proxy ran for one recording in testdata/shapes.
// compiler/kubeproxy/oracle reads the same file and made the recordings with
// kube-proxy v1.36.3, iptables 1.8.9 and nft 1.0.6 on Linux 6.18 (2026-11-24).
type recordedConfig struct {
	Mode              string
	IPv6              bool
	MasqueradeAll     bool
	NoLocalhost       bool
	MasqueradeBit     *int
	CIDR, Interface   string
	Bridge            string
	NodePortAddresses []string
	BeLiberal         bool
	Zone              string
	ServiceCIDRs      []string
	Scheduler         string
}

func (c recordedConfig) options() Options {
	o := Options{Mode: Iptables, Backend: nf.IptablesNFT, Family: packet.IPv4, Node: "node-a",
		MasqueradeAll: c.MasqueradeAll, LocalhostNodePorts: !c.NoLocalhost, ConntrackBeLiberal: c.BeLiberal, NFAcct: true}
	switch c.Mode {
	case "nftables":
		o.Mode = NFTables
	case "ipvs":
		o.Mode, o.Scheduler = IPVS, c.Scheduler
	}
	if c.IPv6 {
		o.Family = packet.IPv6
	}
	if c.MasqueradeBit != nil {
		o.MasqueradeMark = 1 << *c.MasqueradeBit
	}
	if c.CIDR != "" {
		o.Local.CIDRs = prefixes(c.CIDR)
	}
	o.Local.InterfacePrefix, o.Local.Bridge = c.Interface, c.Bridge
	o.NodePortAddresses, o.ServiceCIDRs = prefixes(c.NodePortAddresses...), prefixes(c.ServiceCIDRs...)
	o.NodeIPs = []netip.Addr{netip.MustParseAddr("192.168.10.1"), netip.MustParseAddr("fd00:10::1")}
	o.Addresses = append([]netip.Addr{netip.MustParseAddr("172.20.0.1")}, o.NodeIPs...)
	return o
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// shapesDir is the folder with the recordings; oracle makes others of random
// services and configurations.
func shapesDir() string { return cmp.Or(os.Getenv("TORTIE_SHAPES"), "testdata/shapes") }

func readShapes(t *testing.T, zone string) *cluster.Snapshot {
	t.Helper()
	text := readCompressed(t, shapesDir()+"/objects.yaml.gz")
	if zone != "" {
		text = append(text, "---\n{apiVersion: v1, kind: Node, metadata: {name: node-a, labels: {topology.kubernetes.io/zone: "+zone+"}}}\n"...)
	}
	s, found := cluster.Read([]cluster.File{{Name: "objects.yaml", Data: text}}, cluster.Options{})
	for _, f := range found {
		t.Errorf("reading services: %v", f)
	}
	return s
}

func parseRecording(t *testing.T, name string, o Options) []nf.Table {
	t.Helper()
	text := readCompressed(t, shapesDir()+"/"+name+".gz")
	if o.Mode == NFTables {
		tables, found := nftables.Parse(name, text)
		for _, f := range found {
			t.Fatalf("reading the recording: %v", f)
		}
		return tables
	}
	tables, found := iptables.Parse(name, text, iptables.Options{Backend: o.Backend, Family: o.Family})
	for _, f := range found {
		t.Fatalf("reading the recording: %v", f)
	}
	return tables
}

func TestProgram_MatchesKubeProxyForEveryShape(t *testing.T) {
	text, err := os.ReadFile(shapesDir() + "/configs.json")
	if err != nil {
		t.Fatal(err)
	}
	configs := map[string]recordedConfig{}
	if err := json.Unmarshal(text, &configs); err != nil {
		t.Fatal(err)
	}
	total := map[string]int{}
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			opt := c.options()
			s := readShapes(t, c.Zone)
			res, err := Program(s, opt)
			if err != nil {
				t.Fatal(err)
			}
			family := nf.FamilyIP
			if c.IPv6 {
				family = nf.FamilyIP6
			}
			n := 0
			if opt.Mode == IPVS {
				n = compareIPVS(t, res, parseIPVS(t, name, opt), family)
			} else {
				n = compareListings(t, listing(res.Ruleset.Tables, family), listing(parseRecording(t, name, opt), family))
			}
			t.Logf("%d services, %d rules and elements compared", len(s.Services), n)
			total[strings.ToLower(c.Mode)] += n
		})
	}
	t.Logf("in all: %d rules in iptables mode, %d rules and elements in nftables mode, %d rules, elements and virtual servers in IPVS mode",
		total["iptables"], total["nftables"], total["ipvs"])
}
