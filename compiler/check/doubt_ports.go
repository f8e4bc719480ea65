package check

import (
	"tortie/compiler/yamlpos"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// portRange is ports of a rule's end: numbers, or a name that may be any.
type portRange struct {
	low, high uint16
	name      string
}

// portRanges reads the ports or notPorts of a rule's end; what cannot be read is
// left out.
func portRanges(end *yamlpos.Node, field string) []portRange {
	var out []portRange
	if end == nil {
		return nil
	}
	for _, n := range items(end.Get(field)) {
		if p, err := numorstring.PortFromString(n.Text); err == nil {
			out = append(out, portRange{p.MinPort, p.MaxPort, p.PortName})
		}
	}
	return out
}

// meets says whether two ranges can have a port in common.
func (p portRange) meets(q portRange) bool {
	return p.name != "" || q.name != "" || p.low <= q.high && q.low <= p.high
}
