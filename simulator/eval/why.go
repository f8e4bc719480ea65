package eval

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// why says what the packet has where a rule's condition s asked for something
// else: "mark is 0x0", "10.0.0.1 is not in cali40s:x". Of conditions whose value
// is not the packet's own, and of unknown ones, it names the kind.
func (w *scratch) why(s nf.Stmt, out outcome) string {
	if out == unknown {
		return conditionName(s) + " is not known"
	}
	text := ""
	switch s := s.(type) {
	case nf.MatchCompare:
		text = w.keysText(s.Key, " and ")
	case nf.MatchLookup:
		return w.lookupText(w.keysText(s.Key, " and "), string(s.Set), s.Invert)
	case nf.MatchSet:
		return w.lookupText(w.setKeyText(s.Dirs), string(s.Set), s.Invert)
	default:
		text = w.xtWhy(s)
	}
	if text == "" {
		return conditionName(s)
	}
	return text
}

// conditionName names a condition whose value is not the packet's own.
func conditionName(s nf.Stmt) string {
	switch s := s.(type) {
	case nf.OpaqueMatch:
		return s.Text
	case nf.OpaqueTarget:
		return s.Text
	case nf.MatchCompare:
		return "the value that it compares"
	case nf.MatchLookup:
		return "the value that it looks up"
	}
	return strings.ToLower(strings.TrimPrefix(nf.KindName(s), "Match"))
}

// xtWhy is why for iptables' matches.
func (w *scratch) xtWhy(s nf.Stmt) string {
	p := w.p
	switch s := s.(type) {
	case nf.MatchProto:
		return "protocol is " + p.Proto.String()
	case nf.MatchAddr:
		return w.addrText(s.Dir == nf.Src)
	case nf.MatchIface:
		return w.ifaceText(s.Dir == nf.Src)
	case nf.MatchMark:
		return "mark is " + trace.Hex(p.Mark)
	case nf.MatchConnmark:
		return w.connmarkText()
	case nf.MatchConntrack:
		return w.conntrackText(&s)
	case nf.MatchL4:
		return w.l4Text(&s)
	case nf.MatchMultiport:
		return w.portsText(s.Dir)
	case nf.MatchICMP:
		return w.icmpText()
	case nf.MatchAddrType:
		return fmt.Sprintf("source is %s, destination is %s", p.Src, p.Dst)
	case nf.MatchRPFilter:
		if s.Invert {
			return fmt.Sprintf("%s comes in where it is routed", p.Src)
		}
		return fmt.Sprintf("%s comes in where it is not routed", p.Src)
	case nf.MatchDSCP:
		return fmt.Sprintf("dscp is %d", p.TOS>>2)
	case nf.MatchTTL:
		return fmt.Sprintf("ttl is %d", p.TTL)
	case nf.MatchLimit, nf.MatchHashLimit, nf.MatchStatistic:
		return w.taken
	}
	return ""
}

func (w *scratch) lookupText(key, set string, invert bool) string {
	verb := "is not in "
	if invert {
		verb = "is in "
	}
	switch {
	case key == "":
		return "what it looks up " + verb + set
	case strings.Contains(key, " "):
		return key + ", which " + verb + set
	}
	return key + " " + verb + set
}

// setKeyText is the packet's key of an ipset.
func (w *scratch) setKeyText(dirs []nf.Dir) string {
	words := make([]string, 0, 3)
	for i, d := range dirs {
		addr, port := w.p.Src, w.p.SrcPort
		if d == nf.Dst {
			addr, port = w.p.Dst, w.p.DstPort
		}
		if i == 1 && w.p.Proto.HasPorts() {
			words = append(words, fmt.Sprintf("%s:%d", w.p.Proto, port))
		} else {
			words = append(words, addr.String())
		}
	}
	return strings.Join(words, ",")
}

func (w *scratch) addrText(src bool) string {
	if src {
		return "source is " + w.p.Src.String()
	}
	return "destination is " + w.p.Dst.String()
}

func (w *scratch) ifaceText(in bool) string {
	dev, side := w.c.Out.Name, "out"
	if in {
		dev, side = w.c.In.Name, "in"
	}
	if dev == "" {
		return "no interface " + side
	}
	return "interface " + side + " is " + dev
}

