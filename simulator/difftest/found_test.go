package difftest

import (
	"testing"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ping is an echo request from the left.
func ping(dst string) Shot {
	return Shot{Left, packet.Packet{Src: labAddrs[Left][0], Dst: labAddrs[dst][0], Proto: packet.ProtoICMP, TTL: 64, ICMPType: 8, ICMPID: 3, ICMPSeq: 1}}
}

// base is an nftables chain at a hook with rules.
func base(name nf.ChainName, typ nf.ChainType, h nf.Hook, priority int32, rules ...nf.Rule) nf.Chain {
	return nf.Chain{Name: name, Base: &nf.Base{Type: typ, Hook: h, Priority: priority, Policy: nf.PolicyAccept}, Rules: rules}
}

func ruleset(chains ...nf.Chain) nf.Ruleset {
	return nf.Ruleset{Tables: []nf.Table{{Family: nf.FamilyIP, Name: "t", Backend: nf.NFTables, Chains: chains}}}
}

// Cases that random search has found.
func TestDiff_Found(t *testing.T) {
	netns.Require(t, labTools...)
	synFin := Shot{Left, packet.Packet{Src: labAddrs[Left][0], Dst: labAddrs[Local][0], Proto: packet.ProtoTCP, TTL: 64, SrcPort: 5000, DstPort: 80, PayloadLen: 3,
		TCP: packet.TCP{Seq: 100, Flags: packet.SYN | packet.FIN, Window: 500}}}
	reject := nf.Rule{Body: []nf.Stmt{nf.Counter{}, nf.Reject{With: nf.RejectPortUnreach}}}
	mark := nf.Rule{Body: []nf.Stmt{nf.Counter{}, nf.SetCtMark{Op: "set", Value: 1, Mask: ^uint32(0)}}}
	cases := map[string]*Case{
		"a nat chain without a translation tracks nothing": {
			Ruleset: ruleset(base("nat", nf.TypeNAT, nf.PostRouting, nf.PriNATSrc)), Shots: []Shot{ping(Right), ping(Local)}},
		"no ICMP error about the kernel's own echo reply": {
			Ruleset: ruleset(base("early", nf.TypeFilter, nf.LocalOut, nf.PriMangle, mark), base("out", nf.TypeFilter, nf.LocalOut, nf.PriFilter, reject)),
			Shots:   []Shot{ping(Local)}},
		"a RST answers SYN and FIN": {Shots: []Shot{synFin}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			diffs, err := c.Run()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Error(d)
			}
		})
	}
}
