package eval

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// compile turns a statement into a step; every kind of nf.Kinds has a case.
func (k *compiler) compile(s nf.Stmt) step {
	switch s := s.(type) {
	case nf.MatchProto:
		return when(matchProto(s))
	case nf.MatchAddr:
		return when(matchAddr(s))
	case nf.MatchIface:
		return when(matchIface(s))
	case nf.MatchFragment:
		return when(func(w *scratch) Truth { return truth(w.p.FragOffset != 0).invert(s.Invert) })
	case nf.MatchL4:
		if k.table.Backend == nf.IptablesNFT && (s.Proto == packet.ProtoTCP || s.Proto == packet.ProtoUDP) {
			return loadedL4(s)
		}
		return matchL4(s)
	case nf.MatchMultiport:
		return matchMultiport(s)
	case nf.MatchICMP:
		return matchICMP(s)
	case nf.MatchMark:
		return when(func(w *scratch) Truth { return truth(w.p.Mark&s.Mask == s.Value).invert(s.Invert) })
	case nf.MatchConnmark:
		k.tracked()
		return when(matchConnmark(s))
	case nf.MatchConntrack:
		k.tracked()
		return when(matchConntrack(s))
	case nf.MatchSet:
		return when(k.matchSet(s))
	case nf.MatchAddrType:
		return when(matchAddrType(s))
	case nf.MatchRPFilter:
		return when(matchRPFilter(s))
	case nf.MatchStatistic:
		return when(k.matchStatistic(s))
	case nf.MatchLimit:
		return when(k.matchLimit(s))
	case nf.MatchHashLimit:
		return k.matchHashLimit(s)
	case nf.MatchConnLimit:
		k.tracked()
		return when(matchConnLimit(s))
	case nf.MatchRecent:
		return k.matchRecent(s)
	case nf.MatchNFAcct:
		return when(func(*scratch) Truth { return Yes })
	case nf.MatchIPRange:
		return when(matchIPRange(s))
	case nf.MatchPktType:
		return when(matchPktType(s))
	case nf.MatchTTL:
		return when(matchTTL(s))
	case nf.MatchDSCP:
		return when(matchDSCP(s))
	case nf.MatchLength:
		return when(matchLength(s))
	case nf.MatchPhysdev:
		return when(matchPhysdev(s))
	case nf.MatchIPVS:
		return when(matchIPVS(s))
	case nf.OpaqueMatch:
		return unknownStep
	case nf.MatchCompare:
		return when(k.matchCompare(s))
	case nf.MatchLookup:
		return when(k.matchLookup(s))
	}
	return k.compileTarget(s)
}

func (k *compiler) compileTarget(s nf.Stmt) step {
	switch s := s.(type) {
	case nf.Accept:
		return verdictStep(Result{Verdict: Accept})
	case nf.Drop:
		return verdictStep(Result{Verdict: Drop})
	case nf.Return:
		return func(*scratch) outcome { return ret }
	case nf.Continue, nf.Log, nf.NFLog, nf.Counter, nf.Inert:
		return func(*scratch) outcome { return goOn }
	case nf.Jump:
		return k.jump(s.Chain, jump)
	case nf.Goto:
		return k.jump(s.Chain, jumpOver)
	case nf.VMap:
		return k.vmap(s)
	case nf.Reject:
		with := s.With
		if with == 0 {
			with = nf.RejectDefault
		}
		return verdictStep(Result{Verdict: Reject, Reject: with})
	case nf.SetMark:
		return setMark(s)
	case nf.SetCtMark:
		k.tracked()
		return k.setCtMark(s)
	case nf.NoTrack: // neither xt_CT's notrack nor nft's asks for tracking
		return noTrack(k.table.Backend.Iptables())
	case nf.NAT:
		f := natFamily(s)
		k.trackedFor(f)
		return onlyFor(f, k.nat(s))
	case nf.SetDSCP:
		return setDSCP(s)
	case nf.SetElement:
		return k.setElement(s)
	}
	return unknownStep // OpaqueTarget, and nil
}

// when makes a step of a match.
func when(m func(w *scratch) Truth) step {
	return func(w *scratch) outcome { return m(w).outcome() }
}

func (t Truth) outcome() outcome {
	switch t {
	case Yes:
		return goOn
	case No:
		return miss
	}
	return unknown
}

func unknownStep(*scratch) outcome { return unknown }

func verdictStep(r Result) step {
	return func(w *scratch) outcome {
		w.res = r
		return end
	}
}

// hotdrop is a match that drops the packet without having matched, so that its
// rule does not count it (xt_action_param.hotdrop).
func (w *scratch) hotdrop() outcome {
	w.res = Result{Verdict: Drop}
	return hotDrop
}

func portIn(r *nf.PortRange, p uint16, inv bool) bool {
	return r == nil || (p >= r.From && p <= r.To) != inv
}
