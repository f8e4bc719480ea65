package lower

import (
	"encoding/json"
	"maps"

	"tortie/compiler/yamlpos"
)

// rawTree is a rule as it was written, with the line of intent among its
// annotations.
func rawTree(n *yamlpos.Node, notes map[string]string) tree {
	out := rawFields(n)
	given := n.Lookup("metadata", "annotations")
	if given == nil {
		if n.Get("metadata") != nil { // nothing else can stand there, which is for others to say
			return out
		}
		return append(out, field{"metadata", tree{{"annotations", notes}}})
	}
	all := maps.Clone(notes)
	for _, f := range given.Fields {
		if f.Value.Kind != yamlpos.String {
			return out
		}
		all[f.Key] = f.Value.Text
	}
	for i := range out {
		if out[i].key == "metadata" {
			out[i].value = tree{{"annotations", all}}
		}
	}
	return out
}

func rawValue(n *yamlpos.Node) any {
	switch n.Kind {
	case yamlpos.Map:
		return rawFields(n)
	case yamlpos.List:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, rawValue(item))
		}
		return out
	case yamlpos.String:
		return n.Text
	}
	data, err := n.JSON()
	if err != nil {
		return n.Text
	}
	return json.RawMessage(data)
}

func rawFields(n *yamlpos.Node) tree {
	out := tree{}
	for _, f := range n.Fields {
		out = append(out, field{f.Key, rawValue(f.Value)})
	}
	return out
}
