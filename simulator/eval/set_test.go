package eval_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// The naive evaluator of ipset: go through all elements, keep those that hold
// the packet, and let the most specific one decide (first net first).

func drawAddr(t *rapid.T, label string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(rapid.IntRange(0, 1).Draw(t, label)), byte(rapid.IntRange(0, 7).Draw(t, label))})
}

var setTypes = []string{"hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:net,net", "hash:ip,port,ip",
	"hash:ip,port,net", "hash:net,port,net", "hash:ip,mark", "bitmap:port"}

func drawElement(t *rapid.T, typ string) nf.Element {
	_, dims, _ := strings.Cut(typ, ":")
	var e nf.Element
	for _, d := range strings.Split(dims, ",") {
		switch d {
		case "ip":
			e.Key = append(e.Key, nf.AddrDatum(drawAddr(t, "ip")))
		case "net":
			bits := rapid.SampledFrom([]int{22, 24, 29, 30, 31, 32}).Draw(t, "bits")
			e.Key = append(e.Key, nf.PrefixDatum(netip.PrefixFrom(drawAddr(t, "net"), bits)))
		case "mark":
			e.Key = append(e.Key, nf.NumDatum(uint64(rapid.IntRange(0, 3).Draw(t, "mark"))))
		case "port":
			d := nf.NumDatum(uint64(rapid.IntRange(0, 3).Draw(t, "port")))
			if typ != "bitmap:port" {
				d.Proto = rapid.SampledFrom([]packet.Proto{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoICMP, packet.ProtoESP}).Draw(t, "proto")
			}
			e.Key = append(e.Key, d)
		}
	}
	if strings.Contains(dims, "net") {
		e.Nomatch = rapid.Bool().Draw(t, "nomatch")
	}
	return e
}

func drawPacket(t *rapid.T) *packet.Packet {
	p := &packet.Packet{Src: drawAddr(t, "src"), Dst: drawAddr(t, "dst"), Mark: uint32(rapid.IntRange(0, 3).Draw(t, "mark")),
		Proto: rapid.SampledFrom([]packet.Proto{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoICMP, packet.ProtoESP}).Draw(t, "proto")}
	switch {
	case p.Proto.HasPorts():
		p.SrcPort, p.DstPort = uint16(rapid.IntRange(0, 3).Draw(t, "sport")), uint16(rapid.IntRange(0, 3).Draw(t, "dport"))
	case p.Proto == packet.ProtoICMP:
		p.ICMPCode = uint8(rapid.IntRange(0, 3).Draw(t, "code"))
	}
	return p
}

// naiveDim says whether a datum holds the packet's value, and how specific it is.
func naiveDim(kind, typ string, d nf.Datum, dir nf.Dir, p *packet.Packet) (bool, int) {
	switch kind {
	case "mark":
		return uint64(p.Mark) == d.Num, 0
	case "port":
		var port uint64
		switch {
		case p.Proto == packet.ProtoICMP:
			port = uint64(p.ICMPType)<<8 | uint64(p.ICMPCode)
		case p.Proto.HasPorts() && dir == nf.Src:
			port = uint64(p.SrcPort)
		case p.Proto.HasPorts():
			port = uint64(p.DstPort)
		}
		if typ == "bitmap:port" {
			return port == d.Num && (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP), 0
		}
		return port == d.Num && p.Proto == d.Proto, 0
	}
	a := p.Dst
	if dir == nf.Src {
		a = p.Src
	}
	pre, _ := d.Prefix()
	return pre.Contains(a), pre.Bits()
}

func naiveSet(s *nf.Set, dirs []nf.Dir, p *packet.Packet) bool {
	_, dims, _ := strings.Cut(s.Type, ":")
	kinds := strings.Split(dims, ",")
	if len(dirs) < len(kinds) {
		return false
	}
	best, res := -1, false
	for _, e := range s.Elements {
		rank, all := 0, true
		for i, d := range e.Key {
			ok, bits := naiveDim(kinds[i], s.Type, d, dirs[i], p)
			all = all && ok
			rank = rank*64 + bits
		}
		if all && rank > best {
			best, res = rank, !e.Nomatch
		}
	}
	return res
}

func TestMatchSet_EqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := nf.Set{Name: "s", Family: packet.IPv4, Type: rapid.SampledFrom(setTypes).Draw(t, "type")}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			e := drawElement(t, s.Type)
			if k := fmt.Sprint(e.Key); !seen[k] { // a set has an element once
				seen[k] = true
				s.Elements = append(s.Elements, e)
			}
		}
		dirs := rapid.SliceOfN(rapid.SampledFrom([]nf.Dir{nf.Src, nf.Dst}), 1, 3).Draw(t, "dirs")
		p := drawPacket(t)
		rs := ruleset(nf.IptablesLegacy, body(nf.MatchSet{Set: "s", Dirs: dirs}, nf.Accept{}))
		rs.IPSets = append(rs.IPSets, s)
		e := eval.New(rs)
		got := e.Run(e.Hook(packet.IPv4, nf.Forward)[0].ID, context(p)).Verdict == eval.Accept
		if want := naiveSet(&s, dirs, p); got != want {
			t.Fatalf("got %v, want %v\nset %+v\npacket %+v", got, want, s, *p)
		}
	})
}

// The naive evaluator of nftables' sets: any element whose parts all hold.
func TestMatchLookup_EqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.IntRange(1, 3).Draw(t, "parts")
		s := nf.Set{Name: "s", Key: []nf.DataType{nf.TypeIPv4Addr, nf.TypeInetService, nf.TypeMark}[:parts], Interval: true}
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			from := drawAddr(t, "from")
			to := from
			for range rapid.IntRange(0, 5).Draw(t, "width") {
				to = to.Next()
			}
			lo := uint64(rapid.IntRange(0, 6).Draw(t, "lo"))
			hi := lo + uint64(rapid.IntRange(0, 3).Draw(t, "wide"))
			key := []nf.Datum{{Addr: from, AddrTo: to}, nf.RangeDatum(lo, hi), nf.NumDatum(lo)}
			s.Elements = append(s.Elements, nf.Element{Key: key[:parts]})
		}
		p := drawPacket(t)
		p.Proto = packet.ProtoTCP
		want := false
		for _, e := range s.Elements {
			ok := e.Key[0].Addr.Compare(p.Src) <= 0 && p.Src.Compare(e.Key[0].AddrTo) <= 0
			ok = ok && (parts < 2 || e.Key[1].Num <= uint64(p.DstPort) && uint64(p.DstPort) <= e.Key[1].NumTo)
			ok = ok && (parts < 3 || e.Key[2].Num == uint64(p.Mark))
			want = want || ok
		}
		keys := []nf.Key{{Field: nf.KeySAddr}, {Field: nf.KeyTCPDPort}, {Field: nf.KeyMark}}[:parts]
		rs := ruleset(nf.NFTables, body(nf.MatchLookup{Key: keys, Set: "s"}, nf.Accept{}))
		rs.Tables[0].Sets = append(rs.Tables[0].Sets, s)
		e := eval.New(rs)
		if got := e.Run(e.Hook(packet.IPv4, nf.Forward)[0].ID, context(p)).Verdict == eval.Accept; got != want {
			t.Fatalf("got %v, want %v\nset %+v\npacket %+v", got, want, s, *p)
		}
	})
}
