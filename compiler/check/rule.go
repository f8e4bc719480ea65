package check

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
)

// rule checks what the fields of one rule ask of each other. p leads to it;
// direction is "ingress" or "egress".
func (o on) rule(p path, direction string, global bool) {
	o.rulePorts(p)
	o.ruleICMP(p)
	o.ruleHTTP(p, direction)
	o.ruleNets(p)
	o.ruleServices(p, direction, global)
	for _, end := range []string{"source", "destination"} {
		o.entitySelectors(p.add(end))
		for i, n := range items(o.node(p.add(end, "serviceAccounts", "names"))) {
			if !nameForm.MatchString(n.Text) && n.Text != "" {
				o.report("odd/service-account-name", p.add(end, "serviceAccounts", "names", i), "names are in lower case", "no service account can be called %q", n.Text)
			}
		}
		if at := p.add(end, "serviceAccounts", "selector"); o.node(at) != nil {
			o.selectorText(at)
		}
	}
	annotations := p.add("metadata", "annotations")
	o.annotations(o.node(annotations), annotations)
}

// protocolNumber returns the number of a protocol as written, 0 if it has none.
func protocolNumber(text string) int {
	if v, err := strconv.ParseUint(text, 10, 8); err == nil {
		return int(v)
	}
	return map[string]int{"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "SCTP": 132, "UDPLite": 136}[text]
}

func hasPorts(protocol string) bool {
	return slices.Contains([]int{6, 17, 132}, protocolNumber(protocol))
}

// rulePorts asks for a protocol that has ports where ports are given.
func (o on) rulePorts(p path) {
	protocol := o.node(p.add("protocol"))
	for _, end := range []string{"source", "destination"} {
		for _, field := range []string{"ports", "notPorts"} {
			at := p.add(end, field)
			ports := items(o.node(at))
			switch {
			case len(ports) == 0:
			case protocol == nil && !slices.ContainsFunc(ports, isNumericPort):
			case protocol == nil:
				i := slices.IndexFunc(ports, isNumericPort)
				o.report("rule/ports-need-protocol", at.add(i), "add protocol: TCP (or UDP, SCTP) to the rule",
					"%s: ports are given, but no protocol", dotted(at))
			case !hasPorts(protocol.Text) && validProtocol(protocol.Text):
				o.report("rule/ports-need-protocol", at, "use protocol TCP, UDP or SCTP, or leave the ports out",
					"%s: protocol %s has no ports", dotted(at), protocol.Text)
			}
		}
	}
}

func isNumericPort(n *yamlpos.Node) bool {
	first, _, _ := strings.Cut(n.Text, ":")
	_, err := strconv.ParseUint(first, 10, 16)
	return err == nil
}

func validProtocol(text string) bool {
	_, err := strconv.ParseUint(text, 10, 8)
	return err == nil || slices.Contains(protocolNames, text)
}

// ruleICMP asks that ICMP fields come with protocol ICMP or ICMPv6, a code with
// a type, and ICMP with the IP version it belongs to.
func (o on) ruleICMP(p path) {
	protocol := o.text(p.add("protocol"))
	for _, field := range []string{"icmp", "notICMP"} {
		at := p.add(field)
		if o.node(at.add("code")) != nil && o.node(at.add("type")) == nil {
			o.report("rule/icmp-code-without-type", at.add("code"), "add the type", "%s has a code and no type", dotted(at))
		}
	}
	if o.node(p.add("icmp")) != nil && protocol != "ICMP" && protocol != "ICMPv6" {
		o.reportAt("rule/icmp-needs-protocol", o.src.At(p.add("icmp")...), "add protocol: ICMP or protocol: ICMPv6 to the rule",
			"%s is given, but the protocol is %s", dotted(p.add("icmp")), orNone(protocol))
	}
	version := o.node(p.add("ipVersion"))
	if version == nil {
		return
	}
	for _, field := range []string{"protocol", "notProtocol"} {
		want := map[string]string{"ICMP": "4", "ICMPv6": "6"}[o.text(p.add(field))]
		if want != "" && version.Text != want {
			o.report("rule/icmp-version", p.add("ipVersion"), "write ipVersion: "+want+", or leave it out",
				"%s %s with ipVersion %s", field, o.text(p.add(field)), version.Text)
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "not given"
	}
	return s
}

// ruleHTTP checks HTTP matches: only in ingress rules that allow TCP.
func (o on) ruleHTTP(p path, direction string) {
	at := p.add("http")
	if o.node(at) == nil {
		return
	}
	if protocol := o.node(p.add("protocol")); protocol != nil && protocol.Text != "TCP" {
		o.report("rule/http-protocol", p.add("protocol"), "write protocol: TCP, or leave it out", "a rule with http has protocol %s", protocol.Text)
	}
	if action := o.text(p.add("action")); action != "Allow" {
		o.reportAt("rule/http-not-allow", o.src.At(at...), "use action: Allow, or leave http out", "http in a rule with action %s", orNone(action))
	}
	if direction == "egress" {
		o.reportAt("rule/http-egress", o.src.At(at...), "http is for ingress rules", "http in an egress rule")
	}
	o.distinct(o.node(at.add("methods")), at.add("methods"))
	for i, n := range items(o.node(at.add("paths"))) {
		o.httpPath(n, at.add("paths", i))
	}
}

func (o on) httpPath(n *yamlpos.Node, at path) {
	exact, prefix := n.Str("exact"), n.Str("prefix")
	switch {
	case exact != "" && prefix != "":
		o.report("rule/http-path", at, "make two paths of it", "a path with both exact and prefix")
	case exact == "" && prefix == "":
		o.report("rule/http-path", at, "write exact or prefix", "a path with neither exact nor prefix")
	default:
		field, v := "exact", exact
		if v == "" {
			field, v = "prefix", prefix
		}
		if !strings.HasPrefix(v, "/") || strings.ContainsAny(v, "? #") {
			o.report("rule/http-path", at.add(field), "a path starts with / and has no '?', '#' or space", "%q is not a path", v)
		}
	}
}

// netField is one of the four lists of networks of a rule.
type netField struct {
	at     path
	negate bool
}

func netFields(p path) []netField {
	return []netField{
		{p.add("source", "nets"), false}, {p.add("source", "notNets"), true},
		{p.add("destination", "nets"), false}, {p.add("destination", "notNets"), true},
	}
}

// ruleNets asks that networks have prefix lengths, are of one family, and of the
// family that ipVersion names.
func (o on) ruleNets(p path) {
	version := o.text(p.add("ipVersion"))
	seen := map[string]string{}
	for _, f := range netFields(p) {
		for i, n := range items(o.node(f.at)) {
			at := f.at.add(i)
			ip, network, err := net.ParseCIDR(n.Text)
			if err != nil {
				o.netWithoutPrefix(n.Text, at)
				continue
			}
			family := "4"
			if ip.To4() == nil {
				family = "6"
			}
			ones, _ := network.Mask.Size()
			o.netFamily(version, family, seen, n.Text, at)
			if f.negate && ones == 0 && (family == "6" || n.Text == "0.0.0.0/0") {
				o.report("rule/not-everything", at, "leave it out; to match nothing, remove the rule", "%s: everything but %s is nothing", dotted(at), n.Text)
			}
		}
	}
}

func (o on) netWithoutPrefix(text string, at path) {
	if text == "" {
		o.report("value/net", at, netHint(text), "%s is empty", dotted(at))
	}
	if ip := net.ParseIP(text); ip != nil {
		bits := "/32"
		if ip.To4() == nil {
			bits = "/128"
		}
		o.report("rule/net-without-prefix", at, "write "+text+bits, "%s: %s has no prefix length", dotted(at), text)
	}
}

func (o on) netFamily(version, family string, seen map[string]string, text string, at path) {
	other := map[string]string{"4": "6", "6": "4"}[family]
	switch {
	case version == other:
		o.report("rule/net-version", at, "remove ipVersion, or the network", "%s: %s in a rule with ipVersion %s", dotted(at), text, version)
	case seen[other] != "":
		o.report("rule/mixed-families", at, "make one rule for IPv4 and one for IPv6", "%s: the rule has both IPv4 and IPv6 networks (%s, %s)", dotted(at), seen[other], text)
	}
	if seen[family] == "" {
		seen[family] = text
	}
}

// entitySelectors checks where global() stands in a rule's end.
func (o on) entitySelectors(end path) {
	for _, field := range []string{"selector", "notSelector"} {
		if at := end.add(field); field == "selector" && strings.Contains(o.text(at), "global()") {
			o.globalMisused(at, "use namespaceSelector: global()")
		}
	}
	at := end.add("namespaceSelector")
	text := o.text(at)
	if !strings.Contains(text, "global(") {
		return
	}
	s, err := selector.Parse(text)
	if err == nil && s.Root != nil && s.Root.Op != selector.Global {
		o.globalMisused(at, "global() stands alone; make a rule of its own for what is global")
	}
}

// globalMisused reports global() in a selector that cannot have it.
func (o on) globalMisused(at path, hint string) {
	text := o.text(at)
	i := strings.Index(text, "global()")
	span := o.value(at)
	if i >= 0 {
		span = o.src.Text(i, i+len("global()"), at...)
	}
	o.reportAt("selector/global", span, hint, "%s: global() is only for the namespaceSelector of a rule's source or destination, alone", dotted(at))
}
