package nftables

import "tortie/dataplane/nf"

// bitExpr is what "meta mark & 0xfff0ffff | 0x00040000" computes: (source & and)
// ^ xor. Without a source it is the constant xor.
type bitExpr struct {
	source nf.KeyField // KeyMark, KeyCtMark, or 0 for a constant
	and    uint32
	xor    uint32
}

func (b *bitExpr) apply(op string, x uint32) {
	switch op {
	case "&":
		b.and &= x
		b.xor &= x
	case "|":
		b.and &^= x
		b.xor = b.xor&^x ^ x
	case "^":
		b.xor ^= x
	}
}

// parseBitExpr reads operands joined by &, ^ and |, all of one precedence as nft
// prints them, with brackets around the left part where there are some.
func parseBitExpr(c *cursor, depth int) (bitExpr, error) {
	b, err := parseBitOperand(c, depth)
	for err == nil {
		op := c.peek().text
		switch {
		case c.accept("&"), c.accept("|"), c.accept("^"):
		case c.accept("and"):
			op = "&"
		case c.accept("or"):
			op = "|"
		case c.accept("xor"):
			op = "^"
		default:
			return b, nil
		}
		var x uint32
		if x, err = parseUint32(c, "a number"); err == nil {
			b.apply(op, x)
		}
	}
	return b, err
}

func parseBitOperand(c *cursor, depth int) (bitExpr, error) {
	switch {
	case c.accept("meta", "mark"), c.accept("mark"):
		return bitExpr{source: nf.KeyMark, and: ^uint32(0)}, nil
	case c.accept("ct", "mark"):
		return bitExpr{source: nf.KeyCtMark, and: ^uint32(0)}, nil
	case c.peek().is("(") && depth < 8:
		c.next()
		b, err := parseBitExpr(c, depth+1)
		if err == nil {
			err = c.expect(")")
		}
		return b, err
	}
	if _, ok := parseNumber(c.peek().text, 1<<32-1); !ok {
		return bitExpr{}, c.unmodelled()
	}
	x, err := parseUint32(c, "a number")
	return bitExpr{xor: x}, err
}

// parseSetMark reads the value behind "meta mark set" (own is KeyMark) or "ct
// mark set" (own is KeyCtMark).
func parseSetMark(c *cursor, own nf.KeyField) (nf.Stmt, error) {
	b, err := parseBitExpr(c, 0)
	if err != nil {
		return nil, err
	}
	if b.source == 0 || b.source == own {
		value, mask := b.xor, ^b.and
		if own == nf.KeyMark {
			return nf.SetMark{Value: value, Mask: mask}, nil
		}
		return nf.SetCtMark{Op: "set", Value: value, Mask: mask}, nil
	}
	if b.xor != 0 {
		return nil, c.unmodelled()
	}
	if own == nf.KeyMark {
		return nf.SetCtMark{Op: "restore", NfMask: ^uint32(0), CtMask: b.and}, nil
	}
	return nf.SetCtMark{Op: "save", NfMask: b.and, CtMask: ^uint32(0)}, nil
}
