package dump

import (
	"slices"
	"strings"
)

// linesOf puts the objects of a capture into the lines of ip without -j. The
// lines keep the place of their object.
func linesOf(k kind, list []object) []line {
	var out []line
	for _, o := range list {
		var texts []string
		switch k.what {
		case whatAddr:
			texts = addrLines(o)
		case whatRoute:
			texts = routeLines(o)
		case whatRule:
			texts = []string{ruleLine(o)}
		case whatNeigh:
			texts = []string{neighLine(o)}
		}
		for _, t := range texts {
			out = append(out, line{no: o.pos.Line, text: t, made: o.pos.Col})
		}
	}
	return out
}

// put adds words in front of a value, if there is one.
func put(words []string, before, value string) []string {
	if value == "" {
		return words
	}
	if before != "" {
		words = append(words, before)
	}
	return append(words, value)
}

func addrLines(o object) []string {
	var flags []string
	for _, f := range o.list("flags") {
		flags = append(flags, scalar(f))
	}
	head := []string{o.get("ifindex") + ":", o.get("ifname") + ":", "<" + strings.Join(flags, ",") + ">"}
	head = put(head, "mtu", o.get("mtu"))
	head = put(head, "master", o.get("master"))
	out := []string{strings.Join(head, " ")}
	if t := o.get("link_type"); t != "" {
		out = append(out, " link/"+t+" "+o.get("address"))
	}
	if kind, data := o.infoKind(); kind != "" {
		words := []string{"", kind}
		words = put(words, "id", scalar(data["id"]))
		words = put(words, "local", scalar(data["local"]))
		words = put(words, "local", scalar(data["local6"]))
		words = put(words, "dstport", scalar(data["port"]))
		for _, far := range []string{"remote", "remote6", "group", "group6"} {
			words = put(words, "remote", scalar(data[far]))
		}
		if scalar(data["external"]) == "true" {
			words = append(words, "external")
		}
		out = append(out, strings.Join(words, " "))
	}
	for _, a := range o.list("addr_info") {
		if m, ok := a.(map[string]any); ok && scalar(m["local"]) != "" {
			out = append(out, addressLine(m))
		}
	}
	return out
}

// infoKind is the kind of a link, and what belongs to the kind.
func (o object) infoKind() (string, map[string]any) {
	info := o.sub("linkinfo")
	data, _ := info["info_data"].(map[string]any)
	return scalar(info["info_kind"]), data
}

// addressLine is "inet 10.0.0.1/24 peer … brd … scope global secondary". The
// length belongs to the peer where there is one.
func addressLine(m map[string]any) string {
	words := []string{"", scalar(m["family"])}
	length := "/" + scalar(m["prefixlen"])
	if peer := scalar(m["address"]); peer != "" {
		words = append(words, scalar(m["local"]), "peer", peer+length)
	} else {
		words = append(words, scalar(m["local"])+length)
	}
	words = put(words, "brd", scalar(m["broadcast"]))
	words = put(words, "scope", scalar(m["scope"]))
	for _, flag := range []string{"secondary", "temporary", "tentative", "deprecated", "dadfailed"} {
		if scalar(m[flag]) == "true" {
			words = append(words, flag)
		}
	}
	return strings.Join(words, " ")
}

// routeWords are the members of a route that have the name that ip prints.
var routeWords = []string{"scope", "metric", "tos", "pref", "error", "nhid", "expires", "age", "uid"}

// routeSilent are members that say nothing about where a packet goes, or that
// are read with another member.
var routeSilent = []string{"type", "dst", "src", "family", "host", "via", "gateway", "dev", "table", "protocol", "prefsrc", "flags",
	"metrics", "nexthops", "cache", "used", "users", "iif", "ipid", "ts", "tsage"}

