package iptables

import (
	"fmt"
	"net/netip"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// natForms are the target's name and the option that carries its address or
// ports.
var natForms = map[nf.NATKind]struct{ target, to string }{
	nf.DNAT: {"DNAT", "--to-destination"}, nf.SNAT: {"SNAT", "--to-source"},
	nf.Masquerade: {"MASQUERADE", "--to-ports"}, nf.Redirect: {"REDIRECT", "--to-ports"}, nf.Netmap: {"NETMAP", "--to"},
}

func buildNAT(kind nf.NATKind) func(g *group) (nf.Stmt, error) {
	return func(g *group) (nf.Stmt, error) {
		m := nf.NAT{Kind: kind, Random: g.has("--random"), FullyRandom: g.has("--random-fully"), Persistent: g.has("--persistent")}
		o := g.get(natForms[kind].to)
		if o == nil {
			if kind == nf.Masquerade || kind == nf.Redirect {
				return m, nil
			}
			return nil, expected(g.head, "%s", natForms[kind].to)
		}
		t := o.args[0]
		switch kind {
		case nf.Masquerade, nf.Redirect:
			return m, natPorts(&m, t, t.text)
		case nf.Netmap:
			p, err := prefix(t, g.family)
			if err != nil {
				return nil, err
			}
			d := nf.PrefixDatum(p)
			m.Addr, m.AddrTo = d.Addr, d.AddrTo
			return m, nil
		}
		err := natTo(&m, g, t)
		return m, err
	}
}

// natPorts reads PORT or FROM-TO; a base port behind "/" is not modelled.
func natPorts(m *nf.NAT, t token, s string) error {
	if strings.Contains(s, "/") {
		return errUnmodelled
	}
	r, err := portRange(t, s, "-", false)
	if err == nil && r.From == 0 {
		return expected(t, "a port from 1")
	}
	m.Port, m.PortTo = r.From, r.To
	return err
}

// natTo reads [ADDRESS[-ADDRESS]][:PORT[-PORT]]; an IPv6 address with a port
// stands in brackets.
func natTo(m *nf.NAT, g *group, t token) error {
	addrs, ports, hasPorts := t.text, "", false
	if g.family == packet.IPv6 {
		if in, ok := strings.CutPrefix(addrs, "["); ok {
			a, rest, closed := strings.Cut(in, "]")
			p, colon := strings.CutPrefix(rest, ":")
			if !closed || rest != "" && !colon {
				return expected(t, "[ADDRESS]:PORT")
			}
			// Both ends of an interval may have brackets of their own.
			addrs, ports, hasPorts = a, p, colon
		}
	} else {
		addrs, ports, hasPorts = strings.Cut(addrs, ":")
	}
	if hasPorts {
		if err := natPorts(m, t, ports); err != nil {
			return err
		}
	}
	if addrs == "" && hasPorts {
		return nil
	}
	r, err := addrRange(g, t, addrs)
	m.Addr, m.AddrTo = r.From, r.To
	return err
}

func natText(m nf.NAT) (string, error) {
	form, ok := natForms[m.Kind]
	if !ok || m.Map != nil {
		return "", fmt.Errorf("iptables has no translation of this kind (kind %d, map %t)", m.Kind, m.Map != nil)
	}
	s := form.target
	to, err := natToText(m)
	if to != "" {
		s += " " + form.to + " " + to
	}
	for _, f := range []struct {
		on   bool
		name string
		ok   bool
	}{
		{m.Random, " --random", m.Kind != nf.Netmap},
		{m.FullyRandom, " --random-fully", m.Kind == nf.SNAT || m.Kind == nf.Masquerade},
		{m.Persistent, " --persistent", m.Kind == nf.SNAT || m.Kind == nf.DNAT},
	} {
		if f.on && !f.ok {
			return "", fmt.Errorf("%s has no option%s", form.target, f.name)
		}
		if f.on {
			s += f.name
		}
	}
	return s, err
}

func natToText(m nf.NAT) (string, error) {
	ports := ""
	if m.Port != 0 {
		ports = rangeText(nf.PortRange{From: m.Port, To: max(m.Port, m.PortTo)}, "-")
	}
	switch m.Kind {
	case nf.Masquerade, nf.Redirect:
		if m.Addr.IsValid() {
			return "", fmt.Errorf("MASQUERADE and REDIRECT take no address")
		}
		return ports, nil
	case nf.Netmap:
		p, ok := nf.Datum{Addr: m.Addr, AddrTo: m.AddrTo}.Prefix()
		if !ok || ports != "" {
			return "", fmt.Errorf("NETMAP takes a prefix and no port")
		}
		return p.String(), nil
	}
	if !m.Addr.IsValid() && ports == "" {
		return "", fmt.Errorf("DNAT and SNAT need an address or a port")
	}
	a := addrRangeText(m.Addr, m.AddrTo)
	if ports == "" {
		return a, nil
	}
	if m.Addr.Is6() {
		a = "[" + a + "]"
	}
	return a + ":" + ports, nil
}

func addrRangeText(from, to netip.Addr) string {
	switch {
	case !from.IsValid():
		return ""
	case from == to || !to.IsValid():
		return from.String()
	}
	return from.String() + "-" + to.String()
}
