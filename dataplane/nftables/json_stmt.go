package nftables

import (
	"fmt"
	"strings"
)

// jsonStmt puts a statement into text. One that has no text here stays JSON,
// which Parse keeps as an opaque statement.
func jsonStmt(v any) string {
	kind, arg, ok := only(v)
	if !ok {
		return compact(v)
	}
	if kind == "xt" {
		return "xt"
	}
	m, _ := arg.(map[string]any)
	text := ""
	switch kind {
	case "match":
		text, ok = jsonMatch(m)
	case "vmap":
		key, okKey := jsonExpr(m["key"])
		data, okData := jsonExpr(m["data"])
		text, ok = key+" vmap "+data, okKey && okData
	case "mangle":
		text, ok = jsonMangle(m)
	case "counter":
		text, ok = jsonCounter(arg), true
	case "accept", "drop", "return", "continue", "jump", "goto":
		text, ok = jsonExpr(v)
	case "notrack":
		text = kind
	case "dnat", "snat", "masquerade", "redirect":
		text, ok = jsonNAT(kind, m)
	case "reject":
		text = jsonReject(m)
	case "log":
		text = jsonLog(m)
	case "limit":
		text = jsonLimit(m)
	case "ct count":
		text = "ct count " + over(m) + str(m["val"])
	case "set":
		elem, okElem := jsonExpr(m["elem"])
		text, ok = str(m["op"])+" "+jsonWord(str(m["set"]))+" { "+elem+" }", okElem && m["stmt"] == nil
	default:
		ok = false
	}
	if !ok {
		return compact(v)
	}
	return text
}

func over(m map[string]any) string {
	if m["inv"] == true {
		return "over "
	}
	return ""
}

func jsonMatch(m map[string]any) (string, bool) {
	left, okLeft := jsonExpr(m["left"])
	right, okRight := jsonExpr(m["right"])
	op := str(m["op"])
	if _, present := m["right"].(bool); op == "in" || present && op == "==" {
		return left + " " + right, okLeft && okRight
	}
	if isIfindex(m["left"]) {
		right = ifindexWords(m["right"], right)
	}
	return left + " " + op + " " + right, okLeft && okRight && op != ""
}

// isIfindex reports whether an expression is meta iif or oif.
func isIfindex(v any) bool {
	kind, arg, ok := only(v)
	m, _ := arg.(map[string]any)
	return ok && kind == "meta" && (str(m["key"]) == "iif" || str(m["key"]) == "oif")
}

// ifindexWords quotes the name of an interface; nft gives the index of one that
// is gone as a string of digits.
func ifindexWords(v any, text string) string {
	s, ok := v.(string)
	if _, number := parseNumber(s, 1<<32-1); !ok || number {
		return text
	}
	return jsonQuote(s)
}

func jsonMangle(m map[string]any) (string, bool) {
	value, ok := jsonExpr(m["value"])
	kind, arg, _ := only(m["key"])
	if kind == "tcp option" {
		o, _ := arg.(map[string]any)
		rt, _, _ := only(m["value"])
		if str(o["name"]) == "maxseg" && str(o["field"]) == "size" && rt == "rt" {
			return "tcp option maxseg size set rt mtu", compact(m["value"]) == `{"rt":{"key":"mtu"}}`
		}
		return "", false
	}
	key, okKey := jsonExpr(m["key"])
	return key + " set " + value, ok && okKey
}

func jsonCounter(arg any) string {
	switch c := arg.(type) {
	case map[string]any:
		return "counter packets " + str(c["packets"]) + " bytes " + str(c["bytes"])
	case string:
		return "counter name " + jsonQuote(c)
	}
	return "counter"
}

