package walk_test

import (
	"testing"

	"tortie/dataplane/packet"
	"tortie/simulator/walk"
)

// parts are a datagram from cali1 to cali0 in three fragments.
func parts(t *testing.T) []packet.Packet {
	t.Helper()
	p := packet.Packet{Src: addr("10.65.0.3"), Dst: addr("10.65.0.2"), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 5000, DstPort: 53, PayloadLen: 50}
	list, err := packet.Fragments(&p, 9, 16, 24)
	if err != nil {
		t.Fatal(err)
	}
	var out []packet.Packet
	for _, b := range list {
		part, err := packet.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part)
	}
	return out
}

// Where connections are tracked, rules see the datagram, and it leaves as it came.
func TestReceive_FragmentsArePutTogether(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD DROP\n-A FORWARD -p udp -m udp --dport 53 -m conntrack --ctstate NEW -m length --length 78 -j ACCEPT\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	list := parts(t)
	for _, i := range []int{2, 0, 0} {
		if o := w.Receive("node1", "cali1", list[i]); o.Fate != walk.Held && o.Reason != "a fragment that is there already" {
			t.Fatalf("part %d: %s %s", i, o.Fate, o.Reason)
		}
	}
	o := w.Receive("node1", "cali1", list[1])
	if o.Fate != walk.Sent || o.Packet.PayloadLen != 50 || len(o.Fragments) != 3 {
		t.Fatalf("last part: %s %s %+v", o.Fate, o.Reason, o)
	}
	for i, f := range o.Fragments {
		if f.FragOffset != list[i].FragOffset || f.PayloadLen != list[i].PayloadLen || f.TTL != 63 {
			t.Errorf("fragment %d: %+v", i, f)
		}
	}
}

// Without connection tracking rules see the fragments: only the first one has
// ports.
func TestReceive_FragmentsOneByOne(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD DROP\n-A FORWARD -p udp -m udp --dport 53 -j ACCEPT\n-A FORWARD -f -s 10.65.0.3/32 -m length --length 0:43 -j ACCEPT\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	for i, want := range []walk.Fate{walk.Sent, walk.Dropped, walk.Sent} {
		if o := w.Receive("node1", "cali1", parts(t)[i]); o.Fate != want {
			t.Errorf("part %d: %s %s, want %s", i, o.Fate, o.Reason, want)
		}
	}
}

// Parts that overlap end the datagram, and the rest waits in vain.
func TestReceive_OverlappingFragments(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	list := parts(t)
	bad := list[1]
	bad.FragOffset = 1
	for i, want := range []walk.Fate{walk.Held, walk.Dropped, walk.Held, walk.Held} {
		if o := w.Receive("node1", "cali1", []packet.Packet{list[0], bad, list[1], list[2]}[i]); o.Fate != want {
			t.Errorf("step %d: %s %s, want %s", i, o.Fate, o.Reason, want)
		}
	}
}
