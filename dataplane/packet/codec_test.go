package packet

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	a4, b4 = netip.MustParseAddr("10.65.0.2"), netip.MustParseAddr("10.65.1.3")
	a6, b6 = netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00:1::3")
)

// samples are packets that Encode and Decode must agree on.
func samples() map[string]Packet {
	tcp := Packet{Src: a4, Dst: b4, Proto: ProtoTCP, TTL: 64, SrcPort: 40000, DstPort: 80, PayloadLen: 3, DontFragment: true,
		TCP: TCP{Seq: 1, Ack: 2, Flags: SYN | ACK, Window: 1000, HasWScale: true, WScale: 7, SACKPermitted: true, MSS: 1460}}
	udp6 := Packet{Src: a6, Dst: b6, Proto: ProtoUDP, TTL: 64, TOS: 0xb8, SrcPort: 53, DstPort: 5353, PayloadLen: 5}
	sctp := Packet{Src: a4, Dst: b4, Proto: ProtoSCTP, TTL: 3, SrcPort: 1, DstPort: 2, PayloadLen: 8, Vtag: 9,
		SCTP: []SCTPChunk{{Type: 3}, {Type: 0, Flags: 3}}}
	cut := Packet{Src: a4, Dst: b4, Proto: ProtoTCP, TTL: 64, SrcPort: 40000, DstPort: 80, PayloadLen: 12, Truncated: true, TCP: TCP{Seq: 77}}
	echo6 := Packet{Src: a6, Dst: b6, Proto: ProtoICMPv6, ICMPType: 128, ICMPID: 7, ICMPSeq: 1, PayloadLen: 56}
	all := map[string]Packet{
		"tcp": tcp, "udp6": udp6, "sctp": sctp, "echo6": echo6,
		"sack":       {Src: a4, Dst: b4, Proto: ProtoTCP, SrcPort: 1, DstPort: 2, TCP: TCP{Flags: ACK, SACKRight: 100}},
		"init":       {Src: a6, Dst: b6, Proto: ProtoSCTP, SrcPort: 1, DstPort: 2, SCTP: []SCTPChunk{{Type: 1, InitTag: 5}}},
		"pptp":       {Src: a4, Dst: b4, Proto: ProtoGRE, GREKey: 99, PayloadLen: 4},
		"gre":        {Src: a4, Dst: b4, Proto: ProtoGRE, PayloadLen: 4},
		"udplite":    {Src: a4, Dst: b4, Proto: ProtoUDPLite, SrcPort: 1, DstPort: 2, PayloadLen: 4},
		"dccp":       {Src: a4, Dst: b4, Proto: ProtoDCCP, SrcPort: 1, DstPort: 2},
		"ospf":       {Src: a4, Dst: b4, Proto: 89, PayloadLen: 44},
		"fragment 2": {Src: a4, Dst: b4, Proto: ProtoUDP, FragOffset: 185, PayloadLen: 100},
		"fragment6":  {Src: a6, Dst: b6, Proto: ProtoUDP, FragOffset: 185, MoreFragments: true, PayloadLen: 104},
		"first part": {Src: a6, Dst: b6, Proto: ProtoUDP, SrcPort: 1, DstPort: 2, MoreFragments: true, PayloadLen: 8},
		"short udp":  {Src: a4, Dst: b4, Proto: ProtoUDP, Truncated: true, PayloadLen: 4},
		"error":      {Src: b4, Dst: a4, Proto: ProtoICMP, ICMPType: 3, ICMPCode: 1, Inner: &tcp},
		"error cut":  {Src: b4, Dst: a4, Proto: ProtoICMP, ICMPType: 11, Inner: &cut},
		"error6":     {Src: b6, Dst: a6, Proto: ProtoICMPv6, ICMPType: 1, ICMPCode: 4, Inner: &udp6},
		"redirect6":  {Src: b6, Dst: a6, Proto: ProtoICMPv6, TTL: 255, ICMPType: 137, Inner: &udp6},
		"ipip":       {Src: b4, Dst: a4, Proto: ProtoIPIP, Inner: &udp6},
		"vxlan":      {Src: b4, Dst: a4, Proto: ProtoUDP, SrcPort: 5, DstPort: VXLANPort, Inner: &tcp},
	}
	all["ipip"] = Packet{Src: b4, Dst: a4, Proto: ProtoIPIP, Inner: &tcp}
	for _, name := range []string{"tcp", "udp6", "sctp", "echo6", "udplite"} {
		p := all[name]
		p.BadChecksum = true
		all[name+" with a bad checksum"] = p
	}
	return all
}

