package kernel

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ruleEncoder turns the statements of one rule into expressions.
type ruleEncoder struct {
	e     *nftEncoder
	about string
	fam   nf.Family
	exprs [][]byte
	// l3 and l4 are what the rule has asked the packet to be; nft does not ask
	// twice.
	l3 packet.Family
	l4 packet.Proto
	// bad is the first expression that the library refused.
	bad error
}

func (r *ruleEncoder) marshal(x expr.Any) []byte {
	b, err := expr.Marshal(byte(r.fam), x)
	if err != nil && r.bad == nil {
		r.bad = err
	}
	return b
}

func (r *ruleEncoder) add(list ...expr.Any) {
	for _, x := range list {
		r.raw(r.marshal(x))
	}
}

// raw adds an expression that is already written.
func (r *ruleEncoder) raw(b []byte) { r.exprs = append(r.exprs, nested(unix.NFTA_LIST_ELEM, b)) }

// registerAt is the register that begins at that byte of the key or of the data:
// one of the four with 16 bytes where it can be, else one with four.
func registerAt(offset int) uint32 {
	if offset%16 == 0 {
		return uint32(1 + offset/16)
	}
	return uint32(unix.NFT_REG32_00 + offset/4)
}

// needL3 makes the rule ask for the IP family where the table has both.
func (r *ruleEncoder) needL3(f packet.Family) {
	if f == 0 || r.l3 == f || tableFamily(r.fam) != 0 || r.fam == nf.FamilyARP {
		return
	}
	r.l3 = f
	if r.fam == nf.FamilyInet {
		number := map[packet.Family]byte{packet.IPv4: byte(nf.FamilyIP), packet.IPv6: byte(nf.FamilyIP6)}[f]
		r.add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}})
		return
	}
	etherType := map[packet.Family][]byte{packet.IPv4: {0x08, 0x00}, packet.IPv6: {0x86, 0xdd}}[f]
	r.add(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: etherType})
}

// needL4 makes the rule ask for the transport protocol.
func (r *ruleEncoder) needL4(p packet.Proto) {
	if p == 0 || r.l4 == p {
		return
	}
	r.l4 = p
	r.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(p)}})
}

// loadKeys brings the keys side by side into the registers; big is whether
// numbers are turned into network order, as intervals need it.
func (r *ruleEncoder) loadKeys(keys []nf.Key, first []nf.Datum, big bool) ([]keyCode, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key")
	}
	codes := make([]keyCode, len(keys))
	offset := 0
	for i, k := range keys {
		var hint packet.Family
		if i < len(first) {
			hint = familyHint(first[i].Addr)
		}
		code, err := r.keyFor(k, registerAt(offset), hint)
		if err != nil {
			return nil, err
		}
		codes[i] = code
		offset += padded(code.size)
	}
	if offset > 64 {
		return nil, fmt.Errorf("a key of %d bytes", offset)
	}
	for _, code := range codes {
		r.needL3(code.l3)
		r.needL4(code.l4)
	}
	offset = 0
	for _, code := range codes {
		r.raw(code.load)
		reg := registerAt(offset)
		if code.mask != 0 {
			r.bitwise(reg, code.maskBytes(code.mask), nil)
		}
		if big {
			r.toNetwork(code, reg)
		}
		offset += padded(code.size)
	}
	return codes, r.bad
}

func familyHint(a netip.Addr) packet.Family {
	switch {
	case a.Is4():
		return packet.IPv4
	case a.IsValid():
		return packet.IPv6
	}
	return 0
}

// bitwise computes register = register & mask ^ xor.
func (r *ruleEncoder) bitwise(reg uint32, mask, xor []byte) {
	if xor == nil {
		xor = make([]byte, len(mask))
	}
	r.add(&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(mask)), Mask: mask, Xor: xor})
}

// swapped reports whether values of the kind change when intervals of them are
// compared byte by byte.
func (k dataKind) swapped() bool { return k.host && k.form != formName && k.size > 1 }

func (r *ruleEncoder) toNetwork(code keyCode, reg uint32) {
	if code.swapped() {
		size := uint32(code.size)
		r.add(&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: size, Size: size})
	}
}

