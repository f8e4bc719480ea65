package resolve

import (
	"net/netip"
	"sort"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// scanner turns rules of the model into rules of the view and collects the IP
// sets they need (felix/calc/rule_scanner.go at v3.32).
type scanner struct {
	selectors *selectors
	sets      map[string]*setSpec
}

// scan returns the rules of one direction; src is the object they came from.
func (s *scanner) scan(src cluster.Source, direction string, rules []calico.Rule) []Rule {
	out := make([]Rule, 0, len(rules))
	for _, r := range rules {
		rule, ok := s.rule(r)
		if !ok {
			continue
		}
		span := cluster.RuleSource(src, direction, r)
		rule.Origin = Origin{File: span.File, Line: span.Start.Line, Col: span.Start.Col}
		out = append(out, rule)
	}
	return out
}

func (s *scanner) rule(r calico.Rule) (Rule, bool) {
	out := Rule{
		Action:   actionOf(r.Action),
		Protocol: protoOf(r.Protocol),

		QuotedProtocol: quoted(r.Protocol),
		NotProtocol:    protoOf(r.NotProtocol),
		ICMP:           icmpOf(r.ICMP),
		NotICMP:        icmpOf(r.NotICMP),
		HTTP:           r.HTTP != nil,
		Index:          r.Index,
	}
	out.IPVersion = ipVersionOf(r.IPVersion, r.Protocol)
	for k, v := range r.Annotations {
		out.Annotations = append(out.Annotations, Annotation{k, v})
	}
	sort.Slice(out.Annotations, func(i, j int) bool { return out.Annotations[i].Key < out.Annotations[j].Key })

	proto := namedPortProto(r.Protocol)
	var ok1, ok2 bool
	out.Src, out.NotSrc, ok1 = s.end(r.Src, proto)
	out.Dst, out.NotDst, ok2 = s.end(r.Dst, proto)
	if r.Src.Service != "" {
		out.Src.Sets = append(out.Src.Sets, s.service(r.Src, false))
	}
	if r.Dst.Service != "" {
		out.Dst.Services = append(out.Dst.Services, s.service(r.Dst, true))
	}
	return out, ok1 && ok2 && out.Action != 0
}

// end converts what a rule asks of one end. A negated selector narrows the
// positive one when there is one. Named ports become sets of addresses and ports,
// filtered by the positive selector; the selector's own set is then only needed
// for numeric ports.
func (s *scanner) end(e calico.RuleEnd, proto string) (is, not Match, ok bool) {
	positive, negative := e.Selector, e.NotSelector
	if positive != "" && negative != "" {
		positive, negative = "("+positive+") && (!("+negative+"))", ""
	}
	is.Nets, not.Nets = e.Nets, e.NotNets
	var named, notNamed []string
	is.Ports, named = splitPorts(e.Ports)
	not.Ports, notNamed = splitPorts(e.NotPorts)

	filter := positive
	if filter == "" {
		filter = "all()"
	}
	ok = true
	add := func(list *[]string, selector, port, proto string) {
		id, good := s.selectorSet(selector, port, proto)
		ok = ok && good
		*list = append(*list, id)
	}
	for _, name := range named {
		add(&is.NamedPorts, filter, name, proto)
	}
	for _, name := range notNamed {
		add(&not.NamedPorts, filter, name, proto)
	}
	if positive != "" && (len(is.Ports) > 0 || len(named) == 0) {
		add(&is.Sets, positive, "", "")
	}
	if negative != "" {
		add(&not.Sets, negative, "", "")
	}
	return is, not, ok
}

func splitPorts(ports []numorstring.Port) (numbers []PortRange, names []string) {
	for _, p := range ports {
		if p.PortName != "" {
			names = append(names, p.PortName)
			continue
		}
		numbers = append(numbers, PortRange{p.MinPort, p.MaxPort})
	}
	return numbers, names
}

// ipVersionOf: without a version, the names (not the numbers) of the ICMP
// protocols imply one (felix/calc/rule_convert.go).
func ipVersionOf(version *int, p *numorstring.Protocol) packet.Family {
	switch {
	case version != nil:
		return packet.Family(*version)
	case p == nil:
		return 0
	case strings.EqualFold(p.String(), "icmp"):
		return packet.IPv4
	case strings.EqualFold(p.String(), "icmpv6"):
		return packet.IPv6
	}
	return 0
}

func actionOf(s string) Action {
	switch strings.ToLower(s) {
	case "allow", "":
		return Allow
	case "deny":
		return Deny
	case "log":
		return Log
	case "pass", "next-tier":
		return Pass
	}
	return 0
}

func icmpOf(f *v3.ICMPFields) *ICMP {
	if f == nil || f.Type == nil {
		return nil
	}
	out := &ICMP{Type: uint8(*f.Type)}
	if f.Code != nil {
		out.Code, out.HasCode = uint8(*f.Code), true
	}
	return out
}

// protoOf returns the number of a protocol; 0 for none.
func protoOf(p *numorstring.Protocol) packet.Proto {
	if p == nil {
		return 0
	}
	if n, err := p.NumValue(); err == nil {
		return packet.Proto(n)
	}
	n, _ := packet.ParseProto(strings.ToLower(p.StrVal))
	return n
}

// quoted reports whether a protocol is a number that is written as text.
func quoted(p *numorstring.Protocol) bool {
	if p == nil || p.Type != numorstring.NumOrStringString {
		return false
	}
	_, err := p.NumValue()
	return err == nil
}

// namedPortProto returns the protocol of a named port's set as Felix names it in
// the set's ID: "any" without a protocol in the rule, "none" for one that has no
// named ports (ipsetmember.ProtocolFrom).
func namedPortProto(p *numorstring.Protocol) string {
	if p == nil {
		return "any"
	}
	switch protoOf(p) {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoSCTP:
		return "sctp"
	}
	return "none"
}

// fullPrefix is the prefix of one address.
func fullPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
