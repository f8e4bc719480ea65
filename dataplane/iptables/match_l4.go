package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ports is the option list that tcp, udp and sctp share.
const portOptions = "--sport|--source-port=1! --dport|--destination-port=1! "

// buildL4 makes -m tcp, -m udp and -m sctp.
func buildL4(p packet.Proto) func(g *group) (nf.Stmt, error) {
	return func(g *group) (nf.Stmt, error) {
		m := nf.MatchL4{Proto: p}
		var err error
		if o := g.get("--sport"); o != nil {
			if m.Src, err = onePortRange(o); err != nil {
				return nil, err
			}
			m.SrcInvert = o.inv
		}
		if o := g.get("--dport"); o != nil {
			if m.Dst, err = onePortRange(o); err != nil {
				return nil, err
			}
			m.DstInvert = o.inv
		}
		m.Flags, err = flagsTest(g)
		return m, err
	}
}

func onePortRange(o *option) (*nf.PortRange, error) {
	r, err := portRange(o.args[0], o.arg(), ":", true)
	return &r, err
}

// flagsTest reads --tcp-flags or --syn.
func flagsTest(g *group) (*nf.TCPFlagsTest, error) {
	syn, flags := g.get("--syn"), g.get("--tcp-flags")
	switch {
	case syn != nil && flags != nil:
		return nil, expected(syn.at, "either --syn or --tcp-flags")
	case syn != nil:
		mask := packet.FIN | packet.SYN | packet.RST | packet.ACK
		return &nf.TCPFlagsTest{Mask: mask, Comp: packet.SYN, Invert: syn.inv}, nil
	case flags == nil:
		return nil, nil
	}
	mask, err := tcpFlags(flags.args[0])
	if err != nil {
		return nil, err
	}
	comp, err := tcpFlags(flags.args[1])
	return &nf.TCPFlagsTest{Mask: mask, Comp: comp, Invert: flags.inv}, err
}

// flagNames are the flags that iptables has names for.
var flagNames = []struct {
	name string
	flag packet.TCPFlags
}{
	{"FIN", packet.FIN}, {"SYN", packet.SYN}, {"RST", packet.RST},
	{"PSH", packet.PSH}, {"ACK", packet.ACK}, {"URG", packet.URG},
}

func tcpFlags(t token) (packet.TCPFlags, error) {
	var set packet.TCPFlags
	for _, n := range strings.Split(strings.ToUpper(t.text), ",") {
		switch i := flagIndex(n); {
		case i >= 0:
			set |= flagNames[i].flag
		case n == "ALL":
			set |= 0x3f
		case n != "NONE":
			return 0, expected(t, "TCP flags out of FIN, SYN, RST, PSH, ACK, URG, ALL, NONE")
		}
	}
	return set, nil
}

func flagIndex(name string) int {
	for i, f := range flagNames {
		if f.name == name {
			return i
		}
	}
	return -1
}

func flagsText(set packet.TCPFlags) (string, error) {
	if set&^0x3f != 0 {
		return "", fmt.Errorf("iptables has no name for TCP flags %#x", uint8(set))
	}
	var names []string
	for _, f := range flagNames {
		if set&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return "NONE", nil
	}
	return strings.Join(names, ","), nil
}

func l4Text(m nf.MatchL4) (string, error) {
	switch m.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
	default:
		return "", fmt.Errorf("iptables has no port match for protocol %s", m.Proto)
	}
	s := "-m " + m.Proto.String()
	if m.Src != nil {
		s += " " + bang(m.SrcInvert) + "--sport " + rangeText(*m.Src, ":")
	}
	if m.Dst != nil {
		s += " " + bang(m.DstInvert) + "--dport " + rangeText(*m.Dst, ":")
	}
	if m.Flags == nil {
		return s, nil
	}
	mask, err := flagsText(m.Flags.Mask)
	if err != nil || m.Proto != packet.ProtoTCP {
		return "", fmt.Errorf("TCP flags of a %s match: %v", m.Proto, err)
	}
	comp, err := flagsText(m.Flags.Comp)
	return s + " " + bang(m.Flags.Invert) + "--tcp-flags " + mask + " " + comp, err
}

const multiportOptions = "--sports|--source-ports=1! --dports|--destination-ports=1! --ports=1!"

func buildMultiport(g *group) (nf.Stmt, error) {
	if len(g.opts) != 1 {
		return nil, expected(g.head, "one of --sports, --dports, --ports")
	}
	o := g.opts[0]
	m := nf.MatchMultiport{Dir: nf.Either, Invert: o.inv}
	switch o.name {
	case "--sports":
		m.Dir = nf.Src
	case "--dports":
		m.Dir = nf.Dst
	}
	for _, s := range strings.Split(o.arg(), ",") {
		r, err := portRange(o.args[0], s, ":", false)
		if err != nil {
			return nil, err
		}
		m.Ports = append(m.Ports, r)
	}
	if slots(m.Ports) > 15 {
		return nil, expected(o.args[0], "at most 15 ports, a range counting two")
	}
	return m, nil
}

// slots counts ports as the kernel does: a range takes two of the fifteen.
func slots(ports []nf.PortRange) int {
	n := len(ports)
	for _, p := range ports {
		if p.From != p.To {
			n++
		}
	}
	return n
}

func multiportText(m nf.MatchMultiport) (string, error) {
	opt := map[nf.Dir]string{nf.Src: "--sports", nf.Dst: "--dports", nf.Either: "--ports"}[m.Dir]
	if n := slots(m.Ports); opt == "" || n < 1 || n > 15 {
		return "", fmt.Errorf("multiport of %d ports in direction %s: iptables takes 1 to 15 ports", n, m.Dir)
	}
	var ps []string
	for _, p := range m.Ports {
		ps = append(ps, rangeText(p, ":"))
	}
	return "-m multiport " + bang(m.Invert) + opt + " " + strings.Join(ps, ","), nil
}

// misplaced says what is wrong with the combination of a rule's statements: the
// port and ICMP matches need -p of their protocol. It is empty if all is well.
func misplaced(body []nf.Stmt) string {
	proto, known := packet.Proto(0), false
	for _, s := range body {
		if m, ok := s.(nf.MatchProto); ok && !m.Invert {
			proto, known = m.Proto, true
		}
	}
	for _, s := range body {
		switch m := s.(type) {
		case nf.MatchL4:
			if !known || proto != m.Proto {
				return fmt.Sprintf("-p %s with -m %s", m.Proto, m.Proto)
			}
		case nf.MatchICMP:
			want := packet.ProtoICMP
			if m.Family == packet.IPv6 {
				want = packet.ProtoICMPv6
			}
			if !known || proto != want {
				return fmt.Sprintf("-p %s with the ICMP match", want)
			}
		case nf.MatchMultiport:
			if !known || !proto.HasPorts() {
				return "-p of a protocol with ports with -m multiport"
			}
		}
	}
	return ""
}
