package cluster

import (
	"cmp"
	"slices"
	"strings"

	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

const ownConfig = "node."

// FelixConfigurationsOf are the FelixConfigurations that hold for a node with these
// labels, the strongest last: "default", the oldest of those whose nodeSelector selects
// the node, the node's own (felix/calc/config_batcher.go). Those that select it and are
// younger are passed over.
func (s *Snapshot) FelixConfigurationsOf(node string, labels map[string]string) (list, passed []Object[v3.FelixConfiguration]) {
	var global, selected, own []Object[v3.FelixConfiguration]
	for _, o := range s.FelixConfigurations {
		switch name := o.Object.Name; {
		case name == "default":
			global = append(global, o)
		case name == ownConfig+node:
			own = append(own, o)
		case BySelector(name) && selects(o, labels):
			selected = append(selected, o)
		}
	}
	slices.SortFunc(selected, func(a, b Object[v3.FelixConfiguration]) int {
		return cmp.Or(a.Object.CreationTimestamp.Compare(b.Object.CreationTimestamp.Time), cmp.Compare(a.Object.Name, b.Object.Name))
	})
	if len(selected) > 1 {
		selected, passed = selected[:1], selected[1:]
	}
	return slices.Concat(global, selected, own), passed
}

// BySelector reports whether a FelixConfiguration of this name holds where its
// nodeSelector says.
func BySelector(name string) bool { return name != "default" && !strings.HasPrefix(name, ownConfig) }

// selects reports whether the nodeSelector of a FelixConfiguration selects a node; one
// without a selector, or a selector that does not parse, selects none, and nothing
// selects a node without labels.
func selects(o Object[v3.FelixConfiguration], labels map[string]string) bool {
	extra, _ := Extra(o)
	if extra.NodeSelector == nil || *extra.NodeSelector == "" || len(labels) == 0 {
		return false
	}
	sel, err := selector.Parse(*extra.NodeSelector)
	return err == nil && sel.Matches(selector.Map(labels))
}
