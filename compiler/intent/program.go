package intent

import (
	"slices"

	"tortie/compiler/diag"
)

// Program is all documents with every name resolved, in the order in which they
// count: by tier, by order within the tier, by name.
type Program struct {
	Docs       []*Document
	Tiers      []TierUse
	Statements []Statement
	Protects   []Protected
	Guards     []Guarded
	Raws       []RawRule
}

// Staged reports whether some documents are shown, not enforced.
func (p *Program) Staged() bool {
	return slices.ContainsFunc(p.Docs, func(d *Document) bool { return d.Stage })
}

// Enforced is the program without its staged documents, in the same tiers: what
// holds now, where the whole program is what would hold with them enforced.
func (p *Program) Enforced() *Program {
	if !p.Staged() {
		return p
	}
	out := *p
	out.Docs = slices.DeleteFunc(slices.Clone(p.Docs), func(d *Document) bool { return d.Stage })
	out.Statements = slices.DeleteFunc(slices.Clone(p.Statements), func(s Statement) bool { return s.Doc.Stage })
	out.Protects = slices.DeleteFunc(slices.Clone(p.Protects), func(s Protected) bool { return s.Doc.Stage })
	out.Guards = slices.DeleteFunc(slices.Clone(p.Guards), func(s Guarded) bool { return s.Doc.Stage })
	out.Raws = slices.DeleteFunc(slices.Clone(p.Raws), func(s RawRule) bool { return s.Doc.Stage })
	return &out
}

// TierUse is a tier that documents go to. Exists says that the cluster has it and
// that it is not made of intents.
type TierUse struct {
	Name   string
	Order  float64
	Exists bool
	Span   diag.Span
}

// ClusterTier is a tier that the cluster has. Ours says that it is made of
// intents, which may change it.
type ClusterTier struct {
	Order float64
	Ours  bool
}

// Statement is a rule with its names resolved. On is nil for every packet.
type Statement struct {
	Doc      *Document
	Rule     *Rule
	From, To []*Atom
	On       []PortTerm
}

// OpensHosts reports whether a statement lets connections in where they arrive, for
// hosts as for other ends: what nodePorts closes, it does not close for these.
func (s *Statement) OpensHosts() bool {
	return s.Rule.Section == Normal && !s.Rule.Deny && s.Rule.At != Out
}

// Via are the hosts at which a document's statements about forwarding hold.
func (p *Program) Via(d *Document) []*Atom {
	var out []*Atom
	for _, g := range p.Guards {
		if g.Doc == d && g.Guard.Section == Forward {
			out = append(out, g.Hosts...)
		}
	}
	return out
}

// Protected is a party that is closed but for what is allowed.
type Protected struct {
	Doc     *Document
	Protect *Protect
	Atoms   []*Atom
}

// Guarded is a guard with its names resolved.
type Guarded struct {
	Doc          *Document
	Guard        *Guard
	Hosts, Trust []*Atom
}

// RawRule is a raw rule with its party.
type RawRule struct {
	Doc   *Document
	Raw   *Raw
	Atoms []*Atom
}
