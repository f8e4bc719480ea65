package check

import (
	"slices"

	"tortie/compiler/yamlpos"
)

// covered warns of a rule behind one that decides every packet which it could
// match: the earlier one asks for less, or for the same.
func (o on) covered(direction string) {
	rules := items(o.node(path{"spec", direction}))
	for j, later := range rules {
		for i, earlier := range rules[:j] {
			if len(conditions(earlier)) == 0 || earlier.Str("action") == "Log" || !o.coversRule(earlier, later) || o.sameRule(earlier, later) {
				continue // without conditions, or the same: reported as such
			}
			o.reportAt("policy/dead-rule", o.src.Rule(direction, j), "move it before the rule, or remove it",
				"%s rule %d never decides: rule %d takes every packet that it matches", direction, j+1, i+1)
			break
		}
	}
}

// conditions are the fields of a rule that ask for something.
func conditions(rule *yamlpos.Node) []yamlpos.Field {
	return slices.DeleteFunc(slices.Clone(fields(rule)), func(f yamlpos.Field) bool {
		return f.Key == "action" || f.Key == "metadata" || isZero(f.Value)
	})
}

// coversRule says whether whatever a later rule asks for is asked for by the
// earlier one too, and no more.
func (o on) coversRule(earlier, later *yamlpos.Node) bool {
	for _, f := range conditions(earlier) {
		have := later.Get(f.Key)
		switch f.Key {
		case "source", "destination":
			if !o.coversEnd(f.Value, have) {
				return false
			}
		default:
			if !sameValue(f.Value, have) {
				return false
			}
		}
	}
	return true
}

func (o on) coversEnd(earlier, later *yamlpos.Node) bool {
	scope, narrow := earlier.Get("namespaceSelector"), later.Get("namespaceSelector")
	if o.meta.GetNamespace() != "" && selects(earlier) && (scope == nil) != (narrow == nil) {
		return false // without one a selector means the policy's own namespace
	}
	for _, f := range fields(earlier) {
		if isZero(f.Value) {
			continue
		}
		have := later.Get(f.Key)
		switch f.Key {
		case "nets":
			if !coversNets(f.Value, have) {
				return false
			}
		case "ports":
			if !coversPorts(earlier, later) {
				return false
			}
		default:
			if !sameValue(f.Value, have) {
				return false
			}
		}
	}
	return true
}

func coversNets(wide, narrow *yamlpos.Node) bool {
	all := items(narrow)
	return len(all) > 0 && !slices.ContainsFunc(all, func(n *yamlpos.Node) bool {
		p, _, err := parseNet(n.Text)
		return err != nil || !slices.ContainsFunc(items(wide), func(w *yamlpos.Node) bool {
			x, _, err := parseNet(w.Text)
			return err == nil && (x == p || inside(p, x))
		})
	})
}

func coversPorts(wide, narrow *yamlpos.Node) bool {
	small := portRanges(narrow, "ports")
	return len(small) > 0 && !slices.ContainsFunc(small, func(p portRange) bool {
		return !slices.ContainsFunc(portRanges(wide, "ports"), func(w portRange) bool {
			return w.name == p.name && w.low <= p.low && p.high <= w.high
		})
	})
}

func (o on) sameRule(a, b *yamlpos.Node) bool {
	return o.coversRule(a, b) && o.coversRule(b, a)
}

// selects says whether an end names endpoints by their labels or accounts.
func selects(end *yamlpos.Node) bool {
	for _, field := range []string{"selector", "notSelector", "serviceAccounts", "namespaceSelector"} {
		if v := end.Get(field); v != nil && !isZero(v) {
			return true
		}
	}
	return false
}

func sameValue(a, b *yamlpos.Node) bool {
	if a == nil || b == nil {
		return false
	}
	x, errX := a.JSON()
	y, errY := b.JSON()
	return errX == nil && errY == nil && string(x) == string(y)
}
