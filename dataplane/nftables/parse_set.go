package nftables

import (
	"strings"
	"time"

	"tortie/dataplane/nf"
)

// set reads one set or map. When nf cannot hold it, it is kept as text.
func (p *parser) set(t *nf.Table) {
	start := p.i
	head, ok := p.namedHeader(t, "set NAME {")
	if !ok {
		return
	}
	s := nf.Set{Name: nf.SetName(head[1].text)}
	opaque := false
	closed := p.block(func(toks []token) {
		if toks[0].kind == tokComment || opaque {
			return
		}
		switch err := parseSetLine(newCursor(toks), t.Family, &s).(type) {
		case nil:
		case *failure:
			if err.unmodelled {
				opaque = true
				return
			}
			p.unreadable(toks, err)
		}
	})
	if !closed {
		p.unreadable(head, &failure{pos: p.peek().pos, got: "end of file", want: `"}" of the set`})
	}
	s.HasTimeout = s.HasTimeout || s.Timeout > 0 // nft leaves out the flag then
	if opaque {
		p.addOpaque(t, p.toks[start:p.i])
		return
	}
	t.Sets = append(t.Sets, s)
}

// parseSetLine reads one line of a set.
func parseSetLine(c *cursor, fam nf.Family, s *nf.Set) error {
	var err error
	switch t := c.next(); {
	case t.is("type"):
		err = parseSetType(c, s)
	case t.is("typeof"):
		err = parseTypeof(c, fam, s)
	case t.is("flags"):
		err = parseSetFlags(c, s)
	case t.is("timeout"):
		s.Timeout, err = parseDuration(c)
	case t.is("gc-interval"):
		s.GCPeriod, err = parseDuration(c)
	case t.is("size"):
		s.Size, err = parseUint32(c, "a size")
	case t.is("comment"):
		s.Comment, err = c.str("a comment in quotes")
	case t.is("auto-merge"):
		s.AutoMerge = true
	case t.is("policy") && (c.peek().is("memory") || c.peek().is("performance")):
		s.Options = append(s.Options, "policy "+c.next().text)
	case t.is("counter"):
		s.Options = append(s.Options, "counter")
	case t.is("elements"):
		if err = c.expect("="); err == nil {
			s.Elements, err = parseElements(c, setTypes(s.Key), setTypes(s.Map))
		}
	default:
		c.i--
		return c.unmodelled()
	}
	if err == nil && !c.done() && c.peek().kind != tokComment {
		err = c.wanted("end of line")
	}
	return err
}

// parseSetType reads "ipv4_addr . inet_service : verdict" behind "type".
func parseSetType(c *cursor, s *nf.Set) error {
	key, err := parseTypeTuple(c)
	if err != nil {
		return err
	}
	s.Key = key
	if c.accept(":") {
		s.Map, err = parseTypeTuple(c)
	}
	return err
}

func parseTypeTuple(c *cursor) ([]nf.DataType, error) {
	var out []nf.DataType
	for {
		t, ok := nf.ParseDataType(c.peek().text)
		if !ok {
			return nil, c.unmodelled()
		}
		c.next()
		if out = append(out, t); !c.accept(".") {
			return out, nil
		}
	}
}

// parseTypeof reads the types of a set from keys.
func parseTypeof(c *cursor, fam nf.Family, s *nf.Set) error {
	keys, err := parseTypeofTuple(c, fam)
	if err != nil {
		return err
	}
	s.Key = keys
	if !c.accept(":") {
		return nil
	}
	if c.accept("verdict") {
		s.Map = []nf.DataType{nf.TypeVerdict}
		return nil
	}
	s.Map, err = parseTypeofTuple(c, fam)
	return err
}

func parseTypeofTuple(c *cursor, fam nf.Family) ([]nf.DataType, error) {
	keys, err := parseKeys(c, fam)
	if err != nil {
		return nil, err
	}
	out := make([]nf.DataType, len(keys))
	for i, k := range keys {
		if k.data == 0 {
			return nil, c.unmodelled()
		}
		out[i] = k.data
	}
	return out, nil
}

func parseSetFlags(c *cursor, s *nf.Set) error {
	for {
		switch {
		case c.accept("interval"):
			s.Interval = true
		case c.accept("constant"):
			s.Constant = true
		case c.accept("dynamic"):
			s.Dynamic = true
		case c.accept("timeout"):
			s.HasTimeout = true
		default:
			return c.wanted("constant, interval, dynamic or timeout")
		}
		if !c.accept(",") {
			return nil
		}
	}
}