// routeLines is a route and a line for each of several next hops.
func routeLines(o object) []string {
	words := put(nil, "", o.get("type"))
	words = put(words, "", o.get("dst"))
	encap := slices.IndexFunc(o.members, func(m member) bool { return m.key == "encap" })
	if from := slices.IndexFunc(o.members, func(m member) bool { return m.key == "src" }); from >= 0 && (encap < 0 || from < encap) {
		words = append(words, "from", o.get("src"))
	}
	words = hopWords(words, o.get("gateway"), o.sub("via"), o.get("dev"))
	words = put(words, "table", o.get("table"))
	words = put(words, "proto", o.get("protocol"))
	words = put(words, "src", o.get("prefsrc"))
	words = append(words, flagWords(o.list("flags"))...)
	for i, m := range o.members {
		switch {
		case encap >= 0 && i >= encap && m.key != "metric" && m.key != "scope":
		case slices.Contains(routeWords, m.key):
			words = put(words, m.key, scalar(m.value))
		case !slices.Contains(routeSilent, m.key):
			words = append(words, m.key)
		}
	}
	words = put(words, "encap", o.get("encap"))
	out := []string{strings.Join(words, " ")}
	for _, h := range o.list("nexthops") {
		if m, ok := h.(map[string]any); ok {
			out = append(out, nexthopLine(m))
		}
	}
	return out
}

func hopWords(words []string, gateway string, via map[string]any, dev string) []string {
	words = put(words, "via", gateway)
	if host := scalar(via["host"]); host != "" {
		words = append(words, "via", scalar(via["family"]), host)
	}
	return put(words, "dev", dev)
}

func flagWords(list []any) []string {
	var out []string
	for _, f := range list {
		if s := scalar(f); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func nexthopLine(m map[string]any) string {
	via, _ := m["via"].(map[string]any)
	words := hopWords([]string{"", "nexthop"}, scalar(m["gateway"]), via, scalar(m["dev"]))
	words = put(words, "weight", scalar(m["weight"]))
	flags, _ := m["flags"].([]any)
	return strings.Join(append(words, flagWords(flags)...), " ")
}

// neighLine is a line of ip neigh or of bridge fdb.
func neighLine(o object) string {
	if mac := o.get("mac"); mac != "" {
		return strings.Join(put([]string{mac, "dev", o.get("ifname")}, "dst", o.get("dst")), " ")
	}
	return strings.Join(put([]string{o.get("dst"), "dev", o.get("dev")}, "lladdr", o.get("lladdr")), " ")
}

// ruleSilent are members of a policy routing rule that are read with another
// one, or that do not matter.
var ruleSilent = []string{"priority", "srclen", "dstlen", "fwmask", "sport_end", "dport_end", "uid_end", "protocol", "unresolved"}

// ruleLine is a policy routing rule: "100: not from 10.0.0.0/8 fwmark 0x1/0xf
// lookup 7".
func ruleLine(o object) string {
	words := []string{o.get("priority") + ":"}
	for _, m := range o.members {
		v := scalar(m.value)
		switch m.key {
		case "not":
			words = append(words, "not")
		case "src":
			words = append(words, "from", withLength(v, o.get("srclen")))
		case "dst":
			words = append(words, "to", withLength(v, o.get("dstlen")))
		case "fwmark":
			words = append(words, "fwmark", withLength(v, o.get("fwmask")))
		case "iif", "oif", "tos", "ipproto", "sport", "dport", "goto":
			words = append(words, m.key, v)
		case "iif_detached", "oif_detached":
			words = append(words, "[detached]")
		case "sport_start", "dport_start":
			name := strings.TrimSuffix(m.key, "_start")
			words = append(words, name, v+"-"+o.get(name+"_end"))
		case "table":
			words = append(words, "lookup", v)
		case "action":
			words = append(words, v)
		case "suppress_prefixlen":
			words = append(words, "suppress_prefixlength", v)
		case "uid_start":
			words = append(words, "uidrange", v+"-"+o.get("uid_end"))
		default:
			if !slices.Contains(ruleSilent, m.key) {
				words = append(words, strings.TrimSuffix(m.key+"="+v, "="))
			}
		}
	}
	return strings.Join(words, " ")
}

func withLength(value, length string) string {
	if length == "" {
		return value
	}
	return value + "/" + length
}
