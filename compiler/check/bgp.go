package check

import (
	"net"
	"regexp"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

var (
	community   = regexp.MustCompile(`^(\d+):(\d+)(:(\d+))?$`)
	addressPort = regexp.MustCompile(`^(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d+$`)
)

// peerAddress checks ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.
func (o on) peerAddress(text string, at path) {
	if _, ok := peerIP(text); !ok {
		o.report("value/address", at, "write an address, 10.0.0.1:179 or [fd00::1]:179", "%s: %q is not an address", dotted(at), text)
	}
}

func peerIP(text string) (net.IP, bool) {
	host := text
	if addressPort.MatchString(text) {
		h, port, err := net.SplitHostPort(text)
		if v, errPort := strconv.ParseUint(port, 10, 16); err != nil || errPort != nil || v == 0 {
			return nil, false
		}
		host = h
	}
	ip := net.ParseIP(host)
	return ip, ip != nil
}

// bgpConfiguration checks communities and the node mesh.
func (o on) bgpConfiguration() {
	spec := path{"spec"}
	named := map[string]bool{}
	for i := range items(o.node(spec.add("communities"))) {
		at := spec.add("communities", i)
		named[o.text(at.add("name"))] = true
		o.communityValue(at.add("value"))
	}
	if advertised := items(o.node(spec.add("prefixAdvertisements"))); len(named) > 0 && len(advertised) == 0 {
		o.reportAt("bgp/communities-unused", o.src.At("spec", "communities"), "add prefixAdvertisements that use them, or leave them out", "communities without prefixAdvertisements")
	}
	for i := range items(o.node(spec.add("prefixAdvertisements"))) {
		at := spec.add("prefixAdvertisements", i, "communities")
		for j, n := range items(o.node(at)) {
			switch {
			case named[n.Text]:
			case community.MatchString(n.Text):
				o.communityValue(at.add(j))
			default:
				o.report("bgp/community", at.add(j), "write AA:NN or AA:NN:MM, or the name of one of spec.communities", "%q is not a community", n.Text)
			}
		}
	}
	if o.text(spec.add("nodeToNodeMeshEnabled")) == "false" {
		for _, field := range []string{"nodeMeshPassword", "nodeMeshMaxRestartTime"} {
			if o.node(spec.add(field)) != nil {
				o.reportAt("bgp/no-mesh", o.src.At("spec", field), "leave it out", "%s, but nodeToNodeMeshEnabled is false", field)
			}
		}
	}
}

// communityValue checks the numbers of a community: 16 bits each, or 32 if there
// are three.
func (o on) communityValue(at path) {
	text := o.text(at)
	parts := strings.Split(text, ":")
	bits := 16
	if len(parts) == 3 {
		bits = 32
	}
	if !community.MatchString(text) {
		o.report("bgp/community", at, "write AA:NN or AA:NN:MM", "%q is not a community", text)
		return
	}
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, bits); err != nil {
			o.report("bgp/community", at, "AA:NN has two numbers of 16 bits, AA:NN:MM three of 32", "%q is not a community", text)
			return
		}
	}
}

// bgpPeer checks which fields of a peer exclude each other.
func (o on) bgpPeer() {
	set := func(f string) bool { return !isZero(o.node(path{"spec", f})) }
	for _, pair := range [][2]string{
		{"node", "nodeSelector"}, {"peerIP", "peerSelector"}, {"asNumber", "peerSelector"},
		{"peerIP", "localWorkloadSelector"}, {"peerSelector", "localWorkloadSelector"}, {"nextHopMode", "keepOriginalNextHop"},
	} {
		if set(pair[0]) && set(pair[1]) {
			o.reportAt("bgp/peer", o.src.At("spec", pair[0]), "leave one of the two out", "both %s and %s", pair[0], pair[1])
		}
	}
	if set("localWorkloadSelector") && !set("asNumber") {
		o.reportAt("bgp/peer", o.src.At("spec", "localWorkloadSelector"), "add asNumber", "localWorkloadSelector without asNumber")
	}
	if !set("reachableBy") {
		return
	}
	at := path{"spec", "reachableBy"}
	by := net.ParseIP(o.text(at))
	peer, ok := peerIP(o.text(path{"spec", "peerIP"}))
	switch {
	case !set("peerIP"):
		o.report("bgp/peer", at, "add peerIP", "reachableBy without peerIP")
	case by != nil && ok && (by.To4() == nil) != (peer.To4() == nil):
		o.report("bgp/peer", at, "give addresses of one family", "reachableBy and peerIP are of different families")
	}
}

