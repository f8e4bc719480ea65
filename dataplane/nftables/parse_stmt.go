package nftables

import (
	"strconv"
	"strings"

	"tortie/dataplane/nf"
)

// parseStmt reads one statement.
func parseStmt(c *cursor, fam nf.Family) (nf.Stmt, error) {
	if s, ok, err := parseVerdictStmt(c); ok {
		return s, err
	}
	switch {
	case c.accept("counter"):
		return parseCounterStmt(c)
	case c.accept("meta", "mark", "set"), c.accept("mark", "set"):
		return parseSetMark(c, nf.KeyMark)
	case c.accept("ct", "mark", "set"):
		return parseSetMark(c, nf.KeyCtMark)
	case c.accept("ct", "count"):
		return parseConnLimit(c)
	case c.accept("limit", "rate"):
		return parseLimit(c)
	case c.accept("log"):
		return parseLog(c)
	case c.accept("reject"):
		return parseReject(c, fam)
	case c.accept("notrack"):
		return nf.NoTrack{}, nil
	case c.accept("dnat"):
		return parseNAT(c, fam, nf.DNAT)
	case c.accept("snat"):
		return parseNAT(c, fam, nf.SNAT)
	case c.accept("masquerade"):
		return parseNAT(c, fam, nf.Masquerade)
	case c.accept("redirect"):
		return parseNAT(c, fam, nf.Redirect)
	case fam == nf.FamilyIP && c.accept("ip", "dscp", "set"), fam == nf.FamilyIP6 && c.accept("ip6", "dscp", "set"):
		d, err := parseDatum(c, elemType{typ: vDSCP})
		return nf.SetDSCP{DSCP: uint8(d.Num)}, err
	case c.at(1).is("@") && (c.peek().is("add") || c.peek().is("update") || c.peek().is("delete")):
		return parseSetElement(c, fam)
	}
	if s, ok := parseInert(c); ok {
		return s, nil
	}
	return parseKeyed(c, fam)
}

// parseVerdictStmt reads accept, drop, return, continue, jump and goto.
func parseVerdictStmt(c *cursor) (nf.Stmt, bool, error) {
	switch c.peek().text {
	case "accept", "drop", "return", "continue", "jump", "goto":
	default:
		return nil, false, nil
	}
	v, err := parseVerdict(c)
	if err != nil {
		return nil, true, err
	}
	switch v.Kind {
	case nf.VerdictAccept:
		return nf.Accept{}, true, nil
	case nf.VerdictDrop:
		return nf.Drop{}, true, nil
	case nf.VerdictReturn:
		return nf.Return{}, true, nil
	case nf.VerdictContinue:
		return nf.Continue{}, true, nil
	case nf.VerdictJump:
		return nf.Jump{Chain: v.Chain}, true, nil
	}
	return nf.Goto{Chain: v.Chain}, true, nil
}

// parseCounterStmt reads "packets 1 bytes 2", or the name of a counter object.
func parseCounterStmt(c *cursor) (nf.Stmt, error) {
	if c.accept("name") {
		name, err := c.name("the name of a counter")
		return nf.Inert{Text: "counter name " + strconv.Quote(name)}, err
	}
	return parseCounter(c)
}

func parseCounter(c *cursor) (nf.Counter, error) {
	var n nf.Counter
	var err error
	if !c.accept("packets") {
		return n, nil
	}
	if n.Packets, err = parseUint64(c); err != nil {
		return n, err
	}
	if err = c.expect("bytes"); err != nil {
		return n, err
	}
	n.Bytes, err = parseUint64(c)
	return n, err
}

func parseUint64(c *cursor) (uint64, error) {
	n, ok := parseNumber(c.peek().text, 1<<64-1)
	if !ok {
		return 0, c.wanted("a number")
	}
	c.next()
	return n, nil
}

// parseConnLimit reads "over 45" or "45" behind "ct count".
func parseConnLimit(c *cursor) (nf.Stmt, error) {
	over := c.accept("over")
	n, err := parseUint32(c, "a number of connections")
	return nf.MatchConnLimit{Limit: n, Upto: !over, NoGroup: true}, err
}

// limitUnits are the units of time of a rate.
var limitUnits = map[string]nf.LimitUnit{
	"second": nf.PerSecond, "minute": nf.PerMinute, "hour": nf.PerHour, "day": nf.PerDay, "week": nf.PerWeek,
}

// byteUnits are the units of data of a rate.
var byteUnits = []struct {
	name string
	size uint64
}{{"mbytes", 1 << 20}, {"kbytes", 1 << 10}, {"bytes", 1}}

