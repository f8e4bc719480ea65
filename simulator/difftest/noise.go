package difftest

import (
	"net/netip"
	"strings"

	"tortie/dataplane/packet"
)

// noise are the rules that the node's own daemons hit: Felix and its datastore
// were still connected during some recordings, and their packets count in the
// same counters. They talk over the loopback link, or with a machine of the
// segment on a known port.
func (w *world) noise(r *Recording) map[Place]bool {
	out := map[Place]bool{}
	w.neighbourNoise(r, out)
	if strings.HasPrefix(r.Scenario, "rnd-") {
		return out // the daemons were gone
	}
	for _, p := range []Probe{
		{From: nodeName, Src: "127.0.0.1", Dst: "127.0.0.1", Proto: "tcp", SrcPort: 50000, DstPort: 2379},
		{From: nodeName, Src: "127.0.0.1", Dst: "127.0.0.1", Proto: "tcp", SrcPort: 50000, DstPort: 9099},
		{From: nodeName, Src: "172.31.0.1", Dst: "172.31.0.1", Proto: "tcp", SrcPort: 50000, DstPort: 2379},
	} {
		w.reset()
		if _, err := w.run(p); err != nil {
			continue
		}
		w.addHits(out)
	}
	w.midstream(out)
	w.datastore(out)
	return out
}

// midstream sends segments of connections that began before the connection
// table was flushed.
func (w *world) midstream(out map[Place]bool) {
	for _, ports := range [][2]uint16{{50000, 2379}, {2379, 50000}, {50000, 9099}, {9099, 50000}} {
		p := packet.Packet{Src: loopback, Dst: loopback, Proto: packet.ProtoTCP, TTL: 64, SrcPort: ports[0], DstPort: ports[1], PayloadLen: 40}
		p.TCP = packet.TCP{Seq: 7000, Ack: 9000, Flags: packet.PSH | packet.ACK, Window: 500}
		w.reset()
		w.node.send(p)
		back := answer(&p)
		back.TCP = packet.TCP{Seq: 9000, Ack: 7040, Flags: packet.ACK, Window: 500}
		w.node.send(back)
		w.addHits(out)
	}
}

// datastore sends what the API server of the Kubernetes recordings sends: watch
// events on a connection that began before the connection table was flushed.
func (w *world) datastore(out map[Place]bool) {
	server := netip.AddrFrom4([4]byte{172, 31, 0, 10})
	p := packet.Packet{Src: server, Dst: netip.AddrFrom4([4]byte{172, 31, 0, 1}), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 6443, DstPort: 50000, PayloadLen: 40}
	p.TCP = packet.TCP{Seq: 7000, Ack: 9000, Flags: packet.PSH | packet.ACK, Window: 500}
	w.reset()
	w.node.receive(segment, p)
	back := answer(&p)
	back.TCP = packet.TCP{Seq: 9000, Ack: 7040, Flags: packet.ACK, Window: 500}
	w.node.send(back)
	w.addHits(out)
}

// late are the rules that belated packets hit. When a probe has ended with a
// half-open connection, the kernel repeats what was not acknowledged while the
// next probes run; and packets that waited for an IPv6 neighbour leave when it
// answers. Call it after a probe; it forgets all connections.
func (w *world) late(out map[Place]bool) {
	var belated []func()
	for _, f := range w.waiting {
		belated = append(belated, func() { w.queue = append(w.queue, f) })
		belated = append(belated, func() {
			if f.stack == "" {
				w.arrive(f)
			}
			w.send(nodeName, addressUnreachable(f.p))
		})
	}
	for name, s := range w.stacks {
		for _, p := range s.late() {
			belated = append(belated, func() { w.send(name, p) })
		}
	}
	w.cold = coldness{}
	for _, send := range belated {
		w.reset()
		send()
		for len(w.queue) > 0 { // the table may be flushed before any packet
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.arrive(f)
			w.addHits(out)
			w.node.reset()
		}
		w.reset()
		send()
		w.drain()
		w.addHits(out)
	}
}

// addressUnreachable is what node1 sends to the source of a packet whose next
// hop did not answer in three seconds.
func addressUnreachable(p packet.Packet) packet.Packet {
	return packet.Packet{Dst: p.Src, Proto: packet.ProtoICMPv6, TTL: 64, ICMPType: 1, ICMPCode: 3, Inner: &p}
}

func (w *world) addHits(out map[Place]bool) {
	for p := range w.node.hits {
		out[p] = true
	}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
