package nftables

import (
	"math/bits"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
)

// parseKeyed reads what begins with a key: a comparison, a look-up or a verdict
// map.
func parseKeyed(c *cursor, fam nf.Family) (nf.Stmt, error) {
	keys, err := parseKeys(c, fam)
	if err != nil {
		return nil, err
	}
	if c.accept("vmap") {
		return parseVMap(c, keys)
	}
	if c.peek().is("set") {
		return nil, c.unmodelled()
	}
	mask, err := parseMask(c, keys)
	if err != nil {
		return nil, err
	}
	op, explicit := parseOp(c)
	if c.accept("@") {
		return parseLookup(c, keys, mask, op)
	}
	m := nf.MatchCompare{Key: plainKeys(keys), Mask: mask, Op: op}
	if c.peek().is("{") {
		if op != nf.OpEqual && op != nf.OpNotEqual {
			return nil, c.wanted("a value")
		}
		m.Anonymous = true
		m.Values, err = parseAnonymous(c, elemTypes(keys))
		return m, err
	}
	return parseConstant(c, keys, m, explicit)
}

// parseOp reads the operator; explicit is whether one was there.
func parseOp(c *cursor) (op nf.Op, explicit bool) {
	ops := []struct {
		text string
		op   nf.Op
	}{
		{"==", nf.OpEqual}, {"!=", nf.OpNotEqual}, {"<=", nf.OpLessEqual}, {">=", nf.OpGreaterEqual},
		{"<", nf.OpLess}, {">", nf.OpGreater},
	}
	for _, o := range ops {
		if c.accept(o.text) {
			return o.op, true
		}
	}
	return nf.OpEqual, false
}

// parseMask reads "& 0x00010000" or "& (fin | syn)" behind a key.
func parseMask(c *cursor, keys []typedKey) (uint64, error) {
	if !c.peek().is("&") {
		return 0, nil
	}
	if t := keys[0].typ; len(keys) != 1 || t == vAddr || t == vIfname || t == vEther || t == vIfindex {
		return 0, c.unmodelled()
	}
	c.next()
	mask, err := parseBits(c, keys[0].typ)
	if err == nil && mask == 0 {
		err = c.wanted("a mask that is not 0")
	}
	return mask, err
}

// parseBits reads numbers joined by "|" or ",", in brackets or not.
func parseBits(c *cursor, typ valueType) (uint64, error) {
	paren := c.accept("(")
	var sum uint64
	for {
		n, ok := number(c.peek().text, typ)
		if !ok || c.peek().kind != tokWord {
			return 0, c.wanted("a number or name of the key's type")
		}
		c.next()
		sum |= n
		if !c.accept("|") && !(typ.isBits() && c.accept(",")) {
			break
		}
	}
	if paren {
		return sum, c.expect(")")
	}
	return sum, nil
}

func parseLookup(c *cursor, keys []typedKey, mask uint64, op nf.Op) (nf.Stmt, error) {
	if mask != 0 || op != nf.OpEqual && op != nf.OpNotEqual {
		return nil, c.unmodelled()
	}
	name, err := c.word("the name of a set")
	return nf.MatchLookup{Key: plainKeys(keys), Set: nf.SetName(name), Invert: op == nf.OpNotEqual}, err
}

// parseConstant reads the one value behind the operator.
func parseConstant(c *cursor, keys []typedKey, m nf.MatchCompare, explicit bool) (nf.Stmt, error) {
	if len(keys) == 1 && keys[0].typ.isBits() {
		return parseBitTest(c, keys[0].typ, m, explicit)
	}
	if len(keys) == 1 && keys[0].typ == vMark && m.Mask == 0 && strings.Contains(c.peek().text, "/") {
		return parseMarkPrefix(c, m)
	}
	if missing, ok := fibPresence(c, keys); ok && !explicit {
		m.Values = [][]nf.Datum{{nf.NumDatum(0)}}
		if !missing {
			m.Op = nf.OpNotEqual
		}
		return m, nil
	}
	d, err := parseTuple(c, elemTypes(keys))
	if err != nil {
		return nil, err
	}
	m.Values = [][]nf.Datum{d}
	return m, nil
}

