package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

// form says which part of an nf.Datum a value is made of.
type form uint8

const (
	formNumber form = iota
	formAddr
	formName  // an interface's name, 16 bytes
	formIndex // an interface's number, or its name to look up
	formState // connection states
	formEther
)

// dataKind is how nf_tables keeps the values of one type.
type dataKind struct {
	typ  nftables.SetDatatype // nft's number of the type and its size
	size int
	host bool // in the machine's byte order, else in the network's
	form form
}

func number(t nftables.SetDatatype, size int) dataKind { return dataKind{typ: t, size: size} }

func hostNumber(t nftables.SetDatatype) dataKind { return dataKind{typ: t, size: 4, host: true} }

var (
	kindIPv4    = dataKind{typ: nftables.TypeIPAddr, size: 4, form: formAddr}
	kindIPv6    = dataKind{typ: nftables.TypeIP6Addr, size: 16, form: formAddr}
	kindName    = dataKind{typ: nftables.TypeIFName, size: 16, host: true, form: formName}
	kindIndex   = dataKind{typ: nftables.TypeIFIndex, size: 4, host: true, form: formIndex}
	kindState   = dataKind{typ: nftables.TypeCTState, size: 4, host: true, form: formState}
	kindEther   = dataKind{typ: nftables.TypeEtherAddr, size: 6, form: formEther}
	kindProto   = number(nftables.TypeInetProto, 1)
	kindService = number(nftables.TypeInetService, 2)
	kindMark    = hostNumber(nftables.TypeMark)
	kindDSCP    = number(nftables.TypeDSCP, 1)
	kindICMP    = number(nftables.TypeICMPType, 1)
	kindICMPv6  = number(nftables.TypeICMP6Type, 1)
	kindInteger = hostNumber(nftables.TypeInteger)
)

// setKinds are the kinds of the types that named sets have. A set of integers
// has no size of its own, so it is not among them.
var setKinds = map[nf.DataType]dataKind{
	nf.TypeIPv4Addr: kindIPv4, nf.TypeIPv6Addr: kindIPv6, nf.TypeInetProto: kindProto, nf.TypeInetService: kindService,
	nf.TypeMark: kindMark, nf.TypeIfname: kindName, nf.TypeIfindex: kindIndex, nf.TypeEtherAddr: kindEther,
	nf.TypeCtState: kindState, nf.TypeICMPType: kindICMP, nf.TypeICMPv6Type: kindICMPv6, nf.TypeDSCP: kindDSCP,
}

func kindsOf(types []nf.DataType) ([]dataKind, error) {
	out := make([]dataKind, len(types))
	for i, t := range types {
		k, ok := setKinds[t]
		if !ok {
			return nil, fmt.Errorf("no values of type %s", t)
		}
		out[i] = k
	}
	return out, nil
}

// padded is the room that a value takes in a concatenation.
func padded(n int) int { return (n + 3) &^ 3 }

// totalSize is the size of a key or of data of these kinds.
func totalSize(kinds []dataKind) int {
	if len(kinds) == 1 {
		return kinds[0].size
	}
	n := 0
	for _, k := range kinds {
		n += padded(k.size)
	}
	return n
}

// typeNumber is nft's number of a type or of a concatenation of types.
func typeNumber(kinds []dataKind) (uint32, error) {
	types := make([]nftables.SetDatatype, len(kinds))
	for i, k := range kinds {
		types[i] = k.typ
	}
	t, err := nftables.ConcatSetType(types...)
	return t.GetNFTMagic(), err
}

// bytes writes the ends of a datum, in network order where big is set or where
// the kind says so.
func (k dataKind) bytes(d nf.Datum, big bool, index func(string) (uint32, error)) (lo, hi []byte, err error) {
	switch k.form {
	case formAddr:
		return k.addrBytes(d)
	case formName:
		return nameBytes(d)
	case formEther:
		mac, err := net.ParseMAC(d.MAC)
		return mac, mac, err
	case formIndex:
		if d.Name != "" {
			n, err := index(d.Name)
			if err != nil {
				return nil, nil, fmt.Errorf("interface %s: %w", d.Name, err)
			}
			d = nf.NumDatum(uint64(n))
		}
	case formState:
		d.Num, d.NumTo = stateBits(d.Num), stateBits(d.NumTo)
	}
	if d.Num > d.NumTo || k.size < 8 && d.NumTo>>(8*k.size) != 0 {
		return nil, nil, fmt.Errorf("%d-%d does not fit %d bytes", d.Num, d.NumTo, k.size)
	}
	return k.numBytes(d.Num, big), k.numBytes(d.NumTo, big), nil
}

// numBytes writes a number.
func (k dataKind) numBytes(n uint64, big bool) []byte {
	if k.host && !big {
		b := binary.NativeEndian.AppendUint32(nil, uint32(n))
		return b[:k.size]
	}
	return binary.BigEndian.AppendUint64(nil, n)[8-k.size:]
}

func (k dataKind) addrBytes(d nf.Datum) (lo, hi []byte, err error) {
	if d.Addr.BitLen() != 8*k.size || d.AddrTo.BitLen() != 8*k.size || d.AddrTo.Less(d.Addr) {
		return nil, nil, fmt.Errorf("%s-%s are no addresses of %d bytes", d.Addr, d.AddrTo, k.size)
	}
	return d.Addr.AsSlice(), d.AddrTo.AsSlice(), nil
}

// nameBytes are the first and the last name: of a pattern "cali*" all names that
// begin so.
func nameBytes(d nf.Datum) (lo, hi []byte, err error) {
	if len(d.Name) > 15 || d.Name == "" && !d.Wildcard {
		return nil, nil, fmt.Errorf("%q is no name of an interface", d.Name)
	}
	lo, hi = make([]byte, 16), make([]byte, 16)
	copy(lo, d.Name)
	copy(hi, d.Name)
	if d.Wildcard {
		for i := len(d.Name); i < len(hi); i++ {
			hi[i] = 0xff
		}
	}
	return lo, hi, nil
}

// stateBits are the kernel's bits of connection states
// (NF_CT_STATE_BIT and NF_CT_STATE_UNTRACKED_BIT).
func stateBits(n uint64) uint64 {
	const untracked = 1 << 6
	out := n &^ uint64(nf.CtUntracked)
	if n&uint64(nf.CtUntracked) != 0 {
		out |= untracked
	}
	return out
}

// prefixLen is the length of the prefix that the datum is, and whether it is one
// of more than one address.
func prefixLen(d nf.Datum) (int, bool) {
	if d.Addr == d.AddrTo {
		return 0, false
	}
	p, ok := d.Prefix()
	return p.Bits(), ok
}

// prefixMask is the mask of a prefix of an address of that size.
func prefixMask(bits, size int) []byte {
	return net.CIDRMask(bits, 8*size)
}

// linkIndex looks interfaces of the namespace up.
func linkIndex(ns *netns.NS) func(string) (uint32, error) {
	return func(name string) (uint32, error) {
		h, err := ns.Netlink()
		if err != nil {
			return 0, err
		}
		defer h.Close()
		link, err := h.LinkByName(name)
		if err != nil {
			return 0, err
		}
		return uint32(link.Attrs().Index), nil
	}
}

// addrKind is the kind of an address.
func addrKind(a netip.Addr) dataKind {
	if a.Is4() {
		return kindIPv4
	}
	return kindIPv6
}
