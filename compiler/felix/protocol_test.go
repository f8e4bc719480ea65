package felix

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
)

// The recordings hold what a real calculation graph told its dataplane, as text
// of protobuf messages. This file reads that text into a View.

// message is a protobuf message in text form: values by key, in order.
type message map[string][]any

// textReader reads protobuf text.
type textReader struct {
	t *testing.T
	s string
}

func (r *textReader) space() { r.s = strings.TrimLeft(r.s, " ,") }

func (r *textReader) take(prefix string) bool {
	r.space()
	if !strings.HasPrefix(r.s, prefix) {
		return false
	}
	r.s = r.s[len(prefix):]
	return true
}

// fields reads "key:value key:{…}" until the end or a closing brace.
func (r *textReader) fields() message {
	m := message{}
	for r.space(); r.s != "" && !r.take("}"); r.space() {
		i := strings.IndexAny(r.s, ":{")
		if i < 0 {
			r.t.Fatalf("no key in %q", r.s)
		}
		key, _, _ := strings.Cut(r.s[:i], "(")
		r.s = strings.TrimPrefix(r.s[i:], ":")
		if r.take("[]string{") {
			for !r.take("}") {
				m[key] = append(m[key], r.value())
			}
			continue
		}
		m[key] = append(m[key], r.value())
	}
	return m
}

func (r *textReader) value() any {
	r.space()
	if r.take("{") {
		return r.fields()
	}
	if strings.HasPrefix(r.s, `"`) {
		q, err := strconv.QuotedPrefix(r.s)
		if err != nil {
			r.t.Fatalf("bad string in %q", r.s)
		}
		r.s = r.s[len(q):]
		s, _ := strconv.Unquote(q)
		return s
	}
	end := strings.IndexAny(r.s+" ", " }")
	v := r.s[:end]
	r.s = r.s[end:]
	return v
}

func (m message) str(key string) string {
	if len(m[key]) == 0 {
		return ""
	}
	s, _ := m[key][0].(string)
	return s
}

func (m message) strs(key string) []string {
	var out []string
	for _, v := range m[key] {
		out = append(out, v.(string))
	}
	return out
}

func (m message) sub(key string) message {
	if len(m[key]) == 0 {
		return nil
	}
	s, _ := m[key][0].(message)
	return s
}

func (m message) subs(key string) []message {
	var out []message
	for _, v := range m[key] {
		out = append(out, v.(message))
	}
	return out
}

func (m message) num(key string) int {
	n, _ := strconv.Atoi(m.str(key))
	return n
}

func (m message) nets(key string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range m.strs(key) {
		out = append(out, prefixOf(s))
	}
	return out
}

func prefixOf(s string) netip.Prefix {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p
	}
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

func (m message) addrs(key string) []netip.Addr {
	var out []netip.Addr
	for _, s := range m.strs(key) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func (m message) ports(key string) []resolve.PortRange {
	var out []resolve.PortRange
	for _, p := range m.subs(key) {
		out = append(out, resolve.PortRange{From: uint16(p.num("first")), To: uint16(p.num("last"))})
	}
	return out
}

func (m message) proto(key string) packet.Proto {
	p := m.sub(key)
	if p == nil {
		return 0
	}
	if n := p.num("number"); n != 0 {
		return packet.Proto(n)
	}
	proto, _ := packet.ParseProto(p.str("name"))
	return proto
}

func (m message) icmp(prefix string) *resolve.ICMP {
	if both := m.sub(prefix + "icmp_type_code"); both != nil {
		return &resolve.ICMP{Type: uint8(both.num("type")), Code: uint8(both.num("code")), HasCode: true}
	}
	if len(m[prefix+"icmp_type"]) > 0 {
		return &resolve.ICMP{Type: uint8(m.num(prefix + "icmp_type"))}
	}
	return nil
}

func (m message) match(side, not string) resolve.Match {
	out := resolve.Match{
		Nets:       m.nets(not + side + "_net"),
		Ports:      m.ports(not + side + "_ports"),
		NamedPorts: m.strs(not + side + "_named_port_ip_set_ids"),
		Sets:       m.strs(not + side + "_ip_set_ids"),
	}
	if not == "" {
		out.Services = m.strs(side + "_ip_port_set_ids")
	}
	return out
}

var actionNames = map[string]resolve.Action{
	"": resolve.Allow, "allow": resolve.Allow, "deny": resolve.Deny,
	"log": resolve.Log, "pass": resolve.Pass, "next-tier": resolve.Pass,
}

func (m message) rules(key string) []resolve.Rule {
	var out []resolve.Rule
	for i, r := range m.subs(key) {
		one := resolve.Rule{
			Action: actionNames[r.str("action")], Index: i,
			Protocol: r.proto("protocol"), NotProtocol: r.proto("not_protocol"),
			Src: r.match("src", ""), Dst: r.match("dst", ""),
			NotSrc: r.match("src", "not_"), NotDst: r.match("dst", "not_"),
			ICMP: r.icmp(""), NotICMP: r.icmp("not_"),
		}
		switch r.str("ip_version") {
		case "IPV4":
			one.IPVersion = packet.IPv4
		case "IPV6":
			one.IPVersion = packet.IPv6
		}
		for _, a := range r.sub("metadata").subs("annotations") {
			one.Annotations = append(one.Annotations, resolve.Annotation{Key: a.str("key"), Value: a.str("value")})
		}
		slices.SortFunc(one.Annotations, func(a, b resolve.Annotation) int { return strings.Compare(a.Key, b.Key) })
		out = append(out, one)
	}
	return out
}

func (m message) policyID() resolve.PolicyID {
	return resolve.PolicyID{Kind: m.str("kind"), Namespace: m.str("namespace"), Name: m.str("name")}
}

func (m message) tiers(key string) []resolve.Tier {
	var out []resolve.Tier
	for _, t := range m.subs(key) {
		one := resolve.Tier{Name: t.str("name"), DefaultAction: resolve.Deny}
		if t.str("default_action") == "Pass" {
			one.DefaultAction = resolve.Pass
		}
		for _, p := range t.subs("ingress_policies") {
			one.Ingress = append(one.Ingress, p.policyID())
		}
		for _, p := range t.subs("egress_policies") {
			one.Egress = append(one.Egress, p.policyID())
		}
		out = append(out, one)
	}
	return out
}
