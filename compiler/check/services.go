package check

import "strings"

// ruleServices checks the match on services at both ends of a rule.
func (o on) ruleServices(p path, direction string, global bool) {
	for _, end := range []string{"source", "destination"} {
		at := p.add(end, "services")
		if o.node(at) == nil {
			continue
		}
		span := o.src.At(at...)
		if right := map[string]string{"ingress": "source", "egress": "destination"}[direction]; end != right {
			o.reportAt("rule/services-wrong-end", span, "services go into the "+right+" of "+direction+" rules",
				"services in the %s of an %s rule", end, direction)
			continue
		}
		o.serviceName(at, global)
		o.serviceConflicts(p.add(end), end)
	}
}

func (o on) serviceName(at path, global bool) {
	if o.text(at.add("name")) == "" {
		o.reportAt("rule/services-name", o.src.At(at...), "add name", "%s has no name", dotted(at))
	}
	switch {
	case o.text(at.add("namespace")) != "":
	case global:
		o.reportAt("rule/services-namespace", o.src.At(at...), "add the service's namespace", "%s has no namespace, and the policy is global", dotted(at))
	default:
		o.reportAt("rule/services-no-namespace", o.src.At(at...), "add namespace: "+o.meta.GetNamespace(),
			"%s has no namespace: Felix looks for the service in none, not in the policy's own, and the rule matches nothing", dotted(at))
	}
}

// serviceConflicts reports what cannot stand beside services.
func (o on) serviceConflicts(end path, which string) {
	others := []string{"selector", "notSelector", "namespaceSelector", "serviceAccounts", "nets", "notNets"}
	if which == "destination" {
		others = append(others, "ports", "notPorts")
	}
	for _, field := range others {
		if n := o.node(end.add(field)); n == nil || field != "serviceAccounts" && isZero(n) {
			continue
		}
		hint := "a service already stands for its pods' addresses; leave one of the two out"
		if strings.HasSuffix(strings.ToLower(field), "ports") {
			hint = "a service already stands for its ports; leave the ports out"
		}
		o.reportAt("rule/services-conflict", o.src.At(end.add(field)...), hint, "%s cannot stand beside services", dotted(end.add(field)))
	}
}
