// Package lift turns policies of a cluster back into intents.
//
// In go a cluster's snapshot; out come Documents of the intent language, the
// policies that the language cannot say as a whole, and a report of both. What
// the documents are compiled to, beside the policies that were kept, allows the
// same connections in that cluster. A rule that no statement can say becomes a
// raw rule of its document. Policies for hosts, of the node's edge and of the
// fast path, and those of tiers that pass by default, are kept. The package knows
// how compiler/lower orders what a document becomes, and no more of it.
package lift

import (
	"fmt"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// Result is what a snapshot's policies become.
type Result struct {
	// Intents are in the order in which they count.
	Intents []*intent.Document
	// Kept are the objects of policies that stay as they are.
	Kept   []cluster.Source
	Report []Line
}

// Line says what became of a policy, or of one rule of it.
type Line struct {
	Span diag.Span
	// Policy names the policy: kind, and namespace and name.
	Policy string
	// Outcome is lifted, raw or kept.
	Outcome string
	// Direction and Rule (from 1) are set for a rule.
	Direction string
	Rule      int
	Why       string
}

// The outcomes of a policy or rule.
const (
	Lifted = "lifted"
	Raw    = "raw"
	Kept   = "kept"
)

// policy is one policy on its way.
type policy struct {
	src     cluster.Source
	value   *calico.Policy
	subject intent.Party
	kept    string // why it is not lifted
	members map[int]bool
	rules   [2]ruleList // in, out
}

// lifter holds what is known of the snapshot.
type lifter struct {
	snap     *cluster.Snapshot
	ends     []end
	sets     []end
	tiers    map[string]calico.Tier
	policies []*policy
	result   Result
}

// Lift lifts the policies of a snapshot.
func Lift(s *cluster.Snapshot) *Result {
	model, _ := s.Model()
	l := &lifter{snap: s, tiers: map[string]calico.Tier{}}
	for _, t := range model.Tiers {
		l.tiers[t.Value.Name] = t.Value
	}
	l.world(model)
	for i := range model.Policies {
		p := &policy{src: model.Policies[i].Source, value: &model.Policies[i].Value}
		p.members = l.members(p.value.Selector)
		p.kept = l.subjectOf(p)
		if p.kept == "" {
			l.readRules(p)
		}
		l.policies = append(l.policies, p)
	}
	l.keepNeighbours()
	l.documents()
	l.report()
	l.notModelled(model)
	return &l.result
}

// keepNeighbours keeps what shares ends, direction and tier with a kept policy:
// the orders of compiled policies are not those of kept ones.
func (l *lifter) keepNeighbours() {
	for changed := true; changed; {
		changed = false
		for _, p := range l.policies {
			if p.kept != "" {
				continue
			}
			for _, k := range l.policies {
				if k.kept != "" && l.meet(p, k) {
					p.kept, changed = "it is asked in one order with "+k.name()+", which is kept", true
					break
				}
			}
		}
	}
}

// meet reports whether two policies may decide about the same end in one tier.
// What is past connection tracking or before translation is no matter of pods.
func (l *lifter) meet(a, b *policy) bool {
	if b.value.DoNotTrack || b.value.PreDNAT {
		return false
	}
	if a.value.Tier != b.value.Tier || a.value.Staged != b.value.Staged ||
		!(a.types(0) && b.types(0)) && !(a.types(1) && b.types(1)) {
		return false
	}
	if len(l.ends) == 0 {
		x, y := a.value.ID.Namespace, b.value.ID.Namespace
		return x == "" || y == "" || x == y
	}
	for i := range a.members {
		if b.members[i] {
			return true
		}
	}
	return false
}

// types reports whether a policy governs a direction: 0 is in, 1 is out.
func (p *policy) types(dir int) bool {
	return len(p.value.Types) == 0 || slices.Contains(p.value.Types, directionNames[dir])
}

var directionNames = [2]string{"ingress", "egress"}

func (p *policy) name() string {
	id := p.value.ID
	if id.Namespace != "" {
		return id.Kind + " " + id.Namespace + "/" + id.Name
	}
	return id.Kind + " " + id.Name
}

// report says what became of each policy, in the order of the model.
func (l *lifter) report() {
	for _, p := range l.policies {
		line := Line{Span: p.src.At("kind"), Policy: p.name(), Outcome: Lifted}
		if p.kept != "" {
			line.Outcome, line.Why = Kept, p.kept
			l.result.Kept = append(l.result.Kept, p.src)
		}
		l.result.Report = append(l.result.Report, line)
		if p.kept != "" {
			continue
		}
		for dir, list := range p.rules {
			for _, r := range list.raw {
				l.result.Report = append(l.result.Report, Line{Span: p.src.Rule(directionNames[dir], r.index), Policy: p.name(),
					Outcome: Raw, Direction: directionNames[dir], Rule: r.index + 1, Why: r.why})
			}
		}
	}
}

// notModelled keeps the policies of which Felix is told nothing: those staged for
// deletion, those it refuses, and kinds that it does not enforce.
func (l *lifter) notModelled(m *cluster.Model) {
	known := map[string]bool{}
	for i := range m.Policies {
		known[fmt.Sprint(m.Policies[i].Source.At("kind"))] = true
	}
	for _, src := range policySources(l.snap) {
		if !known[fmt.Sprint(src.At("kind"))] {
			l.result.Kept = append(l.result.Kept, src)
			l.result.Report = append(l.result.Report, Line{Span: src.At("kind"), Policy: nameOf(src), Outcome: Kept, Why: "nothing of it is enforced or staged to be"})
		}
	}
}

// nameOf names the object that a source has.
func nameOf(src cluster.Source) string {
	meta := src.Node.Get("metadata")
	if ns := meta.Str("namespace"); ns != "" {
		return src.Kind + " " + ns + "/" + meta.Str("name")
	}
	return src.Kind + " " + meta.Str("name")
}
