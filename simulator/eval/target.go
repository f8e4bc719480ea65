package eval

import (
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

func (k *compiler) jump(name nf.ChainName, out outcome) step {
	id, ok := k.chains[name]
	if !ok {
		k.problem("no chain %q", name)
		return unknownStep
	}
	return func(w *scratch) outcome {
		w.target = id
		return out
	}
}

func setMark(s nf.SetMark) step {
	return func(w *scratch) outcome {
		w.setMark((w.p.Mark &^ s.Mask) ^ s.Value)
		return goOn
	}
}

func (w *scratch) setMark(m uint32) {
	if bits := m &^ w.p.Mark; bits != 0 {
		w.c.Marks = append(w.c.Marks, MarkChange{w.ref, w.c.Hook, bits})
	}
	w.p.Mark = m
}

// setCtMark is connmark_tg and nft's ct mark set. Without a connection it does
// nothing, but nft's "meta mark set ct mark" ends the rule.
func (k *compiler) setCtMark(s nf.SetCtMark) step {
	without := goOn
	if s.Op == "restore" && !k.table.Backend.Iptables() {
		without = miss
	}
	return func(w *scratch) outcome {
		ct := w.c.Ct.Conn
		if ct == nil {
			return without
		}
		switch s.Op {
		case "set":
			ct.Mark = (ct.Mark &^ s.Mask) ^ s.Value
		case "save":
			ct.Mark = (ct.Mark &^ s.CtMask) ^ (w.p.Mark & s.NfMask)
		case "restore":
			w.setMark((w.p.Mark &^ s.NfMask) ^ (ct.Mark & s.CtMask))
		default:
			return unknown
		}
		return goOn
	}
}

// noTrack leaves packets alone that conntrack has seen or that are untracked, and
// iptables' also the host's answers to untracked ones (xt_CT, nft_notrack_eval).
func noTrack(iptables bool) step {
	return func(w *scratch) outcome {
		if w.c.Ct == (conntrack.Ref{}) || !iptables && w.c.Ct.Info == conntrack.Attached {
			w.c.Ct = conntrack.UntrackedRef()
		}
		return goOn
	}
}

func setDSCP(s nf.SetDSCP) step {
	return func(w *scratch) outcome {
		w.p.TOS = s.DSCP<<2 | w.p.TOS&3
		return goOn
	}
}

// natFamily is the family of the addresses that a translation names: in a table
// of both families it leaves packets of the other one alone, and asks for no
// connection tracking of them (nft_nat_init, nft_nat_inet_eval). 0 is both.
func natFamily(s nf.NAT) packet.Family {
	if s.Map != nil {
		for _, t := range s.Map.Type {
			switch t {
			case nf.TypeIPv4Addr:
				return packet.IPv4
			case nf.TypeIPv6Addr:
				return packet.IPv6
			}
		}
	}
	return packet.FamilyOf(s.Addr)
}

// onlyFor makes a step do nothing to packets of other families; 0 is all.
func onlyFor(f packet.Family, s step) step {
	if f == 0 {
		return s
	}
	return func(w *scratch) outcome {
		if w.family != f {
			return goOn
		}
		return s(w)
	}
}

// nat ends the chain with a translation. A map look-up without an entry ends the
// rule.
func (k *compiler) nat(s nf.NAT) step {
	req := NATRequest{Kind: s.Kind, Addr: s.Addr, AddrTo: s.AddrTo, Port: s.Port, PortTo: s.PortTo,
		Random: s.Random, FullyRandom: s.FullyRandom, Persistent: s.Persistent}
	if req.Addr.IsValid() && !req.AddrTo.IsValid() {
		req.AddrTo = req.Addr
	}
	req.PortTo = max(req.PortTo, req.Port)
	if s.Map != nil {
		return k.natMap(s.Map, req)
	}
	return verdictStep(Result{Verdict: Accept, HasNAT: true, NAT: req})
}

func (k *compiler) natMap(m *nf.MapLookup, req NATRequest) step {
	set := k.setOf(m.Set, m.Elements)
	if set == nil {
		return unknownStep
	}
	keys := k.keys(m.Key, set.types)
	return func(w *scratch) outcome {
		i, t := set.lookup(w, keys)
		if t != Yes {
			return t.outcome()
		}
		data := set.elements[i].Data
		if len(data) == 0 {
			return unknown
		}
		r := req
		for _, d := range data {
			if d.Addr.IsValid() {
				r.Addr, r.AddrTo = d.Addr, d.AddrTo
			} else {
				r.Port, r.PortTo = uint16(d.Num), uint16(max(d.Num, d.NumTo))
			}
		}
		w.res = Result{Verdict: Accept, HasNAT: true, NAT: r}
		return end
	}
}

// setElement changes a set: iptables' SET goes on whatever happens.
func (k *compiler) setElement(s nf.SetElement) step {
	put := func(w *scratch, id int32, key []value, timeout time.Duration) {
		d := dynamic{deleted: s.Op == "delete"}
		if s.Timeout != 0 {
			timeout = s.Timeout
		}
		if timeout != 0 {
			d.expires = w.c.Now + timeout
		}
		t, ok := w.c.State.element(id, key, w.c.Now)
		if s.Op == "add" && ok && t == Yes && !s.Exist {
			return // adding again does not refresh
		}
		w.c.State.setElement(id, key, d)
	}
	if len(s.Dirs) > 0 {
		return k.setIPSetElement(s, put)
	}
	set := k.sets[s.Set]
	if set == nil {
		k.problem("no set %q", s.Set)
		return unknownStep
	}
	set.dynamicID(k.e)
	keys := k.keys(s.Key, set.types)
	return func(w *scratch) outcome {
		if t := w.load(keys); t != Yes {
			return t.outcome()
		}
		put(w, set.id, w.key[:len(keys)], set.timeout)
		return goOn
	}
}

func (k *compiler) setIPSetElement(s nf.SetElement, put func(*scratch, int32, []value, time.Duration)) step {
	id, ok := k.e.ipsetIDs[s.Set]
	if !ok {
		k.problem("no ipset %q", s.Set)
		return unknownStep
	}
	set := k.e.ipsets[id]
	set.id = ^id
	return func(w *scratch) outcome {
		if set.opaque != "" || set.isList {
			return unknown
		}
		if len(s.Dirs) < len(set.dims) || set.family != 0 && set.family != w.family {
			return goOn
		}
		var key [3]value
		switch set.key(w, s.Dirs, &key) {
		case Yes:
			put(w, set.id, key[:len(set.dims)], set.timeout)
		case Unknown3:
			return unknown
		}
		return goOn
	}
}
