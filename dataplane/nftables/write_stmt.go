package nftables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

// StmtText returns the statement as nft prints it in a table of that family. A
// statement that nftables does not have is shown by its kind in angle brackets;
// Write refuses it.
func StmtText(s nf.Stmt, fam nf.Family) string {
	text, err := stmtText(s, fam)
	if err != nil {
		return "<" + nf.KindName(s) + ">"
	}
	return text
}

// stmtText writes one statement.
func stmtText(s nf.Stmt, fam nf.Family) (string, error) {
	switch s := s.(type) {
	case nf.MatchCompare:
		return compareText(s, fam)
	case nf.MatchLookup:
		return lookupText(s, fam)
	case nf.VMap:
		return vmapText(s, fam)
	case nf.MatchLimit:
		return limitText(s)
	case nf.MatchConnLimit:
		return connLimitText(s)
	case nf.NAT:
		return natText(s, fam)
	case nf.Reject:
		return rejectText(s, fam)
	case nf.SetMark:
		return "meta mark set " + markText("meta mark", s.Value, s.Mask), nil
	case nf.SetCtMark:
		return ctMarkText(s)
	case nf.Log:
		return logText(s)
	case nf.NFLog:
		return nflogText(s)
	case nf.SetDSCP:
		return setDSCPText(s, fam)
	case nf.SetElement:
		return setElementText(s, fam)
	case nf.Counter:
		return fmt.Sprintf("counter packets %d bytes %d", s.Packets, s.Bytes), nil
	}
	return plainText(s)
}

// plainText writes the statements without parts, and those kept as text.
func plainText(s nf.Stmt) (string, error) {
	switch s := s.(type) {
	case nf.Accept:
		return "accept", nil
	case nf.Drop:
		return "drop", nil
	case nf.Return:
		return "return", nil
	case nf.Continue:
		return "continue", nil
	case nf.Jump:
		return nameText("jump ", string(s.Chain))
	case nf.Goto:
		return nameText("goto ", string(s.Chain))
	case nf.NoTrack:
		return "notrack", nil
	case nf.Inert:
		return s.Text, nil
	case nf.OpaqueMatch:
		return s.Text, nil
	case nf.OpaqueTarget:
		return s.Text, nil
	}
	return "", fmt.Errorf("nftables: %s is no statement of nftables", nf.KindName(s))
}

// nameText writes a name, which must be one word.
func nameText(before, name string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("nftables: empty name behind %q", before)
	}
	for i := range len(name) {
		if !isWord(name[i]) {
			return "", fmt.Errorf("nftables: %q is no name", name)
		}
	}
	return before + name, nil
}

// quoted writes a string in quotes; nft has no escapes.
func quoted(s string) (string, error) {
	if strings.ContainsAny(s, "\"\n") {
		return "", fmt.Errorf("nftables: %q cannot be quoted in nft", s)
	}
	return `"` + s + `"`, nil
}

// markText writes (own &^ mask) ^ value as nft does: "& M ^ X | O" with the parts
// that do something.
func markText(own string, value, mask uint32) string {
	and := ^mask
	if and == 0 {
		return fmt.Sprintf("0x%08x", value)
	}
	or, xor := value&^and, value&and
	and |= or
	s := own
	if and != ^uint32(0) {
		s += fmt.Sprintf(" & 0x%08x", and)
	}
	if xor != 0 {
		s += fmt.Sprintf(" ^ 0x%08x", xor)
	}
	if or != 0 {
		s += fmt.Sprintf(" | 0x%08x", or)
	}
	return s
}

func ctMarkText(s nf.SetCtMark) (string, error) {
	all := ^uint32(0)
	switch {
	case s.Op == "set" && s.NfMask == 0 && s.CtMask == 0:
		return "ct mark set " + markText("ct mark", s.Value, s.Mask), nil
	case s.Op == "save" && s.CtMask == all:
		return "ct mark set " + maskText("meta mark", s.NfMask), nil
	case s.Op == "restore" && s.NfMask == all:
		return "meta mark set " + maskText("ct mark", s.CtMask), nil
	}
	return "", fmt.Errorf("nftables: mark transfer %+v has no spelling in nft", s)
}