// compare encodes a comparison with constants.
func (r *ruleEncoder) compare(m nf.MatchCompare) error {
	if len(m.Values) == 0 {
		return fmt.Errorf("a comparison without values")
	}
	for _, v := range m.Values {
		if len(v) != len(m.Key) {
			return fmt.Errorf("%d values for %d keys", len(v), len(m.Key))
		}
	}
	if m.Anonymous && (len(m.Values) > 1 || len(m.Key) > 1) || len(m.Values) > 1 || len(m.Key) > 1 {
		return r.compareSet(m)
	}
	d := m.Values[0][0]
	interval := d.Num != d.NumTo || m.Op >= nf.OpLess && m.Op <= nf.OpGreaterEqual
	if bits, ok := prefixLen(d); ok && m.Op <= nf.OpNotEqual && m.Mask == 0 {
		return r.comparePrefix(m, d, bits)
	}
	if err := r.loadMasked(m, interval && m.Mask == 0); err != nil {
		return err
	}
	code, err := r.keyFor(m.Key[0], 1, familyHint(d.Addr))
	if err != nil {
		return err
	}
	if interval && m.Mask != 0 {
		r.toNetwork(code, 1)
	}
	if err := r.compareValue(m.Op, code, d, interval); err != nil {
		return err
	}
	r.learn(m)
	return r.bad
}

// loadMasked loads the key of a comparison, with its mask.
func (r *ruleEncoder) loadMasked(m nf.MatchCompare, big bool) error {
	codes, err := r.loadKeys(m.Key, m.Values[0], big)
	if err != nil || m.Mask == 0 {
		return err
	}
	if c := codes[0]; len(codes) != 1 || c.form != formNumber && c.form != formState || c.mask != 0 {
		return fmt.Errorf("a mask on a key that has no numbers")
	}
	mask := m.Mask
	if codes[0].form == formState {
		mask = stateBits(mask)
	}
	r.bitwise(1, codes[0].maskBytes(mask), nil)
	return nil
}

// learn notes what the packet is behind the comparison.
func (r *ruleEncoder) learn(m nf.MatchCompare) {
	if m.Op != nf.OpEqual || m.Mask != 0 {
		return
	}
	switch n := m.Values[0][0].Num; m.Key[0].Field {
	case nf.KeyL4Proto, nf.KeyIPProtocol:
		r.l4 = packet.Proto(n)
	case nf.KeyNFProto:
		r.l3 = map[uint64]packet.Family{uint64(nf.FamilyIP): packet.IPv4, uint64(nf.FamilyIP6): packet.IPv6}[n]
	}
}

var cmpOps = map[nf.Op]expr.CmpOp{
	nf.OpEqual: expr.CmpOpEq, nf.OpNotEqual: expr.CmpOpNeq, nf.OpLess: expr.CmpOpLt, nf.OpGreater: expr.CmpOpGt,
	nf.OpLessEqual: expr.CmpOpLte, nf.OpGreaterEqual: expr.CmpOpGte,
}

// compareValue compares register 1 with a value or an interval.
func (r *ruleEncoder) compareValue(op nf.Op, code keyCode, d nf.Datum, big bool) error {
	d.Num, d.NumTo = d.Num<<code.shift, d.NumTo<<code.shift
	lo, hi, err := code.bytes(d, big, r.e.index)
	if err != nil {
		return err
	}
	single := bytes.Equal(lo, hi)
	cmp, known := cmpOps[op]
	switch {
	case op == nf.OpHasAny && single && code.form != formAddr:
		r.bitwise(1, lo, nil)
		r.add(&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, len(lo))})
	case d.Wildcard && d.Name != "" && op <= nf.OpNotEqual:
		r.add(&expr.Cmp{Op: cmp, Register: 1, Data: []byte(d.Name)})
	case known && single:
		r.add(&expr.Cmp{Op: cmp, Register: 1, Data: lo})
	case op == nf.OpEqual && !d.Wildcard:
		r.add(&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: lo}, &expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: hi})
	case op == nf.OpNotEqual && !d.Wildcard:
		r.add(&expr.Range{Op: expr.CmpOpNeq, Register: 1, FromData: lo, ToData: hi})
	default:
		return fmt.Errorf("operator %d with %+v", op, d)
	}
	return nil
}

// comparePrefix compares an address with a prefix: whole bytes of the packet are
// compared without a mask.
func (r *ruleEncoder) comparePrefix(m nf.MatchCompare, d nf.Datum, bits int) error {
	code, err := r.keyFor(m.Key[0], 1, familyHint(d.Addr))
	if err != nil {
		return err
	}
	lo, _, err := code.bytes(d, false, r.e.index)
	if err != nil {
		return err
	}
	op := cmpOps[m.Op]
	if code.payload && bits%8 == 0 && bits > 0 {
		r.needL3(code.l3)
		r.add(&expr.Payload{DestRegister: 1, Base: code.base, Offset: code.offset, Len: uint32(bits / 8)},
			&expr.Cmp{Op: op, Register: 1, Data: lo[:bits/8]})
		return r.bad
	}
	if _, err := r.loadKeys(m.Key, m.Values[0], false); err != nil {
		return err
	}
	r.bitwise(1, prefixMask(bits, code.size), nil)
	r.add(&expr.Cmp{Op: op, Register: 1, Data: lo})
	return r.bad
}
