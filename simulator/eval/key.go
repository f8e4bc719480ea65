package eval

import (
	"fmt"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// loader loads one key. No means that the packet has no such thing (NFT_BREAK),
// Unknown3 that it is not known.
type loader func(w *scratch) (value, Truth)

// keys compiles keys; types are those of the set's parts, which tell ip from
// ip6 addresses, or nil.
func (k *compiler) keys(keys []nf.Key, types []nf.DataType) []loader {
	out := make([]loader, len(keys))
	for i, key := range keys {
		f := packet.Family(0)
		if i < len(types) {
			switch types[i] {
			case nf.TypeIPv4Addr:
				f = packet.IPv4
			case nf.TypeIPv6Addr:
				f = packet.IPv6
			}
		}
		out[i] = k.key(key, f)
	}
	return out
}

func (k *compiler) key(key nf.Key, f packet.Family) loader {
	load := k.anyKey(key, f)
	if key.Family == 0 {
		return load
	}
	return func(w *scratch) (value, Truth) {
		if w.family != key.Family {
			return value{}, No
		}
		return load(w)
	}
}

// anyKey loads a key whatever header it names.
func (k *compiler) anyKey(key nf.Key, f packet.Family) loader {
	switch {
	case key.Field >= nf.KeyTHSPort && key.Field <= nf.KeyCompCPI:
		return portKey(key.Field)
	case key.Field >= nf.KeyICMPType && key.Field <= nf.KeyICMPv6Code:
		return icmpKey(key.Field)
	case key.Field >= nf.KeyCtState && key.Field <= nf.KeyCtReplDPort:
		k.tracked()
		return ctKey(key.Field, f)
	}
	switch key.Field {
	case nf.KeyFib:
		return fibKey(key.Fib)
	case nf.KeyNumgenRandom:
		return numgenRandom(key)
	case nf.KeyNumgenInc:
		return k.numgenInc(key)
	case nf.KeySAddr, nf.KeyDAddr:
		return addrKey(key.Field, f)
	case nf.KeyIIF, nf.KeyOIF, nf.KeyIIFName, nf.KeyOIFName:
		return ifaceKey(key.Field)
	}
	return headerKey(key.Field)
}

func addrKey(field nf.KeyField, f packet.Family) loader {
	return func(w *scratch) (value, Truth) {
		if f != 0 && f != w.family {
			return value{}, No
		}
		if field == nf.KeySAddr {
			return w.src, Yes
		}
		return w.dst, Yes
	}
}

// ifaceKey loads index 0 and the empty name for no interface.
func ifaceKey(field nf.KeyField) loader {
	return func(w *scratch) (value, Truth) {
		dev := &w.c.In
		if field == nf.KeyOIF || field == nf.KeyOIFName {
			dev = &w.c.Out
		}
		if field == nf.KeyIIF || field == nf.KeyOIF {
			return num(uint64(dev.Index)), Yes
		}
		return nameValue(dev.Name), Yes
	}
}

// headerKey loads keys of the IP header and of meta.
func headerKey(field nf.KeyField) loader {
	return func(w *scratch) (value, Truth) {
		p := w.p
		switch field {
		case nf.KeyIPProtocol, nf.KeyL4Proto:
			return num(uint64(p.Proto)), Yes
		case nf.KeyDSCP:
			w.take(takenDSCP)
			return num(uint64(p.TOS >> 2)), Yes
		case nf.KeyTTL:
			w.take(takenTTL)
			return num(uint64(p.TTL)), Yes
		case nf.KeyMark:
			return num(uint64(p.Mark)), Yes
		case nf.KeyNFProto:
			if w.family == packet.IPv4 {
				return num(uint64(nf.FamilyIP)), Yes
			}
			return num(uint64(nf.FamilyIP6)), Yes
		case nf.KeyIPLength, nf.KeyLength:
			n, ok := ipLength(p)
			w.takeLength(n)
			return num(n), known(ok)
		case nf.KeyFragOff:
			return fragOff(w)
		case nf.KeyPktType:
			n, ok := w.pktType()
			return num(n), known(ok)
		case nf.KeyARPOperation, nf.KeyARPSAddrIP:
			return value{}, No
		}
		return value{}, Unknown3 // sockets' owners
	}
}

func known(ok bool) Truth {
	if ok {
		return Yes
	}
	return Unknown3
}

// fragOff is the 16-bit field of the IPv4 header, flags included.
func fragOff(w *scratch) (value, Truth) {
	if w.family != packet.IPv4 {
		return value{}, No
	}
	n := uint64(w.p.FragOffset)
	if w.p.MoreFragments {
		n |= 1 << 13
	}
	if w.p.DontFragment {
		n |= 1 << 14
	}
	return num(n), Yes
}

var portProto = map[nf.KeyField]packet.Proto{
	nf.KeyTCPSPort: packet.ProtoTCP, nf.KeyTCPDPort: packet.ProtoTCP, nf.KeyTCPFlags: packet.ProtoTCP,
	nf.KeyUDPSPort: packet.ProtoUDP, nf.KeyUDPDPort: packet.ProtoUDP,
	nf.KeyUDPLiteSPort: packet.ProtoUDPLite, nf.KeyUDPLiteDPort: packet.ProtoUDPLite,
	nf.KeySCTPSPort: packet.ProtoSCTP, nf.KeySCTPDPort: packet.ProtoSCTP,
	nf.KeyDCCPSPort: packet.ProtoDCCP, nf.KeyDCCPDPort: packet.ProtoDCCP,
	nf.KeyICMPChecksum: packet.ProtoICMP, nf.KeyICMPv6Checksum: packet.ProtoICMPv6, nf.KeyIGMPChecksum: packet.ProtoIGMP,
	nf.KeyAHReserved: packet.ProtoAH, nf.KeyCompCPI: packet.ProtoComp,
}

// portKey loads ports and TCP flags; th reads whatever stands at the start of
// the layer 4 header, which is known for protocols with ports and the first two
// bytes of ICMP. Loads of one, two and four bytes do not look whether the packet
// is a later fragment (nft_payload_fast_eval, Linux 6.18): of IPv4 they read its
// data, of IPv6 the start of the IPv6 header.
func portKey(field nf.KeyField) loader {
	proto := portProto[field]
	dst := false
	switch field {
	case nf.KeyTHDPort, nf.KeyTCPDPort, nf.KeyUDPDPort, nf.KeyUDPLiteDPort, nf.KeySCTPDPort, nf.KeyDCCPDPort:
		dst = true
	}
	return func(w *scratch) (value, Truth) {
		p := w.p
		switch {
		case proto != 0 && p.Proto != proto:
			return value{}, No
		case p.FragOffset != 0, field > nf.KeyDCCPDPort:
			return value{}, Unknown3 // no packet here has a checksum
		case p.Truncated && (field == nf.KeyTCPFlags || !eightBytes(p)):
			return value{}, No
		case field == nf.KeyTCPFlags:
			return num(uint64(p.TCP.Flags)), Yes
		case !p.Proto.HasPorts():
			if p.Proto.IsICMP() && !dst {
				return num(uint64(p.ICMPType)<<8 | uint64(p.ICMPCode)), Yes
			}
			return value{}, Unknown3
		case dst:
			return num(uint64(p.DstPort)), Yes
		}
		return num(uint64(p.SrcPort)), Yes
	}
}

// eightBytes reports whether the ports of a cut-off header are known.
func eightBytes(p *packet.Packet) bool {
	return (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoSCTP) && (p.SrcPort != 0 || p.DstPort != 0)
}

func icmpKey(field nf.KeyField) loader {
	proto := packet.ProtoICMP
	if field == nf.KeyICMPv6Type || field == nf.KeyICMPv6Code {
		proto = packet.ProtoICMPv6
	}
	code := field == nf.KeyICMPCode || field == nf.KeyICMPv6Code
	return func(w *scratch) (value, Truth) {
		p := w.p
		switch {
		case p.Proto != proto:
			return value{}, No
		case p.FragOffset != 0:
			return value{}, Unknown3 // as portKey
		case p.Truncated:
			return value{}, No
		case code:
			return num(uint64(p.ICMPCode)), Yes
		}
		return num(uint64(p.ICMPType)), Yes
	}
}

// ctKey is nft_ct_get_eval: only the state exists without a connection.
func ctKey(field nf.KeyField, f packet.Family) loader {
	if field == nf.KeyCtState {
		return func(w *scratch) (value, Truth) { return num(uint64(ctBit(w.c.Ct))), Yes }
	}
	return func(w *scratch) (value, Truth) {
		ct := w.c.Ct.Conn
		if ct == nil {
			return value{}, No
		}
		switch field {
		case nf.KeyCtStatus:
			return num(uint64(ct.Status)), Yes
		case nf.KeyCtMark:
			return num(uint64(ct.Mark)), Yes
		case nf.KeyCtDirection:
			return num(uint64(w.c.Ct.Dir())), Yes
		case nf.KeyCtProtocol:
			return num(uint64(ct.Tuples[conntrack.Original].Proto)), Yes
		case nf.KeyCtOrigSAddr, nf.KeyCtOrigDAddr, nf.KeyCtOrigSPort, nf.KeyCtOrigDPort:
			return tupleKey(&ct.Tuples[conntrack.Original], field-nf.KeyCtOrigSAddr, f)
		}
		return tupleKey(&ct.Tuples[conntrack.Reply], field-nf.KeyCtReplSAddr, f)
	}
}

// tupleKey loads source or destination address or port: 0 to 3.
func tupleKey(t *conntrack.Tuple, which nf.KeyField, f packet.Family) (value, Truth) {
	if which < 2 && f != 0 && f != packet.FamilyOf(t.Src) {
		return value{}, No
	}
	switch which {
	case 0:
		return addrValue(t.Src), Yes
	case 1:
		return addrValue(t.Dst), Yes
	case 2:
		return num(uint64(t.SrcPort)), Yes
	}
	return num(uint64(t.DstPort)), Yes
}

func fibKey(q *nf.Fib) loader {
	return func(w *scratch) (value, Truth) {
		if q == nil || w.c.Lookups == nil {
			return value{}, Unknown3
		}
		a, ok := w.c.Lookups.Fib(FibQuery{Packet: w.p, Hook: w.c.Hook, In: w.c.In, Out: w.c.Out, Fib: *q})
		if !ok {
			return value{}, Unknown3
		}
		switch q.Result {
		case nf.FibType:
			return num(uint64(a.Type)), Yes
		case nf.FibOIFName:
			return nameValue(a.Iface.Name), Yes
		}
		return num(uint64(a.Iface.Index)), Yes
	}
}

func numgenRandom(key nf.Key) loader {
	n := int(max(key.Mod, 1))
	return func(w *scratch) (value, Truth) {
		i := w.choose(Choice{Kind: ChoiceNumgen, Rule: w.ref, N: n})
		if w.c.Rec.On() && n > 1 {
			w.taken = fmt.Sprintf("numgen random mod %d, taken as %d", n, uint64(i)+uint64(key.Offset))
		}
		return num(uint64(i) + uint64(key.Offset)), Yes
	}
}

// numgenInc counts as nft_ng_inc_gen: the first number is 0.
func (k *compiler) numgenInc(key nf.Key) loader {
	id, mod := k.e.stmtID(), max(key.Mod, 1)
	return func(w *scratch) (value, Truth) {
		n := w.c.State.count(id, 0, func(n uint32) uint32 { return (n + 1) % mod })
		if w.c.Rec.On() {
			w.taken = fmt.Sprintf("numgen inc mod %d is %d, counted from freshly loaded rules", mod, uint64(n)+uint64(key.Offset))
		}
		return num(uint64(n) + uint64(key.Offset)), Yes
	}
}
