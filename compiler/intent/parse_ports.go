package intent

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"tortie/compiler/yamlpos"
	"tortie/dataplane/packet"
)

func (p *parser) portGroups(n *yamlpos.Node) {
	if n.Kind != yamlpos.Map {
		p.wrongType(n, "spec.ports", "a mapping of names to lists of ports")
		return
	}
	for _, f := range n.Fields {
		p.name(f.Key, f.KeySpan, "a list of ports")
		g := PortGroup{Name: f.Key, Span: f.KeySpan}
		if p.given(f, "spec.ports") {
			g.Terms = p.portRefs(f.Value, "ports "+f.Key)
		}
		p.doc.Ports = append(p.doc.Ports, g)
	}
}

func (p *parser) portRefs(n *yamlpos.Node, path string) []PortRef {
	var out []PortRef
	for _, item := range p.texts(n, path, yamlpos.Int) {
		ref := PortRef{Text: item.Text, Span: item.Span}
		if strings.Contains(item.Text, "/") || plainProto(item.Text) {
			ref.Terms = p.portTerms(item, path)
			if ref.Terms == nil {
				continue
			}
		} else if !p.groupName(item, path) {
			continue
		}
		out = append(out, ref)
	}
	return out
}

// groupName checks what must be the name of a group.
func (p *parser) groupName(item *yamlpos.Node, path string) bool {
	switch {
	case barePort.MatchString(item.Text):
		p.errorf("intent/bad-port", item.Span, cmp.Or(meantPorts(item.Text), "ports go from 1 to 65535, behind a protocol: tcp/80"),
			"%s: %q has no protocol", path, item.Text)
		return false
	case item.Kind == yamlpos.Int || !listForm(item.Text):
		p.errorf("intent/bad-port", item.Span, cmp.Or(meantPorts(item.Text), "write tcp/80, udp/53, tcp/8080-8090, icmp/echo-request or the name of a list"),
			"%s: %q is neither a port nor the name of a list of ports", path, item.Text)
		return false
	}
	return true
}

// listForm reports whether a text may name a list of ports, its own or intent.name.
func listForm(s string) bool {
	intent, name, qualified := strings.Cut(s, ".")
	return nameForm.MatchString(intent) && (!qualified || nameForm.MatchString(name))
}

func plainProto(s string) bool {
	_, ok := parseProto(s)
	return ok
}

var protoNames = map[string]packet.Proto{
	"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "sctp": packet.ProtoSCTP, "udplite": packet.ProtoUDPLite,
	"icmp": packet.ProtoICMP, "icmpv6": packet.ProtoICMPv6,
}

func parseProto(s string) (packet.Proto, bool) {
	p, ok := protoNames[s]
	return p, ok
}

// portTerms reads one item; what is wrong is reported and gives nil.
func (p *parser) portTerms(item *yamlpos.Node, path string) []PortTerm {
	word, rest, has := strings.Cut(item.Text, "/")
	if word == "proto" && has {
		return p.protoNumber(item, rest, path)
	}
	proto, ok := parseProto(word)
	switch {
	case !ok:
		hint := meantPorts(item.Text)
		if near := yamlpos.Nearest(word, []string{"tcp", "udp", "sctp", "udplite", "icmp", "icmpv6", "proto"}); hint == "" && near != "" {
			hint = "did you mean " + near + "?"
		}
		hint = cmp.Or(hint, "the protocols are tcp, udp, sctp, udplite, icmp, icmpv6 and proto/NUMBER")
		p.errorf("intent/bad-protocol", item.Span, hint, "%s: %q is no protocol", path, word)
		return nil
	case !has && proto == packet.ProtoICMP:
		return []PortTerm{{Proto: packet.ProtoICMP}, {Proto: packet.ProtoICMPv6}}
	case !has:
		return []PortTerm{{Proto: proto}}
	case proto.IsICMP():
		return p.icmpTerms(item, proto, rest, path)
	}
	return p.rangeTerm(item, proto, rest, path)
}

func (p *parser) protoNumber(item *yamlpos.Node, rest, path string) []PortTerm {
	n, err := strconv.ParseUint(rest, 10, 8)
	if err != nil || n == 0 || rest[0] == '0' {
		p.errorf("intent/bad-protocol", item.Span, "write proto/1 to proto/255", "%s: %q is no number of a protocol", path, rest)
		return nil
	}
	return []PortTerm{{Proto: packet.Proto(n)}}
}

var (
	portForm     = regexp.MustCompile(`^[0-9]+$`)
	portNameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$`)
)

func (p *parser) rangeTerm(item *yamlpos.Node, proto packet.Proto, rest, path string) []PortTerm {
	if proto == packet.ProtoUDPLite {
		p.errorf("intent/bad-port", item.Span, "leave the port out; policy has ports of tcp, udp and sctp", "%s: policy knows no ports of udplite (%q)", path, item.Text)
		return nil
	}
	first, last, isRange := strings.Cut(rest, "-")
	if !portForm.MatchString(first) || isRange && !portForm.MatchString(last) {
		if portNameForm.MatchString(rest) && strings.ContainsAny(rest, "abcdefghijklmnopqrstuvwxyz") {
			return []PortTerm{{Proto: proto, Name: rest}}
		}
		hint := "write a number from 1 to 65535, a range 8080-8090 or the name of a container's port"
		if strings.Contains(rest, ":") {
			hint = cmp.Or(meantPorts(item.Text), hint)
		}
		p.errorf("intent/bad-port", item.Span, hint, "%s: %q is no port", path, rest)
		return nil
	}
	if !isRange {
		last = first
	}
	a, aerr := strconv.ParseUint(first, 10, 16)
	b, berr := strconv.ParseUint(last, 10, 16)
	switch {
	case aerr != nil || berr != nil || a == 0:
		p.errorf("intent/bad-port", item.Span, "ports go from 1 to 65535", "%s: %q is out of range", path, rest)
		return nil
	case a > b:
		p.errorf("intent/bad-port", item.Span, "write the lower port first", "%s: the range %s is empty", path, rest)
		return nil
	}
	return []PortTerm{{Proto: proto, HasPorts: true, First: uint16(a), Last: uint16(b)}}
}

// icmpNames are the types that have names, of both families.
var icmpNames = map[string][2]uint8{
	"echo-request": {8, 128}, "echo-reply": {0, 129}, "unreachable": {3, 1}, "time-exceeded": {11, 3}, "parameter-problem": {12, 4},
}

func (p *parser) icmpTerms(item *yamlpos.Node, proto packet.Proto, rest, path string) []PortTerm {
	if both, ok := icmpNames[rest]; ok {
		v4 := PortTerm{Proto: packet.ProtoICMP, HasType: true, Type: both[0]}
		v6 := PortTerm{Proto: packet.ProtoICMPv6, HasType: true, Type: both[1]}
		if proto == packet.ProtoICMPv6 {
			return []PortTerm{v6}
		}
		return []PortTerm{v4, v6}
	}
	typ, code, hasCode := strings.Cut(rest, "/")
	t := PortTerm{Proto: proto, HasType: true, HasCode: hasCode}
	n, err := strconv.ParseUint(typ, 10, 8)
	c, cerr := strconv.ParseUint(code, 10, 8)
	if err != nil || n == 255 || hasCode && cerr != nil {
		p.errorf("intent/bad-icmp", item.Span, "write icmp/echo-request, icmp/TYPE or icmp/TYPE/CODE; types go from 0 to 254",
			"%s: %q is no type of ICMP", path, rest)
		return nil
	}
	t.Type, t.Code = uint8(n), uint8(c)
	return []PortTerm{t}
}