// bgpFilter checks the rules of a filter.
func (o on) bgpFilter() {
	for _, list := range []string{"exportV4", "importV4", "exportV6", "importV6"} {
		for i, n := range items(o.node(path{"spec", list})) {
			at := path{"spec", list, i}
			cidr, op := n.Str("cidr"), n.Str("matchOperator")
			if (cidr == "") != (op == "") {
				o.report("bgp/filter", at, "give both cidr and matchOperator, or neither", "%s has only one of cidr and matchOperator", dotted(at))
			}
			if cidr == "" && o.node(at.add("prefixLength")) != nil {
				o.report("bgp/filter", at.add("prefixLength"), "add cidr and matchOperator", "prefixLength without cidr")
			}
			o.filterOperations(n.Str("action"), at.add("operations"))
		}
	}
}

func (o on) filterOperations(action string, at path) {
	ops := items(o.node(at))
	if len(ops) > 0 && action != "Accept" {
		o.report("bgp/filter", at, "operations are for action Accept", "operations in a rule with action %s", orNone(action))
	}
	for i, op := range ops {
		given := 0
		for _, f := range op.Fields {
			if f.Value.Kind != yamlpos.Null {
				given++
			}
		}
		if given != 1 {
			o.report("bgp/filter", at.add(i), "make a list item of each", "%s has %d operations; there is one in each item", dotted(at.add(i)), given)
		}
	}
}

func bgpExample(kind, rest string) string {
	return "apiVersion: projectcalico.org/v3\nkind: " + kind + "\nmetadata:\n  name: default\nspec:\n" + rest
}

var bgpDocs = []diag.Entry{
	{
		Code: "bgp/community", Severity: diag.Error, Title: "Something that is not a BGP community",
		Text: "A community is AA:NN of two 16 bit numbers or AA:NN:MM of three 32 bit numbers, or the name of one in spec.communities.", Fix: "Correct it.",
		Example: bgpExample("BGPConfiguration", "  prefixAdvertisements:\n  - cidr: 10.0.0.0/8\n    communities: ['70000:1']\n"),
	},
	{
		Code: "bgp/communities-unused", Severity: diag.Error, Title: "Communities that nothing is advertised with",
		Text: "Calico's validator refuses spec.communities without spec.prefixAdvertisements.", Fix: "Use them, or leave them out.",
		Example: bgpExample("BGPConfiguration", "  communities:\n  - name: blue\n    value: '100:1'\n"),
	},
	{
		Code: "bgp/no-mesh", Severity: diag.Error, Title: "Settings of a node mesh that is off",
		Text: "nodeMeshPassword and nodeMeshMaxRestartTime are for the mesh between the nodes.", Fix: "Leave them out, or set nodeToNodeMeshEnabled.",
		Example: bgpExample("BGPConfiguration", "  nodeToNodeMeshEnabled: false\n  nodeMeshMaxRestartTime: 2m\n"),
	},
	{
		Code: "bgp/peer", Severity: diag.Error, Title: "Fields of a BGPPeer that exclude each other",
		Text: "A peer is given by its address and number or by a selector, for one node or for those that a selector selects.", Fix: "Leave one of the two out.",
		Example: bgpExample("BGPPeer", "  node: node-1\n  nodeSelector: all()\n  peerIP: 192.0.2.1\n  asNumber: 64512\n"),
	},
	{
		Code: "bgp/filter", Severity: diag.Error, Title: "A rule of a BGPFilter that is not whole",
		Text: "A rule has cidr and matchOperator or neither; prefixLength needs cidr; operations are for Accept, one in each item.", Fix: "See the hint.",
		Example: bgpExample("BGPFilter", "  importV4:\n  - action: Accept\n    cidr: 10.0.0.0/8\n"),
	},
}
