package eval

import "tortie/dataplane/nf"

// missesLater says which match behind an unknown one the packet surely does not
// meet, so that the rule does not match whatever the unknown one says; 0 is none.
// It looks past matches only that do nothing but compare.
func (w *scratch) missesLater(r *rule, unknown int) int {
	_, _, rule := w.e.Place(w.ref)
	if !compares(rule.Body[unknown]) {
		return 0
	}
	for i := unknown + 1; i < len(r.steps) && compares(rule.Body[i]); i++ {
		switch r.steps[i](w) {
		case miss:
			return i
		case hotDrop:
			return 0
		}
	}
	return 0
}

// compares reports whether a statement is a match that counts nothing, remembers
// nothing, draws nothing by lot and drops nothing.
func compares(s nf.Stmt) bool {
	switch s := s.(type) {
	case nf.MatchProto, nf.MatchAddr, nf.MatchIface, nf.MatchFragment, nf.MatchL4, nf.MatchMultiport, nf.MatchICMP,
		nf.MatchMark, nf.MatchConnmark, nf.MatchConntrack, nf.MatchSet, nf.MatchAddrType, nf.MatchRPFilter,
		nf.MatchIPRange, nf.MatchPktType, nf.MatchTTL, nf.MatchDSCP, nf.MatchLength, nf.MatchPhysdev, nf.OpaqueMatch:
		return true
	case nf.MatchCompare:
		return !byLot(s.Key)
	case nf.MatchLookup:
		return !byLot(s.Key)
	}
	return false
}

func byLot(keys []nf.Key) bool {
	for _, k := range keys {
		if k.Field == nf.KeyNumgenRandom || k.Field == nf.KeyNumgenInc {
			return true
		}
	}
	return false
}