func jsonNAT(kind string, m map[string]any) (string, bool) {
	s := kind
	if f := str(m["family"]); f != "" {
		s += " " + f
	}
	if t := list(m["type_flags"]); len(t) > 0 {
		s += " " + strings.Join(t, " ")
	}
	to := ""
	if a := m["addr"]; a != nil {
		addr, ok := jsonExpr(a)
		if !ok {
			return "", false
		}
		to = addr
	}
	if p := m["port"]; p != nil {
		port, ok := jsonExpr(p)
		if !ok {
			return "", false
		}
		to = bracketed(to) + ":" + port
	}
	if to != "" {
		s += " to " + to
	}
	if f := list(m["flags"]); len(f) > 0 {
		s += " " + strings.Join(f, ",")
	}
	return s, true
}

// bracketed puts brackets around IPv6 addresses in front of a port.
func bracketed(s string) string {
	if !strings.Contains(s, ":") {
		return s
	}
	if from, to, ok := strings.Cut(s, "-"); ok {
		return "[" + from + "]-[" + to + "]"
	}
	return "[" + s + "]"
}

func jsonReject(m map[string]any) string {
	switch t := str(m["type"]); t {
	case "":
		return "reject"
	case "tcp reset":
		return "reject with tcp reset"
	default:
		return "reject with " + t + " " + str(m["expr"])
	}
}

func jsonLog(m map[string]any) string {
	s := "log"
	if p := str(m["prefix"]); p != "" {
		s += " prefix " + jsonQuote(p)
	}
	for _, k := range []string{"group", "snaplen", "queue-threshold", "level"} {
		if v := str(m[k]); v != "" {
			s += " " + k + " " + v
		}
	}
	return s + jsonLogFlags(list(m["flags"]))
}

// jsonLogFlags joins "tcp sequence" and "tcp options" to "flags tcp
// sequence,options".
func jsonLogFlags(flags []string) string {
	s, last := "", ""
	for _, f := range flags {
		head, rest, two := strings.Cut(f, " ")
		switch {
		case two && head == last:
			s += "," + rest
		default:
			s += " flags " + f
		}
		last = head
	}
	return s
}

func jsonLimit(m map[string]any) string {
	rate, unit := str(m["rate"]), str(m["rate_unit"])
	per := str(m["per"])
	if unit == "" || unit == "packets" {
		return fmt.Sprintf("limit rate %s%s/%s burst %s packets", over(m), rate, per, burst(m))
	}
	s := fmt.Sprintf("limit rate %s%s %s/%s", over(m), rate, unit, per)
	if b := str(m["burst"]); b != "" && b != "0" {
		s += " burst " + b + " " + str(m["burst_unit"])
	}
	return s
}

func burst(m map[string]any) string {
	if b := str(m["burst"]); b != "" {
		return b
	}
	return "5"
}

// set files a set or map.
func (r *jsonReader) set(t *jsonTable, kind string, m map[string]any) {
	name := str(m["name"])
	types, data := strings.Join(list(m["type"]), " . "), strings.Join(list(m["map"]), " . ")
	elems := "{ }"
	ok := true
	if m["elem"] != nil {
		elems, ok = jsonSet(m["elem"])
	}
	if _, err := nameText("", name); err != nil || !ok || types == "" {
		t.sets = append(t.sets, r.line(compact(map[string]any{kind: m})))
		return
	}
	if data != "" {
		types += " : " + data
	}
	put := func(s string) { t.sets = append(t.sets, r.line(s)) }
	put(kind + " " + name + " {")
	put("type " + types)
	for _, k := range []string{"size", "policy"} {
		if v := str(m[k]); v != "" {
			put(k + " " + v)
		}
	}
	r.setOptions(put, m)
	put("elements = " + elems)
	put("}")
}

func (r *jsonReader) setOptions(put func(string), m map[string]any) {
	if f := list(m["flags"]); len(f) > 0 {
		put("flags " + strings.Join(f, ","))
	}
	for _, k := range []string{"timeout", "gc-interval"} {
		if v := str(m[k]); v != "" {
			put(k + " " + v + "s")
		}
	}
	if m["auto-merge"] == true {
		put("auto-merge")
	}
	if c := str(m["comment"]); c != "" {
		put("comment " + jsonQuote(c))
	}
	stmts, _ := m["stmt"].([]any)
	for _, s := range stmts {
		put(jsonStmt(s))
	}
}
