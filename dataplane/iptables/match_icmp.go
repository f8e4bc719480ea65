package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// icmpName is a name of an ICMP type, or of a type and code (code -1 is every
// code).
type icmpName struct {
	name string
	typ  uint8
	code int
}

var icmp4Names = []icmpName{
	{"any", 255, -1}, {"echo-reply", 0, -1}, {"pong", 0, -1}, {"destination-unreachable", 3, -1},
	{"network-unreachable", 3, 0}, {"host-unreachable", 3, 1}, {"protocol-unreachable", 3, 2},
	{"port-unreachable", 3, 3}, {"fragmentation-needed", 3, 4}, {"source-route-failed", 3, 5},
	{"network-unknown", 3, 6}, {"host-unknown", 3, 7}, {"network-prohibited", 3, 9},
	{"host-prohibited", 3, 10}, {"TOS-network-unreachable", 3, 11}, {"TOS-host-unreachable", 3, 12},
	{"communication-prohibited", 3, 13}, {"host-precedence-violation", 3, 14}, {"precedence-cutoff", 3, 15},
	{"source-quench", 4, -1}, {"redirect", 5, -1}, {"network-redirect", 5, 0}, {"host-redirect", 5, 1},
	{"TOS-network-redirect", 5, 2}, {"TOS-host-redirect", 5, 3}, {"echo-request", 8, -1}, {"ping", 8, -1},
	{"router-advertisement", 9, -1}, {"router-solicitation", 10, -1}, {"time-exceeded", 11, -1},
	{"ttl-exceeded", 11, -1}, {"ttl-zero-during-transit", 11, 0}, {"ttl-zero-during-reassembly", 11, 1},
	{"parameter-problem", 12, -1}, {"ip-header-bad", 12, 0}, {"required-option-missing", 12, 1},
	{"timestamp-request", 13, -1}, {"timestamp-reply", 14, -1}, {"address-mask-request", 17, -1},
	{"address-mask-reply", 18, -1},
}

var icmp6Names = []icmpName{
	{"destination-unreachable", 1, -1}, {"no-route", 1, 0}, {"communication-prohibited", 1, 1},
	{"beyond-scope", 1, 2}, {"address-unreachable", 1, 3}, {"port-unreachable", 1, 4},
	{"failed-policy", 1, 5}, {"reject-route", 1, 6}, {"packet-too-big", 2, -1}, {"time-exceeded", 3, -1},
	{"ttl-exceeded", 3, -1}, {"ttl-zero-during-transit", 3, 0}, {"ttl-zero-during-reassembly", 3, 1},
	{"parameter-problem", 4, -1}, {"bad-header", 4, 0}, {"unknown-header-type", 4, 1},
	{"unknown-option", 4, 2}, {"echo-request", 128, -1}, {"ping", 128, -1}, {"echo-reply", 129, -1},
	{"pong", 129, -1}, {"mld-listener-query", 130, -1}, {"mld-listener-report", 131, -1},
	{"mld-listener-done", 132, -1}, {"mld-listener-reduction", 132, -1}, {"router-solicitation", 133, -1},
	{"router-advertisement", 134, -1}, {"neighbour-solicitation", 135, -1}, {"neighbor-solicitation", 135, -1},
	{"neighbour-advertisement", 136, -1}, {"neighbor-advertisement", 136, -1}, {"redirect", 137, -1},
}

func buildICMP(f packet.Family, opt string, names []icmpName) func(g *group) (nf.Stmt, error) {
	return func(g *group) (nf.Stmt, error) {
		o := g.get(opt)
		switch {
		case g.family != f:
			return nil, expected(g.head, "the ICMP match of %s", g.family)
		case o == nil && f == packet.IPv4:
			return nf.MatchICMP{Family: f, Type: 255, CodeHi: 255}, nil
		case o == nil:
			return nil, expected(g.head, "%s", opt)
		}
		m, err := icmpType(o.args[0], names)
		m.Family, m.Invert = f, o.inv
		return m, err
	}
}

// icmpType reads a name, TYPE or TYPE/CODE.
func icmpType(t token, names []icmpName) (nf.MatchICMP, error) {
	for _, n := range names {
		if strings.EqualFold(n.name, t.text) {
			if n.code < 0 {
				return nf.MatchICMP{Type: n.typ, CodeHi: 255}, nil
			}
			return nf.MatchICMP{Type: n.typ, CodeLo: uint8(n.code), CodeHi: uint8(n.code)}, nil
		}
	}
	ts, cs, hasCode := strings.Cut(t.text, "/")
	typ, ok := number(ts, 8)
	m := nf.MatchICMP{Type: uint8(typ), CodeHi: 255}
	if hasCode {
		code, cok := number(cs, 8)
		ok = ok && cok
		m.CodeLo, m.CodeHi = uint8(code), uint8(code)
	}
	if !ok {
		return m, expected(t, "an ICMP type's name, TYPE or TYPE/CODE")
	}
	return m, nil
}

func icmpText(m nf.MatchICMP) (string, error) {
	s := "-m icmp " + bang(m.Invert) + "--icmp-type "
	if m.Family == packet.IPv6 {
		s = "-m icmp6 " + bang(m.Invert) + "--icmpv6-type "
	}
	switch {
	case m.Family == packet.IPv4 && m.Type == 255 && m.CodeLo == 0 && m.CodeHi == 255:
		return s + "any", nil
	case m.CodeLo == 0 && m.CodeHi == 255:
		return s + fmt.Sprint(m.Type), nil
	case m.CodeLo == m.CodeHi:
		return fmt.Sprintf("%s%d/%d", s, m.Type, m.CodeLo), nil
	}
	return "", fmt.Errorf("iptables cannot match ICMP codes %d to %d", m.CodeLo, m.CodeHi)
}
