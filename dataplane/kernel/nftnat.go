package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// nat encodes a translation.
func (r *ruleEncoder) nat(n nf.NAT) error {
	switch n.Kind {
	case nf.Masquerade, nf.Redirect:
		if n.Addr.IsValid() || n.Map != nil {
			return fmt.Errorf("an address for %+v", n)
		}
		return r.natPorts(n)
	case nf.DNAT, nf.SNAT:
	default:
		return fmt.Errorf("translation %+v", n)
	}
	kinds := map[nf.NATKind]expr.NATType{nf.SNAT: expr.NATTypeSourceNAT, nf.DNAT: expr.NATTypeDestNAT}
	out := &expr.NAT{Type: kinds[n.Kind], Random: n.Random, FullyRandom: n.FullyRandom, Persistent: n.Persistent, Specified: n.Port != 0}
	fam := tableFamily(r.fam)
	switch {
	case n.Map != nil:
		port, err := r.dataMap(n.Map)
		if err != nil {
			return err
		}
		out.RegAddrMin, out.RegProtoMin = 1, port
		if n.Map.Type[0] == nf.TypeIPv6Addr {
			fam = packet.IPv6
		} else {
			fam = packet.IPv4
		}
	case !n.Addr.IsValid() && n.Port == 0:
		return fmt.Errorf("a translation to nothing")
	default:
		if n.Addr.IsValid() {
			fam = familyHint(n.Addr)
		}
		next, err := r.natAddrs(n, out)
		if err != nil {
			return err
		}
		out.RegProtoMin, out.RegProtoMax = r.natRange(n, next)
	}
	number := map[packet.Family]uint32{packet.IPv4: uint32(nf.FamilyIP), packet.IPv6: uint32(nf.FamilyIP6)}[fam]
	if number == 0 || tableFamily(r.fam) != 0 && tableFamily(r.fam) != fam {
		return fmt.Errorf("a translation of family %s in a table of %s", fam, r.fam)
	}
	out.Family = number
	r.add(out)
	return r.bad
}

// natAddrs puts the addresses into registers, and yields the next register.
func (r *ruleEncoder) natAddrs(n nf.NAT, out *expr.NAT) (uint32, error) {
	if !n.Addr.IsValid() {
		return 1, nil
	}
	lo, hi, err := addrKind(n.Addr).bytes(nf.Datum{Addr: n.Addr, AddrTo: n.AddrTo}, false, nil)
	if err != nil {
		return 0, err
	}
	r.add(&expr.Immediate{Register: 1, Data: lo})
	if out.RegAddrMin = 1; n.Addr == n.AddrTo {
		return 2, nil
	}
	r.add(&expr.Immediate{Register: 2, Data: hi})
	out.RegAddrMax = 2
	return 3, nil
}

// natRange puts the ports into registers from next on; 0 is none.
func (r *ruleEncoder) natRange(n nf.NAT, next uint32) (lo, hi uint32) {
	if n.Port == 0 {
		return 0, 0
	}
	r.add(&expr.Immediate{Register: next, Data: binary.BigEndian.AppendUint16(nil, n.Port)})
	if n.PortTo == n.Port {
		return next, 0
	}
	r.add(&expr.Immediate{Register: next + 1, Data: binary.BigEndian.AppendUint16(nil, n.PortTo)})
	return next, next + 1
}

// natPorts encodes masquerade and redirect, which have ports only. The library
// does not write ports and flags of one masquerade.
func (r *ruleEncoder) natPorts(n nf.NAT) error {
	flags := uint32(0)
	for flag, on := range map[uint32]bool{unix.NF_NAT_RANGE_PROTO_SPECIFIED: n.Port != 0, unix.NF_NAT_RANGE_PROTO_RANDOM: n.Random,
		unix.NF_NAT_RANGE_PROTO_RANDOM_FULLY: n.FullyRandom, unix.NF_NAT_RANGE_PERSISTENT: n.Persistent} {
		if on {
			flags |= flag
		}
	}
	lo, hi := r.natRange(n, 1)
	if n.Kind == nf.Redirect {
		r.add(&expr.Redir{RegisterProtoMin: lo, RegisterProtoMax: hi, Flags: flags})
		return r.bad
	}
	var parts [][]byte
	for _, p := range []struct {
		attr  uint16
		value uint32
	}{{unix.NFTA_MASQ_FLAGS, flags}, {unix.NFTA_MASQ_REG_PROTO_MIN, lo}, {unix.NFTA_MASQ_REG_PROTO_MAX, hi}} {
		if p.value != 0 {
			parts = append(parts, be32(p.attr, p.value))
		}
	}
	r.raw(rawExpr("masq", parts...))
	return r.bad
}
