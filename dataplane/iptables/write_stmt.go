package iptables

import (
	"fmt"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// StmtText prints one statement; one that iptables cannot express is printed as
// its kind between question marks. ICMP answers have their IPv4 names.
func StmtText(s nf.Stmt) string {
	t, err := StmtTextFor(s, packet.IPv4)
	if err != nil {
		return "?" + nf.KindName(s) + "?"
	}
	return t
}

// StmtTextFor prints one statement of a rule of a family: a header option, "-m
// MODULE …", "-j TARGET …". It is empty for nf.Continue.
func StmtTextFor(s nf.Stmt, f packet.Family) (string, error) {
	if m, ok := s.(nf.Match); ok {
		return matchText(m, f)
	}
	switch t := s.(type) {
	case nf.Goto:
		return "-g " + word(string(t.Chain)), nil
	case nf.Continue:
		return "", nil
	}
	t, err := targetText(s, f)
	return "-j " + t, err
}

func headerText(s nf.Stmt, f packet.Family) (string, error) {
	opt := func(d nf.Dir, src, dst string) string {
		if d == nf.Src {
			return src
		}
		return dst
	}
	switch m := s.(type) {
	case nf.MatchProto:
		if m.Proto == 0 {
			if m.Invert {
				return "", fmt.Errorf("iptables cannot negate \"every protocol\"")
			}
			return "-p all", nil
		}
		return bang(m.Invert) + "-p " + protoText(m.Proto), nil
	case nf.MatchAddr:
		if !m.Prefix.IsValid() || !fits(m.Prefix.Addr(), f) || m.Dir != nf.Src && m.Dir != nf.Dst {
			return "", fmt.Errorf("address %s in direction %s in an %s rule", m.Prefix, m.Dir, f)
		}
		return bang(m.Invert) + opt(m.Dir, "-s ", "-d ") + m.Prefix.String(), nil
	case nf.MatchIface:
		name := m.Name
		if m.Wildcard {
			name += "+"
		}
		if name == "" || len(name) > 15 || m.Dir != nf.Src && m.Dir != nf.Dst {
			return "", fmt.Errorf("interface name %q in direction %s", name, m.Dir)
		}
		return bang(m.Invert) + opt(m.Dir, "-i ", "-o ") + word(name), nil
	case nf.MatchFragment:
		if f != packet.IPv4 {
			return "", fmt.Errorf("ip6tables has no -f")
		}
		return bang(m.Invert) + "-f", nil
	}
	return "", fmt.Errorf("iptables cannot express %s", nf.KindName(s))
}

// matchText prints a match module.
func matchText(s nf.Match, f packet.Family) (string, error) {
	switch m := s.(type) {
	case nf.MatchL4:
		return l4Text(m)
	case nf.MatchMultiport:
		return multiportText(m)
	case nf.MatchICMP:
		return icmpText(m)
	case nf.MatchMark:
		return markText("mark", m.Value, m.Mask, m.Invert), nil
	case nf.MatchConnmark:
		return markText("connmark", m.Value, m.Mask, m.Invert), nil
	case nf.MatchConntrack:
		return conntrackText(m)
	case nf.MatchSet:
		return setText(m)
	case nf.MatchAddrType:
		return addrTypeText(m)
	case nf.MatchRPFilter:
		return rpfilterText(m), nil
	case nf.MatchStatistic:
		return statisticText(m)
	case nf.MatchLimit:
		return limitText(m)
	case nf.MatchHashLimit:
		return hashLimitText(m, f)
	case nf.MatchConnLimit:
		return connLimitText(m, f)
	case nf.MatchRecent:
		return recentText(m)
	case nf.MatchNFAcct:
		return "-m nfacct --nfacct-name " + quote(m.Name), nil
	case nf.MatchIPRange:
		return ipRangeText(m)
	case nf.MatchPktType:
		return pktTypeText(m)
	case nf.MatchTTL:
		return ttlText(m)
	case nf.MatchDSCP:
		return dscpText(m)
	case nf.MatchLength:
		return lengthText(m), nil
	case nf.MatchPhysdev:
		return physdevText(m)
	case nf.MatchIPVS:
		return ipvsText(m)
	case nf.OpaqueMatch:
		return m.Text, nil
	}
	return headerText(s, f)
}

// targetText prints a target without "-j".
func targetText(s nf.Stmt, f packet.Family) (string, error) {
	switch t := s.(type) {
	case nf.Accept:
		return "ACCEPT", nil
	case nf.Drop:
		return "DROP", nil
	case nf.Return:
		return "RETURN", nil
	case nf.Jump:
		return word(string(t.Chain)), nil
	case nf.Reject:
		return rejectText(t, f)
	case nf.SetMark:
		return fmt.Sprintf("MARK --set-xmark %#x/%#x", t.Value, t.Mask), nil
	case nf.SetCtMark:
		return setCtMarkText(t)
	case nf.NoTrack:
		if t.CT {
			return "CT --notrack", nil
		}
		return "NOTRACK", nil
	case nf.Log:
		return logText(t)
	case nf.NFLog:
		return nflogText(t), nil
	case nf.NAT:
		return natText(t)
	case nf.SetDSCP:
		return setDSCPText(t)
	case nf.SetElement:
		return setElementText(t)
	case nf.Inert:
		return t.Text, nil
	case nf.OpaqueTarget:
		return t.Text, nil
	}
	return "", fmt.Errorf("iptables cannot express %s", nf.KindName(s))
}
