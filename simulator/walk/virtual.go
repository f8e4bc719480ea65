package walk

import (
	"net/netip"
	"strings"

	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// virtual finds the fleet's virtual addresses: single ones by a map, because a
// cluster has thousands of services.
type virtual struct {
	single map[netip.Addr]*host.Virtual
	ranges []*host.Virtual
}

func newVirtual(f *host.Fleet) virtual {
	v := virtual{single: map[netip.Addr]*host.Virtual{}}
	for i := range f.Virtual {
		one := &f.Virtual[i]
		if !one.Prefix.IsSingleIP() {
			v.ranges = append(v.ranges, one)
		} else if v.single[one.Prefix.Addr()] == nil {
			v.single[one.Prefix.Addr()] = one
		}
	}
	return v
}

// virtualAt returns what an address is; nil is not virtual. Of a range only those
// addresses are that nobody has.
func (w *Walker) virtualAt(a netip.Addr) *host.Virtual {
	if one := w.virtual.single[a]; one != nil {
		return one
	}
	for _, one := range w.virtual.ranges {
		if one.Prefix.Contains(a) && w.isOutside(a) {
			return one
		}
	}
	return nil
}

// IsVirtual reports whether an address is there for rules to translate or nobody's: no
// host or endpoint of the fleet has it.
func (w *Walker) IsVirtual(a netip.Addr) bool { return w.virtualAt(a) != nil }

// isOutside reports whether nobody in the fleet has an address.
func (w *Walker) isOutside(a netip.Addr) bool { return w.ends[a] == nil && w.ownerOf(a) == "" }

// aboutVirtual says what the destination of a refused connection is, where the
// rule that refused it does not: it may be one for all services.
func (d *dialog) aboutVirtual() {
	v, r := d.w.virtualAt(d.first.Dst), &d.out.Reason
	if v != nil && !d.alive() && r.Origin == 0 && !strings.Contains(r.Text, v.Name) {
		d.out.Notes = append(d.out.Notes, d.first.Dst.String()+" is "+v.Name)
	}
}

// untranslated judges a packet that left the fleet for a virtual address.
func untranslated(j *Journey, o *Outcome, v *host.Virtual) {
	what := "no rule translates " + trace.End(&o.Packet, false) + ", " + v.Name
	if v.Translated || v.Untranslated {
		what = o.Packet.Dst.String() + " is " + v.Name
	}
	j.Verdict, j.Why = trace.Deny, what+": it leaves by "+string(o.Out)
	if v.Outside {
		j.Verdict, j.Why = trace.Unknown, j.Why+", and whoever has that address out there decides"
		return
	}
	j.Why += ", where nobody has that address, and nobody answers"
}
