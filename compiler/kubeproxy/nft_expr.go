package kubeproxy

import (
	"net/netip"
	"slices"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

func keys(fields ...nf.KeyField) []nf.Key {
	out := make([]nf.Key, len(fields))
	for i, f := range fields {
		out[i].Field = f
	}
	return out
}

// placeKey is what service maps are keyed by: address, protocol and port.
func placeKey() []nf.Key { return keys(nf.KeyDAddr, nf.KeyL4Proto, nf.KeyTHDPort) }

// portKey is what node port maps are keyed by.
func portKey() []nf.Key { return keys(nf.KeyL4Proto, nf.KeyTHDPort) }

func compare(f nf.KeyField, op nf.Op, d nf.Datum) nf.Stmt {
	return nf.MatchCompare{Key: keys(f), Op: op, Values: [][]nf.Datum{{d}}}
}

func ctState(s nf.CtState) nf.Stmt {
	return compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(s)))
}

// oneOf compares an address with prefixes. nft takes braces around a single one
// away, lists several in order and joins those that touch.
func oneOf(f nf.KeyField, op nf.Op, list []netip.Prefix) nf.Stmt {
	m := nf.MatchCompare{Key: keys(f), Op: op, Anonymous: len(list) > 1}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	for _, p := range list {
		d := nf.PrefixDatum(p)
		if n := len(m.Values); n > 0 {
			last := &m.Values[n-1][0]
			if next := last.AddrTo.Next(); !next.IsValid() || d.Addr.Compare(next) <= 0 {
				if last.AddrTo.Less(d.AddrTo) {
					last.AddrTo = d.AddrTo
				}
				continue
			}
		}
		m.Values = append(m.Values, []nf.Datum{d})
	}
	return m
}

// rtnLocal is the number of the route type "local" in linux/rtnetlink.h.
const rtnLocal = 2

// fibLocal matches packets to (or from) an address of the node.
func fibLocal(source bool) nf.Stmt {
	key := nf.Key{Field: nf.KeyFib, Fib: &nf.Fib{Saddr: source, Result: nf.FibType}}
	return nf.MatchCompare{Key: []nf.Key{key}, Op: nf.OpEqual, Values: [][]nf.Datum{{nf.NumDatum(rtnLocal)}}}
}

func isProto(p packet.Proto) nf.Stmt {
	return compare(nf.KeyL4Proto, nf.OpEqual, nf.NumDatum(uint64(p)))
}

// setMark asks for masquerading.
func (b *nft) setMark() nf.Stmt { return nf.SetMark{Value: b.mark, Mask: b.mark} }

// nftMatch matches packets of local pods (OpEqual) or others (OpNotEqual).
func (d detector) nftMatch(op nf.Op) nf.Stmt {
	if d.prefix.IsValid() {
		return compare(nf.KeySAddr, op, nf.PrefixDatum(d.prefix))
	}
	return compare(nf.KeyIIFName, op, nf.Datum{Name: d.name, Wildcard: d.wildcard})
}

// place is an element's key in service maps.
func place(a netip.Addr, p packet.Proto, port uint16) []nf.Datum {
	return []nf.Datum{nf.AddrDatum(a), nf.NumDatum(uint64(p)), nf.NumDatum(uint64(port))}
}

func gotoVerdict(c nf.ChainName) *nf.Verdict { return &nf.Verdict{Kind: nf.VerdictGoto, Chain: c} }

// choose is numgen random mod n.
func choose(n int) []nf.Key { return []nf.Key{{Field: nf.KeyNumgenRandom, Mod: uint32(n)}} }
