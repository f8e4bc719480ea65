package chance

import (
	"slices"

	"tortie/simulator/trace"
)

// Backend returns where a destination NAT sent the first packet of a connection,
// as "address:port"; empty without one.
func Backend(c *trace.Connection) string {
	if len(c.Packets) == 0 {
		return ""
	}
	if i := translated(&c.Packets[0]); i >= 0 {
		return c.Packets[0].Steps[i].To
	}
	return ""
}

// translated is the step in which a packet got another destination; -1 without one.
func translated(p *trace.Packet) int {
	return slices.IndexFunc(p.Steps, func(s trace.Step) bool { return s.Kind == trace.KindNAT && s.To != "" && s.To != p.To })
}

// Notes are those of a connection's notes that say how its backend was chosen: of the
// rules on the way to the one that translated the first packet, in its table.
func Notes(c *trace.Connection) []string {
	if len(c.Packets) == 0 {
		return nil
	}
	steps := c.Packets[0].Steps
	end := translated(&c.Packets[0])
	if end < 1 {
		return nil
	}
	begin := end - 1
	for begin > 0 && steps[begin-1].Table == steps[end-1].Table {
		begin--
	}
	return trace.TakenNotes(steps[begin:end])
}
