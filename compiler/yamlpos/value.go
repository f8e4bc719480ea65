package yamlpos

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Value returns the node as encoding/json would decode it: nil, bool,
// json.Number, string, []any or map[string]any.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Int, Float:
		return json.Number(n.Text)
	case String:
		return n.Text
	case List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = item.Value()
		}
		return list
	case Map:
		m := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			m[f.Key] = f.Value.Value()
		}
		return m
	}
	return nil
}

// JSON returns the node as JSON text. It fails for numbers that JSON does not
// have (infinity, not-a-number).
func (n *Node) JSON() ([]byte, error) { return json.Marshal(n.Value()) }

// infinite is the first number in a node that is none or infinite, nil without one.
func (n *Node) infinite() *Node {
	if n.Kind == Float {
		f, err := strconv.ParseFloat(n.Text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return n
		}
	}
	for _, item := range n.Items {
		if bad := item.infinite(); bad != nil {
			return bad
		}
	}
	for _, f := range n.Fields {
		if bad := f.Value.infinite(); bad != nil {
			return bad
		}
	}
	return nil
}

// Describe says what a node holds, in a few words, quoting the text.
func (n *Node) Describe() string {
	switch n.Kind {
	case Bool, Int, Float:
		return fmt.Sprintf("the %s %s", n.Kind, n.Text)
	case String:
		text := n.Text
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:60], "") + "…"
		}
		return fmt.Sprintf("the string %q", text)
	}
	return "a " + n.Kind.String()
}

// structFields are the fields of a struct type by their names in JSON.
type structFields struct {
	index map[string][]int
	names []string // sorted
}

var fieldCache sync.Map // reflect.Type → *structFields

func fieldsOf(t reflect.Type) *structFields {
	if f, ok := fieldCache.Load(t); ok {
		return f.(*structFields)
	}
	f := &structFields{index: map[string][]int{}}
	f.collect(t, nil)
	for name := range f.index {
		f.names = append(f.names, name)
	}
	slices.Sort(f.names)
	fieldCache.Store(t, f)
	return f
}

// collect adds the fields of a struct, those of embedded structs included.
func (f *structFields) collect(t reflect.Type, prefix []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		name, opts, _ := strings.Cut(tag, ",")
		index := append(slices.Clone(prefix), i)
		inline := name == "" && (sf.Anonymous || strings.Contains(opts, "inline")) && sf.Type.Kind() == reflect.Struct
		switch {
		case inline:
			f.collect(sf.Type, index)
		case !sf.IsExported() || name == "-":
		default:
			if name == "" {
				name = sf.Name
			}
			if old, ok := f.index[name]; !ok || len(old) > len(index) {
				f.index[name] = index
			}
		}
	}
}

// Suggestion is a hint for a name that is none of those there are: it asks for the one
// that was probably meant, or says which there are, of many the first.
func Suggestion(name string, there []string) string {
	if near := Nearest(name, there); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if n := len(there); n > 5 {
		return fmt.Sprintf("there is %s and %d more", strings.Join(there[:5], ", "), n-5)
	}
	return "there is " + strings.Join(there, ", ")
}

// Nearest returns the name closest to a misspelt one, or "" if none is close.
func Nearest(name string, names []string) string {
	best, bestDist := "", 1+max(1, len(name)/4)
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(n)); d < bestDist {
			best, bestDist = n, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, changes and swaps of neighbours.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var prev2 []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := prev[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			cur[j] = min(change, prev[j]+1, cur[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, cur
	}
	return prev[len(b)]
}
