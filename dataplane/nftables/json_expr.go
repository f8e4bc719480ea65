package nftables

import (
	"encoding/json"
	"fmt"
	"strings"
)

// str returns a string or number as text, and "" for anything else.
func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// list returns a value that may be one string or several.
func list(v any) []string {
	switch v := v.(type) {
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			out[i] = str(e)
		}
		return out
	case string:
		return []string{v}
	}
	return nil
}

// compact is the JSON of a value in one line.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%q", err)
	}
	return string(b)
}

// jsonQuote quotes a text for nft, which has no escapes: quotes become
// apostrophes.
func jsonQuote(s string) string {
	return `"` + strings.NewReplacer(`"`, "'", "\n", " ").Replace(s) + `"`
}

// only returns the single member of an object.
func only(v any) (string, any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return "", nil, false
	}
	for k, v := range m {
		return k, v, true
	}
	return "", nil, false
}

// jsonExpr puts an expression into text; false when it has no text here.
func jsonExpr(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return jsonWord(v), true
	case bool:
		if v {
			return "exists", true
		}
		return "missing", true
	case []any:
		return jsonJoin(v, ",")
	}
	kind, arg, ok := only(v)
	if !ok {
		return "", false
	}
	switch kind {
	case "payload", "meta", "ct", "fib", "numgen":
		return jsonKey(kind, arg)
	case "concat":
		args, _ := arg.([]any)
		return jsonJoin(args, " . ")
	case "prefix":
		m, _ := arg.(map[string]any)
		addr, ok := jsonExpr(m["addr"])
		return addr + "/" + str(m["len"]), ok
	case "range":
		args, _ := arg.([]any)
		return jsonJoin(args, "-")
	case "set":
		return jsonSet(arg)
	case "elem":
		return jsonElem(arg)
	case "map":
		return jsonMap(arg)
	case "&", "|", "^":
		return jsonBits(kind, arg)
	case "accept", "drop", "return", "continue":
		return kind, true
	case "jump", "goto":
		m, _ := arg.(map[string]any)
		return kind + " " + jsonWord(str(m["target"])), true
	}
	return "", false
}

// jsonWord is a string as one token: a word where it can be one, else quoted.
func jsonWord(s string) string {
	name, set := strings.CutPrefix(s, "@")
	if w, err := nameText("", name); err == nil {
		if set {
			return "@" + w
		}
		return w
	}
	return jsonQuote(s)
}

func jsonJoin(vs []any, sep string) (string, bool) {
	parts := make([]string, len(vs))
	for i, v := range vs {
		s, ok := jsonExpr(v)
		if !ok {
			return "", false
		}
		parts[i] = s
	}
	return strings.Join(parts, sep), len(parts) > 0
}

// jsonBits puts "left & right" into text; nft nests only on the left.
func jsonBits(op string, arg any) (string, bool) {
	args, _ := arg.([]any)
	if len(args) < 2 {
		return "", false
	}
	text, ok := jsonExpr(args[0])
	if !ok {
		return "", false
	}
	for _, a := range args[1:] {
		right, ok := jsonBitsRight(a)
		if !ok {
			return "", false
		}
		text += " " + op + " " + right
	}
	return text, true
}

func jsonBitsRight(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number, string:
		return jsonExpr(v)
	case []any:
		s, ok := jsonJoin(v, " | ")
		return "(" + s + ")", ok
	}
	if kind, arg, ok := only(v); ok && kind == "|" {
		args, _ := arg.([]any)
		s, ok := jsonJoin(args, " | ")
		return "(" + s + ")", ok
	}
	return "", false
}

// jsonKey puts a key into text.
func jsonKey(kind string, arg any) (string, bool) {
	m, ok := arg.(map[string]any)
	if !ok {
		return "", false
	}
	switch kind {
	case "payload":
		return str(m["protocol"]) + " " + str(m["field"]), str(m["protocol"]) != "" && str(m["field"]) != ""
	case "meta":
		return "meta " + str(m["key"]), str(m["key"]) != ""
	case "ct":
		if d := str(m["dir"]); d != "" {
			return "ct " + d + " " + str(m["key"]), true
		}
		return "ct " + str(m["key"]), str(m["key"]) != ""
	case "fib":
		return "fib " + strings.Join(list(m["flags"]), " . ") + " " + str(m["result"]), m["flags"] != nil
	}
	s := "numgen " + str(m["mode"]) + " mod " + str(m["mod"])
	if o := str(m["offset"]); o != "" && o != "0" {
		s += " offset " + o
	}
	return s, true
}

// jsonSet puts an anonymous set or map into text.
func jsonSet(arg any) (string, bool) {
	elems, ok := arg.([]any)
	if !ok {
		one, ok := jsonExpr(arg)
		return "{ " + one + " }", ok
	}
	parts := make([]string, len(elems))
	for i, e := range elems {
		s, ok := jsonElement(e)
		if !ok {
			return "", false
		}
		parts[i] = s
	}
	return "{ " + strings.Join(parts, ", ") + " }", true
}

// jsonElement puts an element into text: a value, or a pair of key and data.
func jsonElement(v any) (string, bool) {
	pair, ok := v.([]any)
	if !ok {
		return jsonExpr(v)
	}
	if len(pair) != 2 {
		return "", false
	}
	return jsonJoin(pair, " : ")
}

// jsonElem puts an element with options into text.
func jsonElem(arg any) (string, bool) {
	m, _ := arg.(map[string]any)
	s, ok := jsonExpr(m["val"])
	if !ok {
		return "", false
	}
	for _, k := range []string{"timeout", "expires"} {
		if n := str(m[k]); n != "" {
			s += " " + k + " " + n + "s"
		}
	}
	if c, ok := m["counter"].(map[string]any); ok {
		s += " counter packets " + str(c["packets"]) + " bytes " + str(c["bytes"])
	}
	if c := str(m["comment"]); c != "" {
		s += " comment " + jsonQuote(c)
	}
	for k := range m {
		switch k {
		case "val", "timeout", "expires", "counter", "comment":
		default:
			return "", false
		}
	}
	return s, true
}

func jsonMap(arg any) (string, bool) {
	m, _ := arg.(map[string]any)
	key, ok := jsonExpr(m["key"])
	data, ok2 := jsonExpr(m["data"])
	return key + " map " + data, ok && ok2
}
