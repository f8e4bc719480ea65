package lower

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/yamlpos"
)

// field is an entry of a mapping that keeps its order.
type field struct {
	key   string
	value any // tree, []any, []string, string, float64, int, bool, map[string]string, json.RawMessage
}

// tree is a mapping in the order in which it is written.
type tree []field

// put adds a field unless its value is empty.
func (t *tree) put(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case tree:
		if len(v) == 0 {
			return
		}
	case bool:
		if !v {
			return
		}
	case map[string]string:
		if len(v) == 0 {
			return
		}
	}
	*t = append(*t, field{key, value})
}

// MarshalJSON writes the fields in their order.
func (t tree) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		k, _ := json.Marshal(f.key)
		v, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// yaml writes a mapping at an indentation.
func (t tree) yaml(w io.Writer, indent string) {
	for _, f := range t {
		fmt.Fprintf(w, "%s%s:", indent, scalar(f.key))
		writeValue(w, f.value, indent)
	}
}

func writeValue(w io.Writer, value any, indent string) {
	switch v := value.(type) {
	case tree:
		if len(v) == 0 {
			fmt.Fprintln(w, " {}")
			return
		}
		fmt.Fprintln(w)
		v.yaml(w, indent+"  ")
	case map[string]string:
		writeValue(w, sortedTree(v), indent)
	case []string:
		items := make([]any, len(v))
		for i, s := range v {
			items[i] = s
		}
		writeValue(w, items, indent)
	case []any:
		writeList(w, v, indent)
	case json.RawMessage:
		fmt.Fprintf(w, " %s\n", v)
	default:
		fmt.Fprintf(w, " %s\n", scalar(v))
	}
}

func writeList(w io.Writer, list []any, indent string) {
	flat := true
	for _, item := range list {
		switch item.(type) {
		case tree, json.RawMessage:
			flat = false
		}
	}
	if flat && len(list) <= 4 {
		words := make([]string, len(list))
		for i, item := range list {
			words[i] = scalar(item)
		}
		fmt.Fprintf(w, " [%s]\n", strings.Join(words, ", "))
		return
	}
	fmt.Fprintln(w)
	for _, item := range list {
		t, ok := item.(tree)
		if !ok {
			fmt.Fprintf(w, "%s- %s\n", indent, strings.TrimSpace(scalar(item)))
			continue
		}
		var b strings.Builder
		t.yaml(&b, indent+"  ")
		fmt.Fprintf(w, "%s- %s", indent, strings.TrimPrefix(b.String(), indent+"  "))
	}
}

func sortedTree(m map[string]string) tree {
	var t tree
	for _, k := range slices.Sorted(maps.Keys(m)) {
		t = append(t, field{k, m[k]})
	}
	return t
}

// scalar writes a value on one line, in quotes where YAML might take it for
// something else.
func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return yamlpos.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.RawMessage:
		return string(v)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(data)
}
