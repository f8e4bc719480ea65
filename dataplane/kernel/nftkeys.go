package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// keyCode is how a key gets into a register.
type keyCode struct {
	dataKind
	load []byte // the expression, for register into
	// What the packet must be for the key to mean something; the rule says it
	// first (nft does so on its own). Zero is nothing.
	l3 packet.Family
	l4 packet.Proto
	// base, offset and span say where a key that is read from the packet stands.
	payload      bool
	base         expr.PayloadBase
	offset, span uint32 // place and number of the bytes read
	// mask and shift cut a field out of its bytes.
	mask  uint64
	shift uint
}

func netKey(kind dataKind, offset uint32) keyCode {
	return keyCode{dataKind: kind, payload: true, base: expr.PayloadBaseNetworkHeader, offset: offset, span: uint32(kind.size)}
}

func transportKey(kind dataKind, offset uint32, proto packet.Proto) keyCode {
	return keyCode{dataKind: kind, payload: true, base: expr.PayloadBaseTransportHeader, offset: offset, span: uint32(kind.size), l4: proto}
}

// ports are the transport protocols with ports: their keys of source and
// destination.
var ports = []struct {
	src, dst nf.KeyField
	proto    packet.Proto
}{
	{nf.KeyTHSPort, nf.KeyTHDPort, 0},
	{nf.KeyTCPSPort, nf.KeyTCPDPort, packet.ProtoTCP},
	{nf.KeyUDPSPort, nf.KeyUDPDPort, packet.ProtoUDP},
	{nf.KeyUDPLiteSPort, nf.KeyUDPLiteDPort, protoUDPLite},
	{nf.KeySCTPSPort, nf.KeySCTPDPort, packet.ProtoSCTP},
	{nf.KeyDCCPSPort, nf.KeyDCCPDPort, protoDCCP},
}

// inPlaceOfPort are the keys that other protocols have where those have the
// destination port.
var inPlaceOfPort = map[nf.KeyField]packet.Proto{
	nf.KeyICMPChecksum: packet.ProtoICMP, nf.KeyICMPv6Checksum: packet.ProtoICMPv6, nf.KeyIGMPChecksum: packet.ProtoIGMP,
	nf.KeyAHReserved: packet.ProtoAH, nf.KeyCompCPI: packet.ProtoComp,
}

const (
	protoDCCP    packet.Proto = 33
	protoUDPLite packet.Proto = 136
)

// transportCode is the code of a key of the transport header.
func transportCode(f nf.KeyField) (keyCode, bool) {
	for _, p := range ports {
		switch f {
		case p.src:
			return transportKey(kindService, 0, p.proto), true
		case p.dst:
			return transportKey(kindService, 2, p.proto), true
		}
	}
	if proto, ok := inPlaceOfPort[f]; ok {
		return transportKey(number(nftables.TypeInteger, 2), 2, proto), true
	}
	switch f {
	case nf.KeyTCPFlags:
		return transportKey(number(nftables.TypeTCPFlag, 1), 13, packet.ProtoTCP), true
	case nf.KeyICMPType:
		return icmpKey(kindICMP, 0, packet.ProtoICMP, packet.IPv4), true
	case nf.KeyICMPCode:
		return icmpKey(number(nftables.TypeICMPCode, 1), 1, packet.ProtoICMP, packet.IPv4), true
	case nf.KeyICMPv6Type:
		return icmpKey(kindICMPv6, 0, packet.ProtoICMPv6, packet.IPv6), true
	case nf.KeyICMPv6Code:
		return icmpKey(number(nftables.TypeICMPV6Code, 1), 1, packet.ProtoICMPv6, packet.IPv6), true
	}
	return keyCode{}, false
}

func icmpKey(kind dataKind, offset uint32, proto packet.Proto, fam packet.Family) keyCode {
	k := transportKey(kind, offset, proto)
	k.l3 = fam
	return k
}

// networkCode is the code of a key of the IPv4 or IPv6 header.
func networkCode(f nf.KeyField, fam packet.Family) (keyCode, bool) {
	k, ok := ipv4Keys[f]
	if fam == packet.IPv6 {
		k, ok = ipv6Keys[f]
	}
	k.l3 = fam
	return k, ok && fam != 0
}

var ipv4Keys = map[nf.KeyField]keyCode{
	nf.KeySAddr:      netKey(kindIPv4, 12),
	nf.KeyDAddr:      netKey(kindIPv4, 16),
	nf.KeyIPProtocol: netKey(kindProto, 9),
	nf.KeyTTL:        netKey(number(nftables.TypeInteger, 1), 8),
	nf.KeyIPLength:   netKey(number(nftables.TypeInteger, 2), 2),
	nf.KeyFragOff:    netKey(number(nftables.TypeInteger, 2), 6),
	nf.KeyDSCP:       {dataKind: kindDSCP, payload: true, base: expr.PayloadBaseNetworkHeader, offset: 1, span: 1, mask: 0xfc, shift: 2},
}

