package difftest

import (
	"fmt"
	"slices"

	"tortie/dataplane/kernel"
)

// compareConns compares node1's connection table after a probe with the recorded
// one. Ports and identifiers that were drawn at random are not compared, nor are
// timeouts, because the recordings read the table some time later; recorded
// connections of others than the probe are left out.
func (w *world) compareConns(p Probe, t *Tally) []string {
	var diffs []string
	have := w.conns()
	for _, line := range p.Conntrack {
		want, err := kernel.ParseConn(line)
		if err != nil {
			return append(diffs, err.Error())
		}
		if want.Timeout = 0; !p.began(&want) {
			continue
		}
		t.Conns++
		i := slices.IndexFunc(have, func(c freeConn) bool { return c.is(want) })
		if i < 0 {
			diffs = append(diffs, fmt.Sprintf("recorded %s, the walk has %+v", line, have))
			continue
		}
		have = slices.Delete(have, i, i+1)
	}
	for _, c := range have {
		diffs = append(diffs, fmt.Sprintf("connection %+v was not recorded", c.Conn))
	}
	return diffs
}

// began reports whether a connection is the probe's. The identifiers of pings were
// not recorded with the probes.
func (p Probe) began(c *kernel.Conn) bool {
	if c.Proto.IsICMP() {
		c.Orig.SrcPort, c.Reply.SrcPort = 0, 0
	}
	return c.Orig.Src.String() == p.Src && c.Orig.Dst.String() == p.Dst && c.Orig.SrcPort == p.SrcPort && c.Orig.DstPort == p.DstPort
}

// freeConn is a connection of the walk; free says that the kernel draws a port of
// its reply tuple.
type freeConn struct {
	kernel.Conn
	free bool
}

// is reports whether both are the same. Two recorded peers ended by a reset where
// all others with the same rules ended in order: their close raced.
func (c freeConn) is(k kernel.Conn) bool {
	if c.State == "TIME_WAIT" && k.State == "CLOSE" {
		k.State = c.State
	}
	if c.free {
		k.Reply.DstPort, k.Reply.SrcPort = c.Reply.DstPort, c.Reply.SrcPort
	}
	return c.Conn == k
}

func (w *world) conns() []freeConn {
	var out []freeConn
	for _, c := range w.node.w.Conntrack(w.node.name).List(w.node.w.Now()) {
		if k, err := kernel.ParseConn(c.Line(w.node.w.Now())); err == nil {
			k.Timeout = 0
			if k.Proto.IsICMP() {
				k.Orig.SrcPort, k.Reply.SrcPort = 0, 0
			}
			out = append(out, freeConn{k, c.FreePort})
		}
	}
	return out
}
