package eval

import (
	"net/netip"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The RTN_ numbers that are looked at by name (linux/rtnetlink.h).
const (
	rtnBroadcast = 3
)

func (k *compiler) matchSet(m nf.MatchSet) func(*scratch) Truth {
	id, ok := k.e.ipsetIDs[m.Set]
	if !ok {
		k.problem("no ipset %q", m.Set)
	}
	if !ok || m.Options != "" {
		return func(*scratch) Truth { return Unknown3 }
	}
	set := k.e.ipsets[id]
	return func(w *scratch) Truth { return set.test(w, m.Dirs, m.ReturnNomatch).invert(m.Invert) }
}

// matchAddrType is addrtype_mt_v1: the source first, then the destination.
func matchAddrType(m nf.MatchAddrType) func(*scratch) Truth {
	return func(w *scratch) Truth {
		dev := Iface{}
		switch {
		case m.LimitIn:
			dev = w.c.In
		case m.LimitOut:
			dev = w.c.Out
		}
		res := Yes
		if m.SrcType != 0 {
			res = w.addrType(w.p.Src, dev, m.SrcType).invert(m.SrcInvert)
		}
		if m.DstType == 0 || res == No {
			return res
		}
		return and(res, w.addrType(w.p.Dst, dev, m.DstType).invert(m.DstInvert))
	}
}

func and(a, b Truth) Truth {
	switch {
	case a == No || b == No:
		return No
	case a == Unknown3 || b == Unknown3:
		return Unknown3
	}
	return Yes
}

// addrType is match_type and, for IPv6, match_type6, which looks at the address
// itself for multicast, unicast and unspecified and asks routing for the rest.
func (w *scratch) addrType(a netip.Addr, dev Iface, mask nf.AddrType) Truth {
	if w.family == packet.IPv6 {
		switch {
		case mask&nf.AddrMulticast != 0 && !a.IsMulticast(),
			mask&nf.AddrUnicast != 0 && (a.IsMulticast() || a.IsUnspecified()),
			mask&nf.AddrUnspec != 0 && !a.IsUnspecified():
			return No
		case mask&(nf.AddrAnycast|nf.AddrLocal|nf.AddrProhibit|nf.AddrUnreachable) == 0:
			return Yes
		}
	}
	if w.c.Lookups == nil {
		return Unknown3
	}
	rtn, ok := w.c.Lookups.AddrType(a, dev)
	if !ok || rtn > 15 {
		return Unknown3
	}
	return truth(mask>>rtn&1 == 1)
}

func matchRPFilter(m nf.MatchRPFilter) func(*scratch) Truth {
	return func(w *scratch) Truth {
		if w.c.Lookups == nil {
			return Unknown3
		}
		return w.c.Lookups.ReversePath(w.p, w.c.In, m).invert(m.Invert)
	}
}
