package felix

import (
	"slices"

	"tortie/dataplane/nf"
)

// joinPorts moves the test of a destination port to the one of a source port
// when nft loads both at once (payload_try_merge in src/rule.c of nft 1.0.6):
// each is one number, and both are tested for equality or both for inequality.
// Of several, it is the last source port and the first destination port.
func (r *renderer) joinPorts(in *rule) []cond {
	src, dst := -1, -1
	for i, c := range in.match {
		p, ok := c.(portIn)
		if !ok || len(p.ports) != 1 || p.ports[0].From != p.ports[0].To {
			continue
		}
		if p.dir == nf.Src {
			src = i
		} else if dst < 0 {
			dst = i
		}
	}
	if src < 0 || dst < 0 || in.match[src].(portIn).not != in.match[dst].(portIn).not {
		return in.match
	}
	if in.match[src].(portIn).not {
		r.problem(in.origin, "a source and a destination port are both excluded: nft 1.0.6 joins the two, and only packets with both ports are excluded")
	}
	out := slices.Delete(slices.Clone(in.match), dst, dst+1)
	if dst < src {
		src--
	}
	return slices.Insert(out, src+1, in.match[dst])
}