// fibPresence reads "missing" or "exists" behind a fib key: whether the look-up
// found no interface.
func fibPresence(c *cursor, keys []typedKey) (missing, ok bool) {
	if len(keys) != 1 || keys[0].Field != nf.KeyFib || keys[0].Fib.Result != nf.FibOIF {
		return false, false
	}
	if c.accept("missing") {
		return true, true
	}
	return false, c.accept("exists")
}

// parseBitTest reads the value of a bit mask type: "established,related", "==
// established", "! syn", "syn / fin,syn,rst,ack".
func parseBitTest(c *cursor, typ valueType, m nf.MatchCompare, explicit bool) (nf.Stmt, error) {
	if m.Mask == 0 && !explicit && c.accept("!") {
		mask, err := parseBits(c, typ)
		m.Mask, m.Op, m.Values = mask, nf.OpEqual, [][]nf.Datum{{nf.NumDatum(0)}}
		return m, err
	}
	v, err := parseBits(c, typ)
	if err != nil {
		return nil, err
	}
	m.Values = [][]nf.Datum{{nf.NumDatum(v)}}
	switch {
	case m.Mask == 0 && c.accept("/"):
		if m.Mask, err = parseBits(c, typ); err == nil && m.Mask == 0 {
			err = c.wanted("a mask that is not 0")
		}
	case m.Mask == 0 && !explicit:
		m.Op = nf.OpHasAny
	}
	return m, err
}

// parseMarkPrefix reads "0x00800000/11": the upper 11 bits compared.
func parseMarkPrefix(c *cursor, m nf.MatchCompare) (nf.Stmt, error) {
	v, n, _ := strings.Cut(c.peek().text, "/")
	value, ok := parseNumber(v, 1<<32-1)
	length, err := strconv.ParseUint(n, 10, 8)
	if !ok || err != nil || length == 0 || length > 32 {
		return nil, c.wanted("a mark and a prefix length from 1 to 32")
	}
	c.next()
	m.Mask = 1<<32 - 1<<(32-length)
	m.Values = [][]nf.Datum{{nf.NumDatum(value & m.Mask)}}
	return m, nil
}

// markPrefixLen returns the length of a mark mask that nft prints as a prefix.
func markPrefixLen(mask uint64) (int, bool) {
	n := bits.OnesCount64(mask)
	return n, n > 0 && n < 32 && mask == 1<<32-1<<(32-n)
}

// parseAnonymous reads "{ 80, 443, 8000-8010 }".
func parseAnonymous(c *cursor, types []elemType) ([][]nf.Datum, error) {
	var out [][]nf.Datum
	err := parseList(c, func() error {
		d, err := parseTuple(c, types)
		out = append(out, d)
		return err
	})
	if err == nil && len(out) == 0 {
		c.i--
		err = c.wanted("a value")
	}
	return out, err
}

// parseList reads "{ one, one, one }"; it may be empty.
func parseList(c *cursor, one func() error) error {
	if err := c.expect("{"); err != nil {
		return err
	}
	for !c.accept("}") {
		if err := one(); err != nil {
			return err
		}
		if !c.accept(",") && !c.peek().is("}") {
			return c.wanted(`"," or "}"`)
		}
	}
	return nil
}

// parseVMap reads what stands behind "vmap".
func parseVMap(c *cursor, keys []typedKey) (nf.Stmt, error) {
	v := nf.VMap{Key: plainKeys(keys)}
	if c.accept("@") {
		name, err := c.word("the name of a map")
		v.Set = nf.SetName(name)
		return v, err
	}
	var err error
	v.Elements, err = parseElements(c, elemTypes(keys), []elemType{{typ: vVerdict}})
	return v, err
}
