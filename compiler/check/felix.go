package check

import (
	"net"
	"regexp"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
)

var healthName = regexp.MustCompile(`^[a-zA-Z0-9_ -]+$`)

// felix checks what the schema and the tags of a FelixConfiguration leave open.
func (o on) felix() {
	o.felixAddresses()
	o.felixPorts()
	o.felixRouteTables()
	spec := path{"spec"}
	if region := o.text(spec.add("openstackRegion")); region != "" && (len(region) > 46 || !simpleName.MatchString(region)) {
		o.report("felix/field", spec.add("openstackRegion"), "use lower case letters, digits and '-', at most 46", "%q cannot be the name of a region", region)
	}
	name := o.meta.GetName()
	if sel := spec.add("nodeSelector"); o.node(sel) != nil {
		if name == "default" || strings.HasPrefix(name, "node.") {
			o.reportAt("felix/node-selector", o.src.At(sel...), "leave it out, or give the object another name", "nodeSelector in FelixConfiguration %s", name)
		}
		if _, err := selector.Parse(o.text(sel)); err != nil {
			o.report("felix/node-selector-syntax", sel, "write a selector of node labels, as role == 'edge'", "%s: %q is not a selector", dotted(sel), o.text(sel))
		}
	}
	for i := range items(o.node(spec.add("healthTimeoutOverrides"))) {
		at := spec.add("healthTimeoutOverrides", i)
		if name := at.add("name"); !healthName.MatchString(o.text(name)) {
			o.report("felix/field", name, "use letters, digits, '_', '-' and spaces", "%s: %q cannot be a name", dotted(name), o.text(name))
		}
		if strings.HasPrefix(o.text(at.add("timeout")), "-") {
			o.report("felix/field", at.add("timeout"), "give a duration that is not negative", "%s is negative", dotted(at.add("timeout")))
		}
	}
}

func (o on) felixAddresses() {
	for field, verb := range map[string]string{
		"natOutgoingAddress": "ipv4", "deviceRouteSourceAddress": "ipv4", "deviceRouteSourceAddressIPv6": "ipv6",
	} {
		if at := (path{"spec", field}); o.text(at) != "" {
			o.address(o.text(at), at, verb)
		}
	}
	at := path{"spec", "externalNodesList"}
	for i, n := range items(o.node(at)) {
		ip, _, err := net.ParseCIDR(n.Text)
		if err != nil {
			ip = net.ParseIP(n.Text)
		}
		switch {
		case ip == nil:
			o.report("value/net", at.add(i), netHint(n.Text), "%s: %q is not a network", dotted(at.add(i)), n.Text)
		case ip.To4() == nil:
			o.report("value/family", at.add(i), "give a network of IPv4", "%s: %s is of the other family", dotted(at.add(i)), n.Text)
		}
	}
}

// felixPorts checks failsafe ports and node port ranges.
func (o on) felixPorts() {
	for _, field := range []string{"failsafeInboundHostPorts", "failsafeOutboundHostPorts"} {
		at := path{"spec", field}
		for i := range items(o.node(at)) {
			o.failsafe(at.add(i))
		}
	}
	at := path{"spec", "kubeNodePortRanges"}
	ranges := items(o.node(at))
	if len(ranges) > 7 {
		o.report("felix/node-ports", at.add(7), "join some of them", "%d node port ranges; at most 7 are possible", len(ranges))
	}
	for i, n := range ranges {
		if !isNumericPort(n) {
			o.report("felix/node-ports", at.add(i), "give numbers, as 30000:32767", "%q is not a range of ports", n.Text)
		}
	}
}

func (o on) failsafe(at path) {
	protocol := o.node(at.add("protocol"))
	switch {
	case protocol == nil:
		o.reportAt("felix/failsafe-protocol", o.src.At(at...), "add protocol: TCP or UDP", "a failsafe port without a protocol; Felix refuses the whole configuration")
	case strings.EqualFold(protocol.Text, "SCTP"):
		o.report("felix/failsafe-sctp", at.add("protocol"), "use TCP or UDP", "a failsafe port of SCTP, which Felix cannot read")
	case !strings.EqualFold(protocol.Text, "TCP") && !strings.EqualFold(protocol.Text, "UDP"):
		o.report("felix/failsafe-protocol", at.add("protocol"), oneOfHint(protocol.Text, []string{"TCP", "UDP"}), "%q is not a protocol of a failsafe port; Felix refuses the whole configuration", protocol.Text)
	}
	if n := o.node(at.add("net")); n != nil && n.Text != "" {
		if _, _, err := net.ParseCIDR(n.Text); err != nil && net.ParseIP(n.Text) == nil {
			o.report("felix/failsafe-net", at.add("net"), netHint(n.Text), "%q is not a network; Felix refuses the whole configuration", n.Text)
		}
	}
}

