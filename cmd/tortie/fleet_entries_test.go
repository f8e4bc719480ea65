package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/perform"
)

// compareEntries compares every node's connection table.
func (r *fleetRun) compareEntries(opened []fleetOpened) error {
	names := drawnNames{}
	kern := map[host.Name][]kernel.Conn{}
	for i := range r.fleet.Hosts {
		name := r.fleet.Hosts[i].Name
		for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
			list, err := kernel.Connections(r.lab.Node(name), f)
			if err != nil {
				return err
			}
			kern[name] = append(kern[name], list...)
		}
	}
	for range r.fleet.Hosts { // a node sees the port that the one before drew
		for name := range kern {
			names.learn(r.walk.Conntrack(name).List(r.walk.Now()), kern[name])
		}
	}
	for name, list := range kern {
		var want, got []string
		for _, c := range r.walk.Conntrack(name).List(r.walk.Now()) {
			want = append(want, names.entry(c))
		}
		for i := range list {
			got = append(got, perform.EntryText(&list[i]))
		}
		slices.Sort(want)
		slices.Sort(got)
		r.sum.entries += len(got)
		if d := missing(want, got); d != "" {
			r.differ("only in the walk's table of %s: %s", name, d)
		}
		if d := missing(got, want); d != "" {
			r.differ("only in the kernel's table of %s: %s", name, d)
		}
	}
	return nil
}

// missing lists what of a is not in b, at most five.
func missing(a, b []string) string {
	var out []string
	for _, e := range a {
		if !slices.Contains(b, e) {
			out = append(out, e)
		}
	}
	if n := len(out); n > 5 {
		out = append(out[:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(out, "; ")
}

// drawnNames maps what the walk supposed of drawn ports to what the kernel drew:
// tuples as the next host sees them.
type drawnNames map[kernel.Tuple]kernel.Tuple

func tupleOf(t *conntrack.Tuple) kernel.Tuple {
	if t.Proto.IsICMP() {
		return kernel.Tuple{Src: t.Src, Dst: t.Dst, SrcPort: t.SrcPort}
	}
	return kernel.Tuple{Src: t.Src, Dst: t.Dst, SrcPort: t.SrcPort, DstPort: t.DstPort}
}

// learn finds the kernel's connections with a drawn port.
func (d drawnNames) learn(walked []*conntrack.Conn, kern []kernel.Conn) {
	for _, w := range walked {
		orig := d.name(tupleOf(&w.Tuples[conntrack.Original]))
		reply := tupleOf(&w.Tuples[conntrack.Reply])
		for i := range kern {
			k := &kern[i]
			have := kernel.Tuple{Src: k.Orig.Src, Dst: k.Orig.Dst, SrcPort: k.Orig.SrcPort, DstPort: k.Orig.DstPort}
			if !w.FreePort || k.Proto != w.Tuples[0].Proto || have != orig {
				continue
			}
			d[reversed(reply, k.Proto)] = reversed(kernel.Tuple{Src: k.Reply.Src, Dst: k.Reply.Dst, SrcPort: k.Reply.SrcPort, DstPort: k.Reply.DstPort}, k.Proto)
		}
	}
}

func reversed(t kernel.Tuple, p packet.Proto) kernel.Tuple {
	if p.IsICMP() { // the identifier stays
		return kernel.Tuple{Src: t.Dst, Dst: t.Src, SrcPort: t.SrcPort}
	}
	return kernel.Tuple{Src: t.Dst, Dst: t.Src, SrcPort: t.DstPort, DstPort: t.SrcPort}
}

func (d drawnNames) name(t kernel.Tuple) kernel.Tuple {
	if n, ok := d[t]; ok {
		return n
	}
	return t
}

// entry describes a connection of the walk with the kernel's drawn ports.
func (d drawnNames) entry(c *conntrack.Conn) string {
	k, err := kernel.ParseConn(c.Line(0))
	if err != nil {
		return err.Error()
	}
	proto := c.Tuples[0].Proto
	orig, reply := tupleOf(&c.Tuples[conntrack.Original]), tupleOf(&c.Tuples[conntrack.Reply])
	named := d.name(orig)
	back := d.name(reversed(reply, proto))
	if back == reversed(reply, proto) && reply.Dst == orig.Src && reply.DstPort == orig.SrcPort && !proto.IsICMP() {
		back.SrcPort = named.SrcPort
	} else if back == reversed(reply, proto) && proto.IsICMP() && reply.SrcPort == orig.SrcPort {
		back.SrcPort = named.SrcPort
	}
	back = reversed(back, proto)
	k.Orig.SrcPort, k.Orig.DstPort, k.Reply.SrcPort, k.Reply.DstPort = named.SrcPort, named.DstPort, back.SrcPort, back.DstPort
	return strings.TrimSpace(cmp.Or(perform.EntryText(&k)))
}
