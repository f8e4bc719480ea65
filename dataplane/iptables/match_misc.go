package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

func buildNFAcct(g *group) (nf.Stmt, error) {
	o := g.get("--nfacct-name")
	if o == nil {
		return nil, expected(g.head, "--nfacct-name")
	}
	return nf.MatchNFAcct{Name: o.arg()}, nil
}

func buildIPRange(g *group) (nf.Stmt, error) {
	var m nf.MatchIPRange
	if len(g.opts) == 0 {
		return nil, expected(g.head, "--src-range or --dst-range")
	}
	for _, o := range g.opts {
		r, err := addrRange(g, o.args[0], o.arg())
		if err != nil {
			return nil, err
		}
		if o.name == "--src-range" {
			m.Src, m.SrcInvert = &r, o.inv
		} else {
			m.Dst, m.DstInvert = &r, o.inv
		}
	}
	return m, nil
}

// addrRange reads ADDRESS or FROM-TO.
func addrRange(g *group, t token, s string) (r nf.AddrRange, err error) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	if r.From, err = addr(t, from, g.family); err != nil {
		return r, err
	}
	if r.To, err = addr(t, to, g.family); err == nil && r.To.Less(r.From) {
		err = expected(t, "an interval of addresses")
	}
	return r, err
}

func ipRangeText(m nf.MatchIPRange) (string, error) {
	var b textBuilder
	b.add("-m iprange")
	if m.Src != nil {
		b.opt(m.SrcInvert, "--src-range", m.Src.From.String()+"-"+m.Src.To.String(), nil)
	}
	if m.Dst != nil {
		b.opt(m.DstInvert, "--dst-range", m.Dst.From.String()+"-"+m.Dst.To.String(), nil)
	}
	if m.Src == nil && m.Dst == nil {
		return "", fmt.Errorf("iprange without a range")
	}
	return b.result()
}

func buildPktType(g *group) (nf.Stmt, error) {
	o := g.get("--pkt-type")
	if o == nil {
		return nil, expected(g.head, "--pkt-type")
	}
	switch t := strings.ToLower(o.arg()); t {
	case "unicast", "broadcast", "multicast":
		return nf.MatchPktType{Type: t, Invert: o.inv}, nil
	case "host":
		return nf.MatchPktType{Type: "unicast", Invert: o.inv}, nil
	}
	return nil, errUnmodelled
}

func pktTypeText(m nf.MatchPktType) (string, error) {
	switch m.Type {
	case "unicast", "broadcast", "multicast":
		return "-m pkttype " + bang(m.Invert) + "--pkt-type " + m.Type, nil
	}
	return "", fmt.Errorf("iptables knows no packet type %q", m.Type)
}

func buildTTL(hl bool, prefix string) func(g *group) (nf.Stmt, error) {
	return func(g *group) (nf.Stmt, error) {
		if len(g.opts) != 1 {
			return nil, expected(g.head, "one of %seq, %slt, %sgt", prefix, prefix, prefix)
		}
		o := g.opts[0]
		v, err := u8(o.args[0])
		return nf.MatchTTL{Op: strings.TrimPrefix(o.name, prefix), Value: v, Invert: o.inv, HL: hl}, err
	}
}

func ttlText(m nf.MatchTTL) (string, error) {
	module := "ttl"
	if m.HL {
		module = "hl"
	}
	if m.Op != "eq" && (m.Op != "lt" && m.Op != "gt" || m.Invert) {
		return "", fmt.Errorf("iptables cannot compare the TTL so: %q, inverted %t", m.Op, m.Invert)
	}
	return fmt.Sprintf("-m %s %s--%s-%s %d", module, bang(m.Invert), module, m.Op, m.Value), nil
}

func buildDSCP(g *group) (nf.Stmt, error) {
	if len(g.opts) != 1 {
		return nil, expected(g.head, "one of --dscp and --dscp-class")
	}
	o := g.opts[0]
	v, err := dscpValue(&o)
	return nf.MatchDSCP{DSCP: v, Invert: o.inv}, err
}

// dscpValue reads a number below 64 or the name of a class.
func dscpValue(o *option) (uint8, error) {
	if n, ok := number(o.arg(), 8); ok && n < 64 && !strings.HasSuffix(o.name, "class") {
		return uint8(n), nil
	}
	s := strings.ToUpper(o.arg())
	switch {
	case !strings.HasSuffix(o.name, "class"):
	case s == "EF":
		return 46, nil
	case s == "BE":
		return 0, nil
	case len(s) == 3 && s[:2] == "CS" && s[2] >= '0' && s[2] <= '7':
		return (s[2] - '0') << 3, nil
	case len(s) == 4 && s[:2] == "AF" && s[2] >= '1' && s[2] <= '4' && s[3] >= '1' && s[3] <= '3':
		return (s[2]-'0')<<3 | (s[3]-'0')<<1, nil
	}
	return 0, expected(o.args[0], "a DSCP below 64 or, as a class, BE, EF, CS0 to CS7, AF11 to AF43")
}

func dscpText(m nf.MatchDSCP) (string, error) {
	if m.DSCP > 63 {
		return "", fmt.Errorf("DSCP %d is above 63", m.DSCP)
	}
	return fmt.Sprintf("-m dscp %s--dscp 0x%02x", bang(m.Invert), m.DSCP), nil
}

func buildLength(g *group) (nf.Stmt, error) {
	o := g.get("--length")
	if o == nil {
		return nil, expected(g.head, "--length")
	}
	r, err := portRange(o.args[0], o.arg(), ":", true)
	return nf.MatchLength{Lo: r.From, Hi: r.To, Invert: o.inv}, err
}

func lengthText(m nf.MatchLength) string {
	return "-m length " + bang(m.Invert) + "--length " + rangeText(nf.PortRange{From: m.Lo, To: m.Hi}, ":")
}