// parseLimit reads "over 10/second burst 5 packets" or "10 mbytes/second burst 5
// kbytes" behind "limit rate".
func parseLimit(c *cursor) (nf.Stmt, error) {
	m := nf.MatchLimit{Over: c.accept("over")}
	num, unit, packets := strings.Cut(c.peek().text, "/")
	rate, ok := parseNumber(num, 1<<32-1)
	if !ok {
		return nil, c.wanted("a rate such as 10/second")
	}
	m.Rate = rate
	if packets {
		m.Burst = 5
	} else {
		c.next()
		m.PerByte = true
		var size uint64
		if size, unit, ok = byteUnit(c.peek().text); !ok {
			return nil, c.wanted("a unit such as kbytes/second")
		}
		m.Rate *= size
	}
	if m.Unit = limitUnits[unit]; m.Unit == 0 {
		return nil, c.wanted("a unit of time")
	}
	c.next()
	if c.accept("burst") {
		return m, parseBurst(c, &m)
	}
	return m, nil
}

func byteUnit(s string) (size uint64, per string, ok bool) {
	name, per, _ := strings.Cut(s, "/")
	for _, u := range byteUnits {
		if u.name == name {
			return u.size, per, true
		}
	}
	return 0, "", false
}

func parseBurst(c *cursor, m *nf.MatchLimit) error {
	n, err := parseUint32(c, "a number")
	if err != nil {
		return err
	}
	unit, err := c.word(`"packets" or "bytes"`)
	if err != nil {
		return err
	}
	m.Burst = n
	if !m.PerByte {
		if unit != "packets" {
			return c.unmodelled()
		}
		return nil
	}
	size, per, ok := byteUnit(unit)
	if !ok || per != "" || uint64(n)*size > 1<<32-1 {
		return c.unmodelled()
	}
	m.Burst = uint32(uint64(n) * size)
	return nil
}

// parseLog reads the options behind "log". With a group it is an NFLog.
func parseLog(c *cursor) (nf.Stmt, error) {
	prefix, group, hasGroup := "", uint32(0), false
	level := uint64(4)
	var options []string
	for {
		var err error
		switch {
		case c.accept("prefix"):
			prefix, err = c.name("a prefix")
		case c.accept("group"):
			group, err = parseUint32(c, "a group")
			hasGroup = true
		case c.peek().is("level") && !c.at(1).is("audit"):
			c.next()
			var ok bool
			if level, ok = logLevels.number(c.peek().text); !ok {
				return nil, c.wanted("a log level")
			}
			c.next()
		case c.peek().is("level") || c.peek().is("flags") || c.peek().is("snaplen") || c.peek().is("queue-threshold"):
			options = append(options, logOption(c))
		default:
			if hasGroup && group > 0xffff {
				return nil, c.wanted("a group of 16 bits")
			}
			if hasGroup {
				return nf.NFLog{Group: uint16(group), Prefix: prefix, Options: strings.Join(options, " ")}, nil
			}
			return nf.Log{Prefix: prefix, Level: uint8(level), Options: strings.Join(options, " ")}, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// logOption takes "flags tcp sequence,options", "flags all" or "snaplen 10".
func logOption(c *cursor) string {
	words := []string{c.next().text}
	if words[0] == "flags" && (c.peek().is("tcp") || c.peek().is("ip")) {
		words = append(words, c.next().text)
	}
	last := c.next().text
	for c.accept(",") {
		last += "," + c.next().text
	}
	return strings.Join(append(words, last), " ")
}

// parseSetElement reads "update @affinity { ip saddr timeout 3h }".
func parseSetElement(c *cursor, fam nf.Family) (nf.Stmt, error) {
	s := nf.SetElement{Op: c.next().text}
	c.next()
	name, err := c.word("the name of a set")
	if err != nil {
		return nil, err
	}
	s.Set = nf.SetName(name)
	if err = c.expect("{"); err != nil {
		return nil, err
	}
	keys, err := parseKeys(c, fam)
	if err != nil {
		return nil, err
	}
	s.Key = plainKeys(keys)
	if c.accept("timeout") {
		if s.Timeout, err = parseDuration(c); err != nil {
			return nil, err
		}
	}
	if !c.peek().is("}") {
		return nil, c.unmodelled()
	}
	c.next()
	return s, nil
}

// parseInert takes statements that change nothing that a rule can see.
func parseInert(c *cursor) (nf.Stmt, bool) {
	switch {
	case c.accept("meta", "nftrace", "set", "1"):
		return nf.Inert{Text: "meta nftrace set 1"}, true
	case c.accept("meta", "nftrace", "set", "0"):
		return nf.Inert{Text: "meta nftrace set 0"}, true
	case c.accept("tcp", "option", "maxseg", "size", "set", "rt", "mtu"):
		return nf.Inert{Text: "tcp option maxseg size set rt mtu"}, true
	}
	return nil, false
}
