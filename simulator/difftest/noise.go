package difftest

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// noise are the rules that the node's own daemons hit: Felix and its datastore
// were still connected during some recordings, and their packets count in the
// same counters. They talk over the loopback link, or with a machine of the
// segment on a known port.
func (w *world) noise() map[Place]bool {
	out := map[Place]bool{}
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

func (w *world) addHits(out map[Place]bool) {
	for p := range w.node.hits {
		out[p] = true
	}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