// felixRouteTables checks the ranges of routing tables that Felix may use.
func (o on) felixRouteTables() {
	one, many := path{"spec", "routeTableRange"}, path{"spec", "routeTableRanges"}
	if o.node(one) != nil && o.node(many) != nil {
		o.reportAt("felix/route-tables", o.src.At(one...), "leave routeTableRange out", "both routeTableRange and routeTableRanges")
	}
	if o.node(one) != nil {
		low, high := o.number(one.add("min")), o.number(one.add("max"))
		if low < 1 || high < low || high > 250 {
			o.reportAt("felix/route-tables", o.src.At(one...), "give min and max from 1 to 250", "the range %d to %d is not possible", low, high)
		}
	}
	total := int64(0)
	for i := range items(o.node(many)) {
		at := many.add(i)
		low, high := o.number(at.add("min")), o.number(at.add("max"))
		if low < 1 || high < low || high > 0xffffffff {
			o.report("felix/route-tables", at, "give min and max from 1 to 4294967295", "the range %d to %d is not possible", low, high)
			continue
		}
		total += high - low + 1
	}
	if total > 0xffff {
		o.reportAt("felix/route-tables", o.src.At(many...), "make them smaller", "the ranges have %d tables; at most 65535 are possible", total)
	}
}

// number returns the whole number at a path, 0 if there is none.
func (o on) number(at path) int64 {
	v, _ := strconv.ParseInt(o.text(at), 10, 64)
	return v
}

func felixExample(rest string) string {
	return "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata:\n  name: default\nspec:\n" + rest
}

var felixDocs = []diag.Entry{
	{
		Code: "felix/field", Severity: diag.Error, Title: "A setting of Felix that Calico refuses",
		Text: "The field has a form of its own that the value does not have.", Fix: "See the hint.",
		Example: felixExample("  openstackRegion: North_1\n"),
	},
	{
		Code: "felix/node-selector", Severity: diag.Error, Title: "A nodeSelector where the name already says the node",
		Text: "FelixConfiguration default is for all nodes and node.NAME for one; only objects of other names have a nodeSelector.", Fix: "Leave it out or rename the object.",
		Example: felixExample("  nodeSelector: all()\n"),
	},
	{
		Code: "felix/node-selector-syntax", Severity: diag.Warning, Title: "A nodeSelector that cannot be read",
		Text: "The API server and Calico's validator accept any text here; no node is selected by one that is not a selector.", Fix: "Correct it.",
		Example: "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata:\n  name: edge\nspec:\n  nodeSelector: role = edge\n",
	},
	{
		Code: "felix/node-ports", Severity: diag.Error, Title: "Node port ranges that cannot be",
		Text: "kubeNodePortRanges has at most seven ranges of numbers.", Fix: "Give numbers, and join ranges.",
		Example: felixExample("  kubeNodePortRanges: [http]\n"),
	},
	{
		Code: "felix/failsafe-sctp", Severity: diag.Warning, Title: "A failsafe port of SCTP",
		Text: "The API server accepts it, but Felix cannot read it, refuses its whole configuration and programs nothing.", Fix: "Use TCP or UDP.",
		Example: felixExample("  failsafeInboundHostPorts:\n  - protocol: SCTP\n    port: 22\n"),
	},
	{
		Code: "felix/failsafe-protocol", Severity: diag.Warning, Title: "A failsafe port of an unknown protocol",
		Text: "Failsafe ports are of TCP or UDP. The API server accepts any text; Felix cannot read it and refuses its whole configuration.", Fix: "Change the protocol.",
		Example: felixExample("  failsafeInboundHostPorts:\n  - protocol: icmp\n    port: 22\n"),
	},
	{
		Code: "felix/failsafe-net", Severity: diag.Warning, Title: "A failsafe port for something that is not a network",
		Text: "The API server accepts any text; Felix cannot read it and refuses its whole configuration.", Fix: "Write a network, as 10.0.0.0/8.",
		Example: felixExample("  failsafeInboundHostPorts:\n  - protocol: TCP\n    port: 22\n    net: 10.0.0\n"),
	},
	{
		Code: "felix/route-tables", Severity: diag.Error, Title: "Routing tables that cannot be used",
		Text: "routeTableRange is within 1 to 250; routeTableRanges within 1 to 4294967295, at most 65535 tables in all; not both.", Fix: "See the hint.",
		Example: felixExample("  routeTableRange:\n    min: 10\n    max: 300\n"),
	},
}
