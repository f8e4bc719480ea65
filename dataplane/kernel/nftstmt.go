package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

var verdictCodes = map[nf.VerdictKind]expr.VerdictKind{
	nf.VerdictAccept: expr.VerdictAccept, nf.VerdictDrop: expr.VerdictDrop, nf.VerdictReturn: expr.VerdictReturn,
	nf.VerdictContinue: expr.VerdictContinue, nf.VerdictJump: expr.VerdictJump, nf.VerdictGoto: expr.VerdictGoto,
}

// stmt encodes one statement.
func (r *ruleEncoder) stmt(s nf.Stmt) error {
	switch s := s.(type) {
	case nf.MatchCompare:
		return r.compare(s)
	case nf.MatchLookup:
		return r.lookup(s)
	case nf.VMap:
		return r.verdictMap(s)
	case nf.MatchLimit:
		return r.limit(s)
	case nf.MatchConnLimit:
		return r.connLimit(s)
	case nf.NAT:
		return r.nat(s)
	case nf.Reject:
		return r.reject(s)
	case nf.SetCtMark:
		return r.setCtMark(s)
	case nf.Log:
		return r.log(s)
	case nf.NFLog:
		return r.nflog(s)
	case nf.SetDSCP:
		return r.setDSCP(s)
	case nf.SetElement:
		return r.setElement(s)
	case nf.Inert:
		return r.inert(s)
	}
	return r.plain(s)
}

// plain encodes the statements that are one expression.
func (r *ruleEncoder) plain(s nf.Stmt) error {
	switch s := s.(type) {
	case nf.Accept:
		r.add(&expr.Verdict{Kind: expr.VerdictAccept})
	case nf.Drop:
		r.add(&expr.Verdict{Kind: expr.VerdictDrop})
	case nf.Return:
		r.add(&expr.Verdict{Kind: expr.VerdictReturn})
	case nf.Continue:
		r.add(&expr.Verdict{Kind: expr.VerdictContinue})
	case nf.Jump:
		r.add(&expr.Verdict{Kind: expr.VerdictJump, Chain: string(s.Chain)})
	case nf.Goto:
		r.add(&expr.Verdict{Kind: expr.VerdictGoto, Chain: string(s.Chain)})
	case nf.SetMark:
		r.setMark(s)
	case nf.NoTrack:
		r.add(&expr.Notrack{})
	case nf.Counter:
		r.add(&expr.Counter{Packets: s.Packets, Bytes: s.Bytes})
	default:
		return fmt.Errorf("%s cannot be said by netlink: %+v", nf.KindName(s), s)
	}
	return r.bad
}

func native32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// setMark encodes mark = (mark &^ mask) ^ value.
func (r *ruleEncoder) setMark(s nf.SetMark) {
	if s.Mask == ^uint32(0) {
		r.add(&expr.Immediate{Register: 1, Data: native32(s.Value)})
	} else {
		r.add(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1})
		r.bitwise(1, native32(^s.Mask), native32(s.Value))
	}
	r.add(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true})
}

// setCtMark encodes the changes of the connection's mark, and the copies from
// and to the packet's.
func (r *ruleEncoder) setCtMark(s nf.SetCtMark) error {
	all := ^uint32(0)
	loadCt, loadMark := &expr.Ct{Key: expr.CtKeyMARK, Register: 1}, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}
	storeCt := &expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true}
	switch {
	case s.Op == "set" && s.NfMask == 0 && s.CtMask == 0 && s.Mask == all:
		r.add(&expr.Immediate{Register: 1, Data: native32(s.Value)}, storeCt)
	case s.Op == "set" && s.NfMask == 0 && s.CtMask == 0:
		r.add(loadCt)
		r.bitwise(1, native32(^s.Mask), native32(s.Value))
		r.add(storeCt)
	case s.Op == "save" && s.CtMask == all:
		r.add(loadMark)
		r.masked(s.NfMask)
		r.add(storeCt)
	case s.Op == "restore" && s.NfMask == all:
		r.add(loadCt)
		r.masked(s.CtMask)
		r.add(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true})
	default:
		return fmt.Errorf("mark transfer %+v", s)
	}
	return r.bad
}

func (r *ruleEncoder) masked(mask uint32) {
	if mask != ^uint32(0) {
		r.bitwise(1, native32(mask), nil)
	}
}

// seconds of the units of a limit.
var unitSeconds = map[nf.LimitUnit]expr.LimitTime{
	nf.PerSecond: expr.LimitTimeSecond, nf.PerMinute: expr.LimitTimeMinute, nf.PerHour: expr.LimitTimeHour,
	nf.PerDay: expr.LimitTimeDay, nf.PerWeek: expr.LimitTimeWeek,
}

func (r *ruleEncoder) limit(m nf.MatchLimit) error {
	unit, ok := unitSeconds[m.Unit]
	if !ok {
		return fmt.Errorf("limit %+v", m)
	}
	l := &expr.Limit{Type: expr.LimitTypePkts, Rate: m.Rate, Over: m.Over, Unit: unit, Burst: m.Burst}
	if m.PerByte {
		l.Type = expr.LimitTypePktBytes
	}
	r.add(l)
	return r.bad
}

