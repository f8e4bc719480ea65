package lower

import "tortie/compiler/intent"

// spot is where a document's policies stand among those of its tier: a hundred
// orders for each document that is enforced, as they come. A staged one stands
// between them, so that no order of what is enforced depends on it.
type spot struct{ base, scale float64 }

// order is where a policy stands that has an order within its document.
func (s spot) order(within float64) float64 { return s.base + s.scale*within }

// The room between the last policy of a document and the first of the next.
const (
	orderGap  = 75
	orderStep = 25 // what a document needs
	mostDocs  = orderClose/orderDoc - 100
)

// spots gives each document its place; docs are in the order in which they count.
func spots(docs []*intent.Document) map[*intent.Document]spot {
	tiers := map[string][]*intent.Document{}
	for _, d := range docs {
		tiers[d.Tier.Name] = append(tiers[d.Tier.Name], d)
	}
	out := map[*intent.Document]spot{}
	for _, list := range tiers {
		scale := min(1, float64(mostDocs)/float64(len(list)))
		place := func(d *intent.Document, base, s float64) { out[d] = spot{scale * base, scale * s} }
		var waiting []*intent.Document
		next := 0.0
		for _, d := range list {
			if d.Stage {
				waiting = append(waiting, d)
				continue
			}
			s := min(1, float64(orderGap)/orderStep/float64(len(waiting)))
			for i, w := range waiting {
				place(w, next-orderGap+orderStep*s*float64(i), s)
			}
			waiting = nil
			place(d, next, 1)
			next += orderDoc
		}
		for _, w := range waiting {
			place(w, next, 1)
			next += orderDoc
		}
	}
	return out
}
