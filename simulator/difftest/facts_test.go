package difftest

import (
	"testing"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// What the walk calls unknown is what this kernel does, and not each one: it takes a
// longer UDP datagram of IPv6 for broken once a rule has changed its DSCP after it
// computed the checksum itself.
func TestKernel_ChangedDSCP(t *testing.T) {
	netns.Require(t, labTools...)
	for payload, answers := range map[uint16]int{68: 1, 69: 0} {
		s := syn(packet.IPv6, "10.1.0.2", "10.2.0.1")
		s.Packet.Proto, s.Packet.TCP, s.Packet.PayloadLen = packet.ProtoUDP, packet.TCP{}, payload
		tracked := nf.Rule{Body: []nf.Stmt{nf.MatchConntrack{States: nf.CtNew}}}
		c := &Case{Family: packet.IPv6, Shots: []Shot{s}, Ruleset: nf.Ruleset{Tables: []nf.Table{iptablesTable(packet.IPv6, "mangle",
			map[nf.ChainName][]nf.Rule{"INPUT": {tracked, {Body: []nf.Stmt{nf.SetDSCP{DSCP: 8}}}}})}}}
		w := c.Walk()
		k, err := c.Kernel(w)
		if err != nil {
			t.Fatal(err)
		}
		if unknown := w.Unknown[0] != ""; len(k.Frames[0]) != answers || unknown != (answers == 0) {
			t.Errorf("%d bytes: the kernel answers with %d frames, the walk says %q", payload, len(k.Frames[0]), w.Unknown[0])
		}
	}
}

// Short loads of nftables read whatever stands in a later fragment, or in IPv6 at the
// start of its header, where a port would be.
func TestKernel_PortsOfLaterFragments(t *testing.T) {
	netns.Require(t, labTools...)
	for name, fam := range map[string]packet.Family{"ipv4": packet.IPv4, "ipv6": packet.IPv6} {
		s := syn(fam, "10.1.0.2", "10.2.0.3")
		s.Packet.SrcPort, s.Packet.DstPort, s.Packet.TCP = 0, 0, packet.TCP{}
		s.Packet.FragOffset, s.Packet.FragID, s.Packet.PayloadLen = 10, 7, 16
		port0 := nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyTCPDPort}}, Op: nf.OpEqual, Values: [][]nf.Datum{{nf.NumDatum(0)}}}
		c := &Case{Family: fam, Shots: []Shot{s}, Ruleset: both(base("f", nf.TypeFilter, nf.Forward, nf.PriFilter, nf.Rule{Body: []nf.Stmt{port0, nf.Counter{}}}))}
		w := c.Walk()
		k, err := c.Kernel(w)
		if err != nil {
			t.Fatal(err)
		}
		if hits := k.Hits[Place{"inet t", "f", "1"}]; hits != 1 || w.Unknown[0] == "" {
			t.Errorf("%s: %d hits, the walk says %q", name, hits, w.Unknown[0])
		}
	}
}
