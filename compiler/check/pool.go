package check

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
)

var linkLocals = []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}

// pool checks what the fields of an IPPool ask of each other.
func (o on) pool() {
	at := path{"spec", "cidr"}
	prefix, _, err := parseNet(o.text(at))
	if err == nil {
		o.poolCIDR(at, prefix)
	}
	ipip, vxlan := path{"spec", "ipipMode"}, path{"spec", "vxlanMode"}
	if encapsulates(o.text(ipip)) && encapsulates(o.text(vxlan)) {
		o.report("pool/two-encapsulations", vxlan, "leave one of the two out", "both ipipMode %s and vxlanMode %s", o.text(ipip), o.text(vxlan))
	}
	if err == nil && prefix.Addr().Is6() && encapsulates(o.text(ipip)) {
		o.report("pool/ipip-on-ipv6", ipip, "use vxlanMode", "ipipMode %s for an IPv6 pool", o.text(ipip))
	}
	o.poolUses()
	for _, field := range []string{"nodeSelector", "namespaceSelector"} {
		if p := (path{"spec", field}); strings.Contains(o.text(p), "global(") {
			o.globalMisused(p, "use all()")
		}
	}
}

func encapsulates(mode string) bool { return mode == "Always" || mode == "CrossSubnet" }

func (o on) poolCIDR(at path, prefix netip.Prefix) {
	for _, l := range linkLocals {
		if l.Overlaps(prefix) {
			o.report("pool/link-local", at, "choose another network", "%s overlaps the link local network %s", prefix, l)
		}
	}
	size := 26
	if prefix.Addr().Is6() {
		size = 122
	}
	size = o.poolBlockSize(size, prefix.Addr().Is6())
	if o.text(path{"spec", "disabled"}) != "true" && prefix.Bits() > size {
		p := at
		if o.node(path{"spec", "blockSize"}) != nil {
			p = path{"spec", "blockSize"}
		}
		o.report("pool/smaller-than-block", p, "make the pool larger, or blockSize "+strconv.Itoa(prefix.Bits())+" or more", "pool %s is smaller than one block, /%d", prefix, size)
	}
}

// poolBlockSize returns the pool's block size, and checks one that is given: a
// client of Calico refuses sizes beyond 20 to 32 and 116 to 128.
func (o on) poolBlockSize(size int, v6 bool) int {
	at := path{"spec", "blockSize"}
	v, err := strconv.Atoi(o.text(at))
	if err != nil || v == 0 {
		return size
	}
	low, high := 20, 32
	if v6 {
		low, high = 116, 128
	}
	if v < low || v > high {
		o.report("pool/block-size", at, "give a prefix length from "+strconv.Itoa(low)+" to "+strconv.Itoa(high), "blockSize %d is out of range", v)
	}
	return v
}

// poolUses checks allowedUses against the rest of the pool.
func (o on) poolUses() {
	at := path{"spec", "allowedUses"}
	var uses []string
	for _, n := range items(o.node(at)) {
		uses = append(uses, n.Text)
	}
	if i := slices.Index(uses, "Tunnel"); i >= 0 && o.text(path{"spec", "namespaceSelector"}) != "" {
		o.report("pool/uses", path{"spec", "namespaceSelector"}, "tunnels are in no namespace; leave it out", "namespaceSelector in a pool for Tunnel addresses")
	}
	if !slices.Contains(uses, "LoadBalancer") {
		return
	}
	for i, u := range uses {
		if u == "Workload" || u == "Tunnel" {
			o.report("pool/uses", at.add(i), "make two pools", "LoadBalancer and %s in one pool", u)
		}
	}
	for _, field := range []string{"ipipMode", "vxlanMode"} {
		if p := (path{"spec", field}); encapsulates(o.text(p)) {
			o.report("pool/uses", p, "leave it out", "%s in a pool for LoadBalancer addresses", field)
		}
	}
	if p := (path{"spec", "disableBGPExport"}); o.text(p) == "true" {
		o.report("pool/uses", p, "leave it out", "disableBGPExport in a pool for LoadBalancer addresses")
	}
	if p := (path{"spec", "nodeSelector"}); o.text(p) != "" && o.text(p) != "all()" {
		o.report("pool/uses", p, "write all()", "a nodeSelector in a pool for LoadBalancer addresses")
	}
}

func poolExample(rest string) string {
	return "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: example\nspec:\n" + rest
}

var poolDocs = []diag.Entry{
	{
		Code: "pool/two-encapsulations", Severity: diag.Error, Title: "IP-in-IP and VXLAN in one pool",
		Text: "A pool's traffic between nodes is wrapped in one way or not at all.", Fix: "Set one of ipipMode and vxlanMode to Never, or leave it out.",
		Example: poolExample("  cidr: 10.0.0.0/16\n  ipipMode: Always\n  vxlanMode: CrossSubnet\n"),
	},
	{
		Code: "pool/ipip-on-ipv6", Severity: diag.Error, Title: "IP-in-IP for an IPv6 pool",
		Text: "Calico wraps IPv6 traffic in VXLAN only.", Fix: "Use vxlanMode.",
		Example: poolExample("  cidr: fd00:1::/48\n  ipipMode: Always\n"),
	},
	{
		Code: "pool/link-local", Severity: diag.Error, Title: "A pool of link local addresses",
		Text: "Pools may not overlap 169.254.0.0/16 or fe80::/10.", Fix: "Choose another network.",
		Example: poolExample("  cidr: 169.254.64.0/18\n"),
	},
	{
		Code: "pool/smaller-than-block", Severity: diag.Error, Title: "A pool smaller than one block",
		Text: "Addresses are given out in blocks, of prefix length 26 (IPv6: 122) unless blockSize says otherwise; a pool holds at least one.", Fix: "Enlarge the pool or make the blocks smaller.",
		Example: poolExample("  cidr: 10.1.2.0/28\n"),
	},
	{
		Code: "pool/block-size", Severity: diag.Warning, Title: "A block size that cannot be",
		Text: "blockSize is a prefix length from 20 to 32, for IPv6 from 116 to 128. The API server takes others; calicoctl does not, and no address can be given out.", Fix: "Choose one in that range, or leave the field out.",
		Example: poolExample("  cidr: 10.0.0.0/8\n  blockSize: 16\n"),
	},
	{
		Code: "pool/uses", Severity: diag.Error, Title: "Uses of a pool that do not go together",
		Text: "A pool for LoadBalancer addresses serves nothing else, has no encapsulation, is exported by BGP and is for all nodes; a pool for Tunnel addresses has no namespaceSelector.", Fix: "Make one pool for each use.",
		Example: poolExample("  cidr: 10.0.0.0/16\n  allowedUses: [LoadBalancer, Workload]\n"),
	},
}