func (r *ruleEncoder) connLimit(m nf.MatchConnLimit) error {
	if !m.NoGroup || m.Mask != 0 || m.ByDst {
		return fmt.Errorf("a connection limit with groups")
	}
	c := &expr.Connlimit{Count: m.Limit}
	if !m.Upto {
		c.Flags = expr.NFT_CONNLIMIT_F_INV
	}
	r.add(c)
	return r.bad
}

func (r *ruleEncoder) setDSCP(s nf.SetDSCP) error {
	write := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Len: 2}
	var keep, value uint16
	switch {
	case s.DSCP > 0x3f:
		return fmt.Errorf("DSCP %#x", s.DSCP)
	case r.fam == nf.FamilyIP:
		keep, value = 0xff03, uint16(s.DSCP)<<2
		write.CsumType, write.CsumOffset = expr.CsumTypeInet, 10
	case r.fam == nf.FamilyIP6:
		keep, value = 0xf03f, uint16(s.DSCP)<<6
	default:
		return fmt.Errorf("setting the DSCP in family %s", r.fam)
	}
	r.add(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Len: 2})
	r.bitwise(1, binary.BigEndian.AppendUint16(nil, keep), binary.BigEndian.AppendUint16(nil, value))
	r.add(write)
	return r.bad
}

func (r *ruleEncoder) setElement(s nf.SetElement) error {
	op, ok := map[string]uint32{"add": unix.NFT_DYNSET_OP_ADD, "update": unix.NFT_DYNSET_OP_UPDATE, "delete": 2}[s.Op]
	if !ok || len(s.Dirs) > 0 {
		return fmt.Errorf("%q of a set element", s.Op)
	}
	if err := r.loadForSet(s.Key, s.Set); err != nil {
		return err
	}
	r.add(&expr.Dynset{SrcRegKey: 1, SetName: string(s.Set), Operation: op, Timeout: s.Timeout})
	return r.bad
}

// inert encodes the statements of nft that no other rule can see.
func (r *ruleEncoder) inert(s nf.Inert) error {
	switch s.Text {
	case "meta nftrace set 0", "meta nftrace set 1":
		r.add(&expr.Immediate{Register: 1, Data: []byte{s.Text[len(s.Text)-1] - '0'}},
			&expr.Meta{Key: expr.MetaKeyNFTRACE, Register: 1, SourceRegister: true})
	case "tcp option maxseg size set rt mtu":
		const tcpmss, maxseg = 3, 2
		r.raw(rawExpr("rt", be32(unix.NFTA_RT_DREG, 1), be32(unix.NFTA_RT_KEY, tcpmss)))
		r.add(&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 2, Size: 2},
			&expr.Exthdr{SourceRegister: 1, Type: maxseg, Offset: 2, Len: 2, Op: expr.ExthdrOpTcpopt})
	default:
		return fmt.Errorf("not modelled: %s", s.Text)
	}
	return r.bad
}

// Kinds of answers of a reject (enum nft_reject_types).
const (
	rejectICMP  = 0
	rejectReset = 1
	rejectICMPX = 2
)

// rejectCodes are the codes of ICMP, ICMPv6 and, in tables of both, of nf_tables
// itself.
var rejectCodes = map[nf.Family]map[nf.RejectWith]uint8{
	nf.FamilyIP: {nf.RejectNetUnreach: 0, nf.RejectHostUnreach: 1, nf.RejectProtoUnreach: 2, nf.RejectPortUnreach: 3,
		nf.RejectDefault: 3, nf.RejectNetProhib: 9, nf.RejectHostProhib: 10, nf.RejectAdminProhib: 13},
	nf.FamilyIP6: {nf.RejectNoRoute: 0, nf.RejectAdminProhib: 1, nf.RejectHostUnreach: 3, nf.RejectPortUnreach: 4,
		nf.RejectDefault: 4, nf.RejectPolicyFail: 5, nf.RejectRejectRoute: 6},
	nf.FamilyInet: {nf.RejectNoRoute: 0, nf.RejectPortUnreach: 1, nf.RejectDefault: 1, nf.RejectHostUnreach: 2, nf.RejectAdminProhib: 3},
}

func (r *ruleEncoder) reject(s nf.Reject) error {
	if s.With == nf.RejectTCPReset {
		r.needL4(packet.ProtoTCP)
		r.add(&expr.Reject{Type: rejectReset})
		return r.bad
	}
	fam, kind := r.fam, uint32(rejectICMP)
	port := s.With == nf.RejectDefault || s.With == nf.RejectPortUnreach
	switch {
	case fam != nf.FamilyInet:
	case port && r.l3 == packet.IPv4: // as nft does where the rule asks for a family
		fam = nf.FamilyIP
	case port && r.l3 == packet.IPv6:
		fam = nf.FamilyIP6
	default:
		kind = rejectICMPX
	}
	code, ok := rejectCodes[fam][s.With]
	if !ok {
		return fmt.Errorf("reject answer %d in family %s", s.With, r.fam)
	}
	r.add(&expr.Reject{Type: kind, Code: code})
	return r.bad
}