func maskText(key string, mask uint32) string {
	if mask == ^uint32(0) {
		return key
	}
	return fmt.Sprintf("%s & 0x%08x", key, mask)
}

func limitText(m nf.MatchLimit) (string, error) {
	unit := ""
	for name, u := range limitUnits {
		if u == m.Unit {
			unit = name
		}
	}
	if unit == "" || m.Rate > 1<<32-1 && !m.PerByte {
		return "", fmt.Errorf("nftables: limit %+v has no spelling in nft", m)
	}
	s := "limit rate "
	if m.Over {
		s += "over "
	}
	if !m.PerByte {
		s += fmt.Sprintf("%d/%s", m.Rate, unit)
		if m.Burst != 5 {
			s += fmt.Sprintf(" burst %d packets", m.Burst)
		}
		return s, nil
	}
	s += byteText(m.Rate) + "/" + unit
	if m.Burst != 0 {
		s += " burst " + byteText(uint64(m.Burst))
	}
	return s, nil
}

func byteText(n uint64) string {
	for _, u := range byteUnits {
		if n%u.size == 0 && n > 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func connLimitText(m nf.MatchConnLimit) (string, error) {
	if !m.NoGroup || m.Mask != 0 || m.ByDst {
		return "", fmt.Errorf("nftables: connection limit with groups has no spelling in nft")
	}
	if m.Upto {
		return fmt.Sprintf("ct count %d", m.Limit), nil
	}
	return fmt.Sprintf("ct count over %d", m.Limit), nil
}

// rejectText writes the answer in the words of the table's family.
func rejectText(s nf.Reject, fam nf.Family) (string, error) {
	switch s.With {
	case nf.RejectDefault, nf.RejectPortUnreach:
		return "reject", nil
	case nf.RejectTCPReset:
		return "reject with tcp reset", nil
	}
	proto, codes := "icmpx", rejectICMPX
	switch fam {
	case nf.FamilyIP:
		proto, codes = "icmp", rejectICMP
	case nf.FamilyIP6:
		proto, codes = "icmpv6", rejectICMPv6
	}
	for _, c := range codes {
		if c.with == s.With {
			return "reject with " + proto + " " + c.text, nil
		}
	}
	return "", fmt.Errorf("nftables: reject answer %d does not exist in family %s", s.With, fam)
}

func logText(s nf.Log) (string, error) {
	text, err := logPrefix(s.Prefix)
	if err != nil {
		return "", err
	}
	level, ok := logLevels.name(uint64(s.Level))
	if !ok {
		return "", fmt.Errorf("nftables: log level %d is unknown", s.Level)
	}
	if s.Level != 4 {
		text += " level " + level
	}
	return appendOptions(text, s.Options), nil
}

func nflogText(s nf.NFLog) (string, error) {
	text, err := logPrefix(s.Prefix)
	return appendOptions(text+fmt.Sprintf(" group %d", s.Group), s.Options), err
}

func logPrefix(prefix string) (string, error) {
	if prefix == "" {
		return "log", nil
	}
	q, err := quoted(prefix)
	return "log prefix " + q, err
}

func appendOptions(text, options string) string {
	if options == "" {
		return text
	}
	return text + " " + options
}

func setDSCPText(s nf.SetDSCP, fam nf.Family) (string, error) {
	switch fam {
	case nf.FamilyIP:
		return "ip dscp set " + numText(uint64(s.DSCP), vDSCP, ""), nil
	case nf.FamilyIP6:
		return "ip6 dscp set " + numText(uint64(s.DSCP), vDSCP, ""), nil
	}
	return "", fmt.Errorf("nftables: setting the DSCP needs a table of family ip or ip6")
}

func setElementText(s nf.SetElement, fam nf.Family) (string, error) {
	if s.Op != "add" && s.Op != "update" && s.Op != "delete" || len(s.Dirs) > 0 {
		return "", fmt.Errorf("nftables: %q of a set element has no spelling in nft", s.Op)
	}
	key, err := keysText(s.Key, fam, nil)
	if err != nil {
		return "", err
	}
	if s.Timeout != 0 {
		key += " timeout " + durationText(s.Timeout)
	}
	text, err := nameText(s.Op+" @", string(s.Set))
	return text + " { " + key + " }", err
}
