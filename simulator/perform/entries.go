package perform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/scenario"
)

// entry is how a node remembers a connection, in words that can be compared.
type entry struct {
	// what is the protocol and its state; the tuples are as conntrack has them.
	what      string
	tuples    [2]tuple
	status    string
	drawn     bool // the kernel draws its translated port at random
	droppable bool // a kernel short of room may drop it
}

// tuple is one direction of a connection.
type tuple struct{ from, to string }

func (e *entry) String() string {
	text := []string{e.what}
	for _, t := range e.tuples {
		text = append(text, t.from+">"+t.to)
	}
	return strings.Join(text, " ") + e.status
}

// entriesOf are the connections that each node remembers, and how many of them a
// kernel short of room may drop.
func entriesOf(p *scenario.Player) (out map[host.Name][]entry, early map[host.Name]int) {
	out, early = map[host.Name][]entry{}, map[host.Name]int{}
	for i := range p.Fleet.Hosts {
		name := p.Fleet.Hosts[i].Name
		for _, c := range p.Walker.Conntrack(name).List(p.Walker.Now()) {
			e := entryOf(c)
			if e.droppable {
				early[name]++
			}
			out[name] = append(out[name], e)
		}
		sortEntries(out[name])
	}
	return out, early
}

func sortEntries(list []entry) {
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.String(), b.String()) })
}

// entryOf describes a connection of the simulator.
func entryOf(c *conntrack.Conn) entry {
	state, closing := "", false
	switch c.Tuples[0].Proto {
	case packet.ProtoTCP:
		state = c.TCP.State.String()
		closing = c.TCP.State >= conntrack.TCPFinWait && c.TCP.State <= conntrack.TCPClose
	case packet.ProtoSCTP:
		state = c.SCTP.State.String()
	}
	e := entry{what: fmt.Sprintf("%s %s", c.Tuples[0].Proto, state), drawn: c.FreePort,
		droppable: closing || c.Status&conntrack.Assured == 0,
		status:    statusText(c.Tuples[0].Proto, c.Status&conntrack.SeenReply == 0, c.Status&conntrack.Assured != 0, c.Mark)}
	for i, t := range c.Tuples {
		e.tuples[i] = tupleOf(t.Proto, i, kernel.Tuple{Src: t.Src, Dst: t.Dst, SrcPort: t.SrcPort, DstPort: t.DstPort})
	}
	return e
}

// kernelEntry describes a connection of the kernel in the same way.
func kernelEntry(c *kernel.Conn) entry {
	return entry{what: fmt.Sprintf("%s %s", c.Proto, c.State), status: statusText(c.Proto, c.Unreplied, c.Assured, c.Mark),
		tuples: [2]tuple{tupleOf(c.Proto, 0, c.Orig), tupleOf(c.Proto, 1, c.Reply)}}
}

// EntryText is a connection of the kernel as Perform writes and compares it.
func EntryText(c *kernel.Conn) string {
	e := kernelEntry(c)
	return e.String()
}

// tupleOf is one direction; the identifier of a ping belongs to the end that asks, as
// the port that a kernel may draw for it.
func tupleOf(proto packet.Proto, direction int, t kernel.Tuple) tuple {
	switch {
	case proto.IsICMP() && direction == 0:
		return tuple{fmt.Sprintf("%s id %d", t.Src, t.SrcPort), t.Dst.String()}
	case proto.IsICMP():
		return tuple{t.Src.String(), fmt.Sprintf("%s id %d", t.Dst, t.SrcPort)}
	}
	return tuple{fmt.Sprintf("%s:%d", t.Src, t.SrcPort), fmt.Sprintf("%s:%d", t.Dst, t.DstPort)}
}

// statusText is what is compared of a connection's status. Whether UDP is assured depends on
// the time that passed since its first packet, and steps take longer in the kernel.
func statusText(proto packet.Proto, unreplied, assured bool, mark uint32) string {
	text := ""
	if unreplied {
		text += " UNREPLIED"
	}
	if assured && proto != packet.ProtoUDP {
		text += " ASSURED"
	}
	if mark != 0 {
		text += fmt.Sprintf(" mark %#x", mark)
	}
	return text
}