// parseElements reads "{ 10.0.0.1 . 80 timeout 1h : accept, … }". Without data
// types they are elements of a set.
func parseElements(c *cursor, key, data []elemType) ([]nf.Element, error) {
	if len(key) == 0 {
		return nil, c.wanted("the type of the set before its elements")
	}
	var out []nf.Element
	err := parseList(c, func() error {
		e, err := parseElement(c, key, data)
		out = append(out, e)
		return err
	})
	return out, err
}

func parseElement(c *cursor, key, data []elemType) (nf.Element, error) {
	var e nf.Element
	var err error
	if e.Key, err = parseTuple(c, key); err != nil {
		return e, err
	}
	if err = parseElementOptions(c, &e); err != nil || len(data) == 0 {
		return e, err
	}
	if err = c.expect(":"); err != nil {
		return e, err
	}
	if len(data) == 1 && data[0].typ == vVerdict {
		e.Verdict, err = parseVerdict(c)
		return e, err
	}
	e.Data, err = parseTuple(c, data)
	return e, err
}

// parseElementOptions reads timeout, expires, counter and comment of an element.
func parseElementOptions(c *cursor, e *nf.Element) error {
	for {
		var err error
		switch {
		case c.accept("timeout"):
			e.Timeout, err = parseDuration(c)
		case c.accept("expires"):
			e.Expires, err = parseDuration(c)
		case c.accept("comment"):
			e.Comment, err = c.str("a comment in quotes")
		case c.accept("counter"):
			var n nf.Counter
			n, err = parseCounter(c)
			e.HasCounter, e.Packets, e.Bytes = true, n.Packets, n.Bytes
		case c.peek().is("limit") || c.peek().is("quota") || c.peek().is("ct") || c.peek().is("last"):
			return c.unmodelled()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parseVerdict reads a verdict as data.
func parseVerdict(c *cursor) (*nf.Verdict, error) {
	v := &nf.Verdict{}
	switch {
	case c.accept("accept"):
		v.Kind = nf.VerdictAccept
	case c.accept("drop"):
		v.Kind = nf.VerdictDrop
	case c.accept("return"):
		v.Kind = nf.VerdictReturn
	case c.accept("continue"):
		v.Kind = nf.VerdictContinue
	case c.accept("jump"):
		v.Kind = nf.VerdictJump
	case c.accept("goto"):
		v.Kind = nf.VerdictGoto
	default:
		return nil, c.wanted("a verdict")
	}
	if v.Kind == nf.VerdictJump || v.Kind == nf.VerdictGoto {
		name, err := c.word("the name of a chain")
		v.Chain = nf.ChainName(name)
		return v, err
	}
	return v, nil
}

// timeUnits are nft's units of time, in the order in which it prints them.
var timeUnits = []struct {
	name string
	unit time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}

// maxDuration keeps sums of durations far from overflowing.
const maxDuration = 100 * 365 * 24 * time.Hour

// parseDuration reads "1d2h3m4s5ms", or a number of seconds.
func parseDuration(c *cursor) (time.Duration, error) {
	const want = "a time such as 1h30m"
	if c.peek().kind != tokWord {
		return 0, c.wanted(want)
	}
	rest, sum := c.peek().text, time.Duration(0)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, ok := parseNumber(rest[:digits], uint64(maxDuration/time.Second))
		unit, size := timeUnit(rest[digits:])
		if !ok || unit == 0 || n > uint64(maxDuration/unit) {
			return 0, c.wanted(want)
		}
		sum += time.Duration(n) * unit
		rest = rest[digits+size:]
	}
	if sum > maxDuration {
		return 0, c.wanted(want)
	}
	c.next()
	return sum, nil
}

// timeUnit returns the unit that a text begins with, and its length.
func timeUnit(s string) (time.Duration, int) {
	if s == "" {
		return time.Second, 0
	}
	letters := len(s) - len(strings.TrimLeft(s, "dhms"))
	for _, u := range timeUnits {
		if s[:letters] == u.name {
			return u.unit, letters
		}
	}
	return 0, 0
}

// typeMaps fills in the data types of named maps that translations look up; the
// sets are known when the table has been read.
func typeMaps(t *nf.Table) {
	for i := range t.Chains {
		for _, r := range t.Chains[i].Rules {
			for j, s := range r.Body {
				n, ok := s.(nf.NAT)
				if !ok || n.Map == nil || n.Map.Set == "" {
					continue
				}
				if set := t.FindSet(n.Map.Set); set != nil {
					m := *n.Map
					m.Type = set.Map
					n.Map = &m
					r.Body[j] = n
				}
			}
		}
	}
}