var ipv6Keys = map[nf.KeyField]keyCode{
	nf.KeySAddr:      netKey(kindIPv6, 8),
	nf.KeyDAddr:      netKey(kindIPv6, 24),
	nf.KeyIPProtocol: netKey(kindProto, 6),
	nf.KeyTTL:        netKey(number(nftables.TypeInteger, 1), 7),
	nf.KeyDSCP:       {dataKind: number(nftables.TypeDSCP, 2), payload: true, base: expr.PayloadBaseNetworkHeader, offset: 0, span: 2, mask: 0x0fc0, shift: 6},
}

// metaKeys are the keys that the kernel knows about any packet.
var metaKeys = map[nf.KeyField]struct {
	key  expr.MetaKey
	kind dataKind
}{
	nf.KeyMark:    {expr.MetaKeyMARK, kindMark},
	nf.KeyL4Proto: {expr.MetaKeyL4PROTO, kindProto},
	nf.KeyNFProto: {expr.MetaKeyNFPROTO, number(nftables.TypeNFProto, 1)},
	nf.KeyIIF:     {expr.MetaKeyIIF, kindIndex},
	nf.KeyOIF:     {expr.MetaKeyOIF, kindIndex},
	nf.KeyIIFName: {expr.MetaKeyIIFNAME, kindName},
	nf.KeyOIFName: {expr.MetaKeyOIFNAME, kindName},
	nf.KeyPktType: {expr.MetaKeyPKTTYPE, number(nftables.TypePktType, 1)},
	nf.KeyLength:  {expr.MetaKeyLEN, kindInteger},
	nf.KeySKUID:   {expr.MetaKeySKUID, hostNumber(nftables.TypeUID)},
	nf.KeySKGID:   {expr.MetaKeySKGID, hostNumber(nftables.TypeGID)},
}

// ctKeys are the keys of a connection.
var ctKeys = map[nf.KeyField]struct {
	key   uint32 // for IPv4
	key6  uint32 // for IPv6, where it differs
	kind  dataKind
	tuple bool
	reply bool
}{
	nf.KeyCtState:     {key: unix.NFT_CT_STATE, kind: kindState},
	nf.KeyCtStatus:    {key: unix.NFT_CT_STATUS, kind: hostNumber(nftables.TypeCTStatus)},
	nf.KeyCtMark:      {key: unix.NFT_CT_MARK, kind: kindMark},
	nf.KeyCtDirection: {key: unix.NFT_CT_DIRECTION, kind: number(nftables.TypeCTDir, 1)},
	nf.KeyCtProtocol:  {key: unix.NFT_CT_PROTOCOL, kind: kindProto},
	nf.KeyCtOrigSAddr: {key: unix.NFT_CT_SRC_IP, key6: unix.NFT_CT_SRC_IP6, kind: kindIPv4, tuple: true},
	nf.KeyCtOrigDAddr: {key: unix.NFT_CT_DST_IP, key6: unix.NFT_CT_DST_IP6, kind: kindIPv4, tuple: true},
	nf.KeyCtOrigSPort: {key: unix.NFT_CT_PROTO_SRC, kind: kindService, tuple: true},
	nf.KeyCtOrigDPort: {key: unix.NFT_CT_PROTO_DST, kind: kindService, tuple: true},
	nf.KeyCtReplSAddr: {key: unix.NFT_CT_SRC_IP, key6: unix.NFT_CT_SRC_IP6, kind: kindIPv4, tuple: true, reply: true},
	nf.KeyCtReplDAddr: {key: unix.NFT_CT_DST_IP, key6: unix.NFT_CT_DST_IP6, kind: kindIPv4, tuple: true, reply: true},
	nf.KeyCtReplSPort: {key: unix.NFT_CT_PROTO_SRC, kind: kindService, tuple: true, reply: true},
	nf.KeyCtReplDPort: {key: unix.NFT_CT_PROTO_DST, kind: kindService, tuple: true, reply: true},
}

