package difftest

import (
	"fmt"
	"testing"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Associations that begin in the middle learn tags of some chunks and not of
// others; answers with other tags are invalid. Every beginning of two chunks is
// answered with no tag, with the same and with another.
func TestDiff_SCTPBegins(t *testing.T) {
	netns.Require(t, labTools...)
	track := ruleset(base("nat", nf.TypeNAT, nf.PostRouting, nf.PriNATSrc, nf.Rule{Body: []nf.Stmt{
		nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyL4Proto}}, Op: nf.OpEqual, Values: [][]nf.Datum{{nf.NumDatum(uint64(packet.ProtoUDP))}}}, nf.NAT{Kind: nf.Masquerade}}}))
	const abort, shutdown, shutdownAck, failure, cookieEcho, data, heartbeat, heartbeatAck = 6, 7, 8, 9, 10, 0, 4, 5
	compared := 0
	for _, first := range [][]uint8{{heartbeat}, {cookieEcho}, {shutdown}, {shutdownAck}, {heartbeatAck}, {cookieEcho, heartbeat}, {shutdown, heartbeat},
		{failure, heartbeat}, {shutdownAck, heartbeat}, {heartbeat, shutdown}, {heartbeat, failure}, {heartbeat, abort}, {cookieEcho, heartbeatAck}, {shutdown, heartbeat, failure}} {
		for _, answer := range []struct {
			tag   uint32
			chunk uint8
		}{{0, data}, {222, data}, {118, heartbeatAck}} {
			c := &Case{Ruleset: track, Shots: []Shot{sctpShot(Left, 222, first...), sctpShot(Right, answer.tag, answer.chunk)}}
			diffs, err := c.Run()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Error(fmt.Sprint(first, answer), d)
			}
			if compared++; len(c.Walk().Conns) > 1 {
				t.Errorf("%v %v: two associations", first, answer)
			}
		}
	}
	t.Logf("%d beginnings compared", compared)
}

// sctpShot is a packet with chunks between the lab's two sides.
func sctpShot(from string, tag uint32, chunks ...uint8) Shot {
	p := packet.Packet{Src: at(packet.IPv4, "10.1.0.2"), Dst: at(packet.IPv4, "10.2.0.3"), Proto: packet.ProtoSCTP, TTL: 64, SrcPort: 5001, DstPort: 80, Vtag: tag}
	if from == Right {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	for _, c := range chunks {
		p.SCTP = append(p.SCTP, packet.SCTPChunk{Type: c})
	}
	return Shot{From: from, Packet: p}
}