// compareEntries compares every node's connection table. Of many connections,
// which ones found room is chance: then only their number counts.
func (p *performance) compareEntries(s *rehearsed) ([]string, error) {
	got, err := p.entries(s)
	if err != nil {
		return nil, err
	}
	var differences []string
	p.tables = 0
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		want, have := without(s.entries[name], p.strangers[name]), without(got[name], p.strangers[name])
		p.tables += len(want)
		if len(s.tries) > 1 && len(want) == len(have) {
			continue
		}
		lost, extra := missing(want, have), missing(have, want)
		if p.room > 0 {
			lost = p.dropped(s, name, lost, len(want)-len(have))
		}
		if len(lost) > 0 {
			differences = append(differences, fmt.Sprintf("only in the simulator's table of %s: %s", name, listed(lost)))
		}
		if len(extra) > 0 && (p.room == 0 || len(have) > len(want)) {
			differences = append(differences, fmt.Sprintf("only in the kernel's table of %s: %s", name, listed(extra)))
		}
	}
	return differences, nil
}

// dropped leaves out connections that a kernel short of room may have dropped: its
// garbage collector does when it finds the table over 95 % full (gc_worker in
// net/netfilter/nf_conntrack_core.c), at a time of its own.
func (p *performance) dropped(s *rehearsed, name host.Name, lost []entry, n int) []entry {
	if n > s.early[name] {
		return lost
	}
	return slices.DeleteFunc(lost, func(e entry) bool { return e.droppable || len(s.tries) > 1 })
}

// entries reads every node's connection table. Ports that the kernel drew are
// replaced by those that the simulator supposed.
func (p *performance) entries(s *rehearsed) (map[host.Name][]entry, error) {
	got := map[host.Name][]entry{}
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		list, err := p.lab.Connections(name)
		if err != nil {
			return nil, err
		}
		for i := range list {
			got[name] = append(got[name], kernelEntry(&list[i]))
		}
	}
	for range s.fleet.Hosts { // the next node sees the port that this one drew
		p.renameDrawn(s.entries, got)
	}
	for from, to := range p.drawn { // and remembers it after this one has forgotten it
		rename(got, from, to)
	}
	for _, list := range got {
		sortEntries(list)
	}
	return got, nil
}

// renameDrawn finds the kernel's entries of connections with a drawn port by
// their original tuples, and renames the port everywhere.
func (p *performance) renameDrawn(all, got map[host.Name][]entry) {
	for name, list := range all {
		for _, want := range list {
			if !want.drawn {
				continue
			}
			for _, have := range got[name] {
				if have.tuples[0] == want.tuples[0] && have.tuples[1] != want.tuples[1] {
					p.drawn[have.tuples[1].to] = want.tuples[1].to
					rename(got, have.tuples[1].to, want.tuples[1].to)
				}
			}
		}
	}
}

// rename replaces one end in all entries.
func rename(got map[host.Name][]entry, from, to string) {
	for _, list := range got {
		for i := range list {
			for j := range list[i].tuples {
				t := &list[i].tuples[j]
				if t.from == from {
					t.from = to
				}
				if t.to == from {
					t.to = to
				}
			}
		}
	}
}

// without are the entries of other connections than those in strangers.
func without(list, strangers []entry) []entry {
	return slices.DeleteFunc(slices.Clone(list), func(e entry) bool {
		return slices.ContainsFunc(strangers, func(o entry) bool { return o.tuples == e.tuples })
	})
}

// missing are the entries of a that are not in b.
func missing(a, b []entry) []entry {
	var out []entry
	for _, e := range a {
		if !slices.ContainsFunc(b, func(o entry) bool { return o.String() == e.String() }) {
			out = append(out, e)
		}
	}
	return out
}

// listed writes entries, at most five.
func listed(list []entry) string {
	var out []string
	for i := range list {
		if i == 5 {
			return strings.Join(out, "; ") + fmt.Sprintf("; and %d more", len(list)-5)
		}
		out = append(out, list[i].String())
	}
	return cmp.Or(strings.Join(out, "; "), "nothing")
}