var compareAddr = cmpopts.EquateComparable(netip.Addr{})

func TestDecode_GivesBackWhatEncodeWrote(t *testing.T) {
	for name, p := range samples() {
		t.Run(name, func(t *testing.T) {
			b, err := Encode(&p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(append(b, 1, 2, 3)) // a frame's padding is cut off
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, got, compareAddr); diff != "" {
				t.Errorf("packet changed (-sent +got):\n%s", diff)
			}
		})
	}
}

func TestDecode_Errors(t *testing.T) {
	good, err := Encode(&Packet{Src: a4, Dst: b4, Proto: ProtoUDP, TTL: 1, SrcPort: 1, DstPort: 2})
	if err != nil {
		t.Fatal(err)
	}
	change := func(i int, v byte) []byte {
		b := append([]byte(nil), good...)
		b[i] = v
		return b
	}
	cases := map[string]struct {
		b    []byte
		want error
	}{
		"empty":           {nil, ErrShort},
		"version":         {change(0, 0x55), ErrVersion},
		"header length":   {change(0, 0x44), ErrHeader},
		"header checksum": {change(8, 9), ErrChecksum},
		"cut off":         {good[:25], ErrShort},
	}
	for name, c := range cases {
		if _, err := Decode(c.b); err != c.want {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestEncode_RefusesWhatCannotBeSent(t *testing.T) {
	inner := Packet{Src: a4, Dst: b4, Proto: ProtoUDP}
	for name, p := range map[string]Packet{
		"no address":      {Dst: b4},
		"two families":    {Src: a4, Dst: b6},
		"too long":        {Src: a4, Dst: b4, Proto: ProtoUDP, PayloadLen: 0xffff},
		"extension":       {Src: a6, Dst: b6, Proto: 43},
		"tcp with packet": {Src: a4, Dst: b4, Proto: ProtoTCP, Inner: &inner},
	} {
		if _, err := Encode(&p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzPacket decodes anything; what Decode makes of it must survive Encode.
func FuzzPacket(f *testing.F) {
	for _, p := range samples() {
		b, err := Encode(&p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		_ = p.String()
		if p.Inner != nil {
			p.Inner.Inner = nil // only the outermost quote is compared
		}
		again, err := Encode(&p)
		if err != nil {
			return
		}
		got, err := Decode(again)
		if err != nil {
			t.Fatalf("Decode(Encode(p)): %v\np = %+v", err, p)
		}
		if diff := cmp.Diff(p, got, compareAddr); diff != "" {
			t.Errorf("packet changed (-first +second):\n%s", diff)
		}
	})
}

func TestPacket_String(t *testing.T) {
	all := samples()
	for name, want := range map[string]string{
		"tcp":        "10.65.0.2:40000 > 10.65.1.3:80 tcp syn,ack",
		"udp6":       "[fd00::2]:53 > [fd00:1::3]:5353 udp",
		"echo6":      "fd00::2 > fd00:1::3 ipv6-icmp 128/0 id 7",
		"fragment 2": "10.65.0.2 > 10.65.1.3 udp fragment at 1480",
		"error":      "10.65.1.3 > 10.65.0.2 icmp 3/1 [10.65.0.2:40000 > 10.65.1.3:80 tcp syn,ack]",
	} {
		p := all[name]
		if got := p.String(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
