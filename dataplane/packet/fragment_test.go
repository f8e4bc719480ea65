package packet

import "testing"

// The parts of a datagram have its header in the first one, and all its bytes.
func TestFragments(t *testing.T) {
	for name, p := range map[string]Packet{
		"IPv4": {Src: a4, Dst: b4, Proto: ProtoUDP, TTL: 9, SrcPort: 1, DstPort: 2, PayloadLen: 50},
		"IPv6": {Src: a6, Dst: b6, Proto: ProtoUDP, TTL: 9, SrcPort: 1, DstPort: 2, PayloadLen: 50},
	} {
		list, err := Fragments(&p, 7, 16, 24)
		if err != nil || len(list) != 3 {
			t.Fatalf("%s: %d fragments, %v", name, len(list), err)
		}
		want := []Packet{{SrcPort: 1, DstPort: 2, MoreFragments: true, PayloadLen: 8}, {FragOffset: 2, MoreFragments: true, PayloadLen: 24}, {FragOffset: 5, PayloadLen: 18}}
		for i, b := range list {
			got, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			w := &want[i]
			if got.FragOffset != w.FragOffset || got.MoreFragments != w.MoreFragments || got.PayloadLen != w.PayloadLen ||
				got.SrcPort != w.SrcPort || got.DstPort != w.DstPort || got.FragID != 7 || got.Truncated {
				t.Errorf("%s: part %d is %+v, want %+v", name, i, got, *w)
			}
		}
		for _, sizes := range [][]int{{7}, {0}, {64}, {56, 8}} {
			if _, err := Fragments(&p, 7, sizes...); err == nil {
				t.Errorf("%s: no error for sizes %v", name, sizes)
			}
		}
	}
}