func (w *scratch) connmarkText() string {
	if w.c.Ct.Conn == nil {
		return "no connection"
	}
	return "connection mark is " + trace.Hex(w.c.Ct.Conn.Mark)
}

// conntrackText says the state; a rule that asks for more may have failed on
// the rest.
func (w *scratch) conntrackText(m *nf.MatchConntrack) string {
	if m.Status != 0 || m.StatusNone || m.Proto != 0 || m.OrigSrc != nil || m.OrigDst != nil || m.ReplSrc != nil || m.ReplDst != nil ||
		m.OrigSrcPort != nil || m.OrigDstPort != nil || m.ReplSrcPort != nil || m.ReplDstPort != nil || m.Direction != 0 || m.HasExpire {
		return ""
	}
	return "ctstate is " + w.c.Ct.Info.String()
}

func (w *scratch) l4Text(m *nf.MatchL4) string {
	switch {
	case w.p.Proto != m.Proto || w.p.FragOffset != 0:
		return "no " + m.Proto.String() + " header"
	case m.Src != nil && !portIn(m.Src, w.p.SrcPort, m.SrcInvert):
		return w.portsText(nf.Src)
	case m.Dst != nil && !portIn(m.Dst, w.p.DstPort, m.DstInvert):
		return w.portsText(nf.Dst)
	case m.Flags != nil:
		return fmt.Sprintf("tcp flags are %#02x", uint8(w.p.TCP.Flags))
	}
	return ""
}

func (w *scratch) portsText(d nf.Dir) string {
	switch {
	case !w.p.Proto.HasPorts():
		return w.p.Proto.String() + " has no ports"
	case d == nf.Src:
		return fmt.Sprintf("source port is %d", w.p.SrcPort)
	case d == nf.Dst:
		return fmt.Sprintf("destination port is %d", w.p.DstPort)
	}
	return fmt.Sprintf("ports are %d and %d", w.p.SrcPort, w.p.DstPort)
}

func (w *scratch) icmpText() string {
	if !w.p.Proto.IsICMP() {
		return "protocol is " + w.p.Proto.String()
	}
	return fmt.Sprintf("icmp type is %d/%d", w.p.ICMPType, w.p.ICMPCode)
}

// keysText is the packet's value of each of nft's keys; empty when one is none
// of the packet's own.
func (w *scratch) keysText(keys []nf.Key, sep string) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		if words[i] = w.keyText(k.Field); words[i] == "" {
			return ""
		}
	}
	return strings.Join(words, sep)
}

func (w *scratch) keyText(f nf.KeyField) string {
	if proto := portProto[f]; proto != 0 && proto != w.p.Proto {
		return "protocol is " + w.p.Proto.String()
	}
	switch f {
	case nf.KeySAddr, nf.KeyDAddr:
		return w.addrText(f == nf.KeySAddr)
	case nf.KeyIPProtocol, nf.KeyL4Proto:
		return "protocol is " + w.p.Proto.String()
	case nf.KeyMark:
		return "mark is " + trace.Hex(w.p.Mark)
	case nf.KeyCtState:
		return "ct state is " + w.c.Ct.Info.String()
	case nf.KeyCtMark:
		return w.connmarkText()
	case nf.KeyIIF, nf.KeyIIFName:
		return w.ifaceText(true)
	case nf.KeyOIF, nf.KeyOIFName:
		return w.ifaceText(false)
	case nf.KeyNFProto:
		return "family is " + packet.FamilyOf(w.p.Src).String()
	case nf.KeyTHSPort, nf.KeyTCPSPort, nf.KeyUDPSPort, nf.KeySCTPSPort, nf.KeyUDPLiteSPort, nf.KeyDCCPSPort:
		return w.portsText(nf.Src)
	case nf.KeyTHDPort, nf.KeyTCPDPort, nf.KeyUDPDPort, nf.KeySCTPDPort, nf.KeyUDPLiteDPort, nf.KeyDCCPDPort:
		return w.portsText(nf.Dst)
	case nf.KeyICMPType, nf.KeyICMPCode, nf.KeyICMPv6Type, nf.KeyICMPv6Code:
		return w.icmpText()
	case nf.KeyFib:
		return "routing says otherwise"
	}
	return ""
}
