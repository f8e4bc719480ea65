package lower

import (
	"encoding/json"

	"tortie/compiler/yamlpos"
)

// rawTree is a mapping as it was written, without its metadata: the line of
// intent stands there.
func rawTree(n *yamlpos.Node) tree {
	var out tree
	for _, f := range n.Fields {
		if f.Key != "metadata" {
			out = append(out, field{f.Key, rawValue(f.Value)})
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