// keyFor is the code that brings a key into a register. Hint is the family of
// the address that the key is compared with, or 0.
func (r *ruleEncoder) keyFor(k nf.Key, reg uint32, hint packet.Family) (keyCode, error) {
	fam := k.Family
	for _, f := range []packet.Family{tableFamily(r.fam), hint} {
		if fam == 0 {
			fam = f
		}
	}
	if k.Field == nf.KeyFib {
		return r.fibCode(k, reg)
	}
	code, ok := r.loadedCode(k, reg, fam)
	if !ok {
		code, ok = r.payloadCode(k.Field, fam)
		code.load = r.marshal(&expr.Payload{DestRegister: reg, Base: code.base, Offset: code.offset, Len: code.span})
	}
	if !ok {
		return keyCode{}, fmt.Errorf("key %d is not known in family %s", k.Field, r.fam)
	}
	return code, nil
}

// loadedCode is the code of a key that is not read from the packet's bytes.
func (r *ruleEncoder) loadedCode(k nf.Key, reg uint32, fam packet.Family) (keyCode, bool) {
	if meta, ok := metaKeys[k.Field]; ok {
		return keyCode{dataKind: meta.kind, load: r.marshal(&expr.Meta{Key: meta.key, Register: reg})}, true
	}
	if how, ok := numgens[k.Field]; ok {
		gen := &expr.Numgen{Register: reg, Modulus: k.Mod, Type: how, Offset: k.Offset}
		return keyCode{dataKind: kindInteger, load: r.marshal(gen)}, true
	}
	ct, ok := ctKeys[k.Field]
	if !ok || ct.key6 != 0 && fam == 0 {
		return keyCode{}, false
	}
	if !ct.tuple {
		return keyCode{dataKind: ct.kind, load: r.marshal(&expr.Ct{Key: expr.CtKey(ct.key), Register: reg})}, true
	}
	if ct.key6 != 0 && fam == packet.IPv6 {
		ct.key, ct.kind = ct.key6, kindIPv6
	}
	return keyCode{dataKind: ct.kind, load: ctTuple(ct.key, reg, ct.reply)}, true
}

var numgens = map[nf.KeyField]uint32{nf.KeyNumgenRandom: unix.NFT_NG_RANDOM, nf.KeyNumgenInc: unix.NFT_NG_INCREMENTAL}

// payloadCode is the code of a key that is read from the packet's bytes.
func (r *ruleEncoder) payloadCode(f nf.KeyField, fam packet.Family) (keyCode, bool) {
	if r.fam == nf.FamilyARP {
		switch f {
		case nf.KeyARPOperation:
			return netKey(number(nftables.TypeARPOp, 2), 6), true
		case nf.KeyARPSAddrIP:
			return netKey(kindIPv4, 14), true
		}
		return keyCode{}, false
	}
	if code, ok := transportCode(f); ok {
		return code, true
	}
	return networkCode(f, fam)
}

// tableFamily is the IP family of a table that has one.
func tableFamily(f nf.Family) packet.Family {
	switch f {
	case nf.FamilyIP:
		return packet.IPv4
	case nf.FamilyIP6:
		return packet.IPv6
	}
	return 0
}

// ctTuple loads a part of one of a connection's two tuples.
func ctTuple(key, reg uint32, reply bool) []byte {
	direction := byte(0)
	if reply {
		direction = 1
	}
	return rawExpr("ct", be32(unix.NFTA_CT_KEY, key), be32(unix.NFTA_CT_DREG, reg), attribute(unix.NFTA_CT_DIRECTION, []byte{direction}))
}

// rawExpr is an expression that the library cannot write.
func rawExpr(name string, parts ...[]byte) []byte {
	return append(cstring(unix.NFTA_EXPR_NAME, name), nested(unix.NFTA_EXPR_DATA, parts...)...)
}

func (r *ruleEncoder) fibCode(k nf.Key, reg uint32) (keyCode, error) {
	if k.Fib == nil {
		return keyCode{}, fmt.Errorf("fib key without what it asks")
	}
	f := &expr.Fib{Register: reg, FlagSADDR: k.Fib.Saddr, FlagDADDR: !k.Fib.Saddr, FlagMARK: k.Fib.Mark, FlagIIF: k.Fib.IIF, FlagOIF: k.Fib.OIF}
	var kind dataKind
	switch k.Fib.Result {
	case nf.FibType:
		f.ResultADDRTYPE, kind = true, hostNumber(nftables.TypeFIBAddr)
	case nf.FibOIF:
		f.ResultOIF, kind = true, kindIndex
	case nf.FibOIFName:
		f.ResultOIFNAME, kind = true, kindName
	default:
		return keyCode{}, fmt.Errorf("fib result %d", k.Fib.Result)
	}
	return keyCode{dataKind: kind, load: r.marshal(f)}, nil
}

// maskBytes writes a mask for the bytes that the key reads.
func (k keyCode) maskBytes(mask uint64) []byte {
	if k.host {
		return k.numBytes(mask, false)
	}
	return binary.BigEndian.AppendUint64(nil, mask)[8-k.span:]
}
