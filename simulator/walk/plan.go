package walk

import (
	"cmp"
	"slices"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// stepKind is what a function at a hook does.
type stepKind uint8

const (
	stepChain   stepKind = iota + 1 // a base chain of type filter or route
	stepTrack                       // conntrack in, −200
	stepNAT                         // the one core hook of all nat chains, ±100
	stepConfirm                     // confirm, last
	stepIPVSIn                      // packets for a virtual server
	stepIPVSOut                     // answers of real servers
	stepDefrag                      // fragments are put together, −400
)

// step is one function registered at a hook.
type step struct {
	kind     stepKind
	priority int32
	seq      int // order of registration
	chain    eval.BaseID
	reroute  bool          // a chain that reroutes in OUTPUT
	nat      []eval.BaseID // stepNAT: the nat chains in their own order
}

// plan is the list of functions of every hook for one family, in the order in
// which the kernel calls them.
type plan struct {
	hooks  [nf.PostRouting + 1][]step
	tracks bool
	// missing says why the rules are not known; empty if they are.
	missing string
}

var hooks = []nf.Hook{nf.PreRouting, nf.LocalIn, nf.Forward, nf.LocalOut, nf.PostRouting}

// newPlan merges the rule set's base chains with what the kernel registers for
// connection tracking and NAT: by priority, and at equal priority the newest
// registration first (nf_hook_entries_grow).
//
// A nat chain alone does not make the kernel track connections: only a rule that
// translates does (nf_ct_netns_get in xt_nat.c and nft_nat.c).
func newPlan(e *eval.Engine, rs *nf.Ruleset, fam packet.Family, ipvs bool) plan {
	p := plan{tracks: e.NeedsConntrack(fam)}
	order := map[*nf.Table]int{}
	for i := range rs.Tables {
		order[&rs.Tables[i]] = i + 1
	}
	natSeq := firstNAT(e, fam, order)
	for _, h := range hooks {
		for i, b := range e.Hook(fam, h) {
			// Chains of one table keep the order that the engine gave them.
			p.hooks[h] = append(p.hooks[h], step{kind: stepChain, priority: b.Chain.Base.Priority,
				seq: order[b.Table]<<16 - i, chain: b.ID, reroute: b.Chain.Base.Type == nf.TypeRoute && h == nf.LocalOut})
		}
		p.addCore(e, fam, h, natSeq)
		if ipvs {
			p.addIPVS(h)
		}
		slices.SortStableFunc(p.hooks[h], func(a, b step) int {
			return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(b.seq, a.seq))
		})
	}
	return p
}

// firstNAT is when the first nat chain was registered: with it the core hook of
// all four nat hooks came. 0 is never.
func firstNAT(e *eval.Engine, fam packet.Family, order map[*nf.Table]int) int {
	first := 0
	for _, h := range hooks {
		for _, b := range e.NAT(fam, h) {
			if n := order[b.Table] << 16; first == 0 || n < first {
				first = n
			}
		}
	}
	return first
}

func (p *plan) addCore(e *eval.Engine, fam packet.Family, h nf.Hook, natSeq int) {
	if !p.tracks {
		return
	}
	in := h == nf.PreRouting || h == nf.LocalOut
	if in {
		p.hooks[h] = append(p.hooks[h], step{kind: stepDefrag, priority: nf.PriConntrackDefrag})
		p.hooks[h] = append(p.hooks[h], step{kind: stepTrack, priority: nf.PriConntrack})
	} else if h != nf.Forward {
		p.hooks[h] = append(p.hooks[h], step{kind: stepConfirm, priority: nf.PriConfirm})
	}
	if natSeq == 0 || h == nf.Forward {
		return
	}
	s := step{kind: stepNAT, priority: nf.PriNATSrc, seq: natSeq}
	if in {
		s.priority = nf.PriNATDst
	}
	for _, b := range e.NAT(fam, h) {
		s.nat = append(s.nat, b.ID)
	}
	p.hooks[h] = append(p.hooks[h], s)
}

// addIPVS adds what IPVS registers with the first virtual server, after all
// tables.
func (p *plan) addIPVS(h nf.Hook) {
	add := func(kind stepKind, priority int32) {
		p.hooks[h] = append(p.hooks[h], step{kind: kind, priority: priority, seq: 1 << 30})
	}
	switch h {
	case nf.LocalIn:
		add(stepIPVSOut, priIPVSInOut)
		add(stepIPVSIn, priIPVSIn)
	case nf.LocalOut:
		add(stepIPVSOut, priIPVSOwnOut)
		add(stepIPVSIn, priIPVSOwnIn)
	case nf.Forward:
		add(stepIPVSOut, priIPVSForward)
	}
}
