package check

import (
	"slices"
	"strings"

	"tortie/compiler/selector"
)

// httpMethods are the methods that are registered.
var httpMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// ruleDoubts warns of rules that cannot do what they seem to.
func (o on) ruleDoubts(p path) {
	o.httpDoubts(p)
	for _, end := range []string{"source", "destination"} {
		o.endDoubts(p.add(end))
	}
	o.protocolDoubts(p)
	if src := p.add("source"); o.node(src.add("services")) != nil {
		for _, field := range []string{"ports", "notPorts"} {
			if at := src.add(field); len(items(o.node(at))) > 0 {
				o.reportAt("rule/services-source-ports", o.src.At(at...), "leave the source ports out; connections come from any port",
					"%s beside services: these are the ports that connections come from, not the service's", dotted(at))
			}
		}
	}
}

// httpDoubts warns of HTTP matches, which Felix's chains do not make.
func (o on) httpDoubts(p path) {
	at := p.add("http")
	if o.node(at) == nil {
		return
	}
	o.reportAt("rule/http-elsewhere", o.src.At(at...), "see that application layer policy is on for these pods",
		"%s is judged by a proxy beside the pod; Felix's own rules let the connection through whatever it asks for", dotted(at))
	for i, n := range items(o.node(at.add("methods"))) {
		if n.Text == "*" || n.Text == "" || slices.Contains(httpMethods, n.Text) {
			continue
		}
		o.report("rule/http-method", at.add("methods", i), oneOfHint(n.Text, httpMethods), "%q is not a method of HTTP", n.Text)
	}
}

// endDoubts warns of what contradicts itself at one end of a rule.
func (o on) endDoubts(end path) {
	for _, field := range []string{"selector", "namespaceSelector"} {
		o.selectorDoubts(end.add(field))
	}
	o.selectorDoubts(end.add("serviceAccounts", "selector"))
	accounts := end.add("serviceAccounts")
	if space := o.selectorRoot(end.add("namespaceSelector")); space != nil && space.Op == selector.Global && !isZero(o.node(accounts)) {
		o.reportAt("rule/global-accounts", o.src.At(accounts...), "leave one of the two out",
			"%s beside namespaceSelector: global(): what is in no namespace has no service account, so nothing matches", dotted(accounts))
	}
	o.excluded(end)
	o.coveredNets(end)
	o.portDoubts(end)
}

// excluded warns where the notSelector leaves nothing of the selector.
func (o on) excluded(end path) {
	not := o.selectorRoot(end.add("notSelector"))
	if not == nil {
		return
	}
	rest := &selector.Expr{Op: selector.Not, Args: []*selector.Expr{not}}
	if sel := o.selectorRoot(end.add("selector")); sel != nil {
		rest = &selector.Expr{Op: selector.And, Args: []*selector.Expr{sel, rest}}
	}
	if !possible(rest) {
		o.report("selector/never", end.add("notSelector"), "remove it, or the rule", "%s leaves nothing to match", dotted(end.add("notSelector")))
	}
}

// protocolDoubts warns of protocols that contradict the rest of a rule.
func (o on) protocolDoubts(p path) {
	protocol, not := o.text(p.add("protocol")), o.text(p.add("notProtocol"))
	if protocol != "" && not != "" {
		code, why := "rule/protocol-twice", "a rule with both protocol and notProtocol: in iptables mode Felix crashes, and render, trace and replay refuse it"
		if protocolNumber(protocol) == protocolNumber(not) {
			code, why = "rule/never", "protocol and notProtocol are the same: the rule matches no packet"
		}
		o.report(code, p.add("notProtocol"), "leave notProtocol out", "%s", why)
	}
	if o.node(p.add("notICMP")) != nil && protocol != "ICMP" && protocol != "ICMPv6" {
		o.reportAt("rule/not-icmp-protocol", o.src.At(p.add("notICMP")...), "add protocol: ICMP or protocol: ICMPv6",
			"%s with protocol %s: the kernel's tools refuse the rule", dotted(p.add("notICMP")), orNone(protocol))
	}
	o.icmpFamily(p, protocol)
}

// icmpFamily warns of ICMP with networks of the other IP version.
func (o on) icmpFamily(p path, protocol string) {
	for _, f := range netFields(p) {
		for i, n := range items(o.node(f.at)) {
			prefix, _, err := parseNet(n.Text)
			if err != nil || n.Text == "" {
				continue
			}
			if v4 := prefix.Addr().Is4(); protocol == "ICMP" && !v4 || protocol == "ICMPv6" && v4 {
				o.report("rule/never", f.at.add(i), "use the ICMP of the network's IP version", "protocol %s with the network %s: the rule matches no packet", protocol, n.Text)
			}
		}
	}
}

// duplicateRules warns of a rule that asks for the same as an earlier one that
// decides.
func (o on) duplicateRules(direction string) {
	list := path{"spec", direction}
	first := map[string]int{}
	for i := range items(o.node(list)) {
		key, action := o.ruleKey(list.add(i))
		if key == "" {
			continue // decides everything: what follows is reported as dead
		}
		if j, ok := first[key]; ok {
			o.reportAt("policy/duplicate-rule", o.src.At(list.add(i)...), "remove it, or move it before the other", "%s rule %d never decides: rule %d asks for the same", direction, i+1, j+1)
			continue
		}
		if !strings.EqualFold(action, "Log") {
			first[key] = i
		}
	}
}

// ruleKey is what a rule asks for, as text.
func (o on) ruleKey(at path) (key, action string) {
	var b strings.Builder
	for _, f := range fields(o.node(at)) {
		switch f.Key {
		case "action":
			action = f.Value.Text
		case "metadata":
		default:
			text, err := f.Value.JSON()
			if err != nil {
				return "", action
			}
			b.WriteString(f.Key + string(text) + "\n")
		}
	}
	return b.String(), action
}
