package lower

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// Places finds the intent behind places in the text that WriteYAML wrote.
type Places struct {
	out  *Output
	docs []*yamlpos.Node
}

// Places reads that text again.
func (o *Output) Places(file string, text []byte) *Places {
	docs, _ := yamlpos.Parse(file, text)
	return &Places{out: o, docs: docs}
}

// Intent is the place of the intent from which the text at a place was made: the
// very place in a rule that was carried through, else the statement or the party.
func (p *Places) Intent(at diag.Span) diag.Span {
	i := -1
	for k, d := range p.docs {
		if d.Span.Start.Byte <= at.Start.Byte {
			i = k
		}
	}
	if i < 0 {
		return at
	}
	return p.object(i, at)
}

// InRaw says that a place in an intent is in a rule that was carried through.
func (o *Output) InRaw(at diag.Span) bool {
	for i := range o.Policies {
		y := &o.Policies[i]
		if slices.ContainsFunc(slices.Concat(y.Ingress, y.Egress), func(r Rule) bool { return r.Raw != nil && r.Raw.Span.File == at.File && within(at, r.Raw.Span) }) {
			return true
		}
	}
	return false
}

// object finds a place in the object of a document; they are in the order of Files.
func (p *Places) object(i int, at diag.Span) diag.Span {
	o, doc := p.out, p.docs[i]
	if i < len(o.Tiers) {
		return o.Tiers[i].Span
	}
	if i -= len(o.Tiers); i < len(o.Sets) {
		return o.Sets[i].Span
	}
	if i -= len(o.Sets); i < len(o.HostEndpoints) {
		return o.HostEndpoints[i].Span
	}
	if i -= len(o.HostEndpoints); i >= len(o.Policies) {
		return at
	}
	y := &o.Policies[i]
	for direction, rules := range map[string][]Rule{"ingress": y.Ingress, "egress": y.Egress} {
		list := doc.Lookup("spec", direction)
		for k, r := range rules {
			n := list.Item(k)
			if n == nil || !within(at, n.Span) {
				continue
			}
			if r.Raw != nil {
				return twin(n, r.Raw, at)
			}
			return r.Span
		}
	}
	return y.atom.Party.Span
}

func within(at, whole diag.Span) bool {
	return whole.Start.Byte <= at.Start.Byte && at.Start.Byte < whole.End.Byte
}

// twin finds the place of a copy in what it was copied from.
func twin(copied, from *yamlpos.Node, at diag.Span) diag.Span {
	for _, f := range copied.Fields {
		own := from.Field(f.Key)
		switch {
		case own == nil: // the annotations are not the user's
		case within(at, f.KeySpan):
			return own.KeySpan
		case f.Value != nil && within(at, f.Value.Span):
			return twin(f.Value, own.Value, at)
		}
	}
	for i, item := range copied.Items {
		if own := from.Item(i); own != nil && within(at, item.Span) {
			return twin(item, own, at)
		}
	}
	if copied.Kind == yamlpos.String && from.Kind == yamlpos.String && at != copied.Span {
		first := at.Start.Byte - copied.TextSpan(0, 0).Start.Byte
		return from.TextSpan(first, first+at.End.Byte-at.Start.Byte)
	}
	return from.Span
}
