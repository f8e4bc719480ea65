package walk_test

import (
	"fmt"
	"strings"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// cases are rule sets and connections with verdicts of every kind.
func cases() map[string]walk.Request {
	out := map[string]walk.Request{}
	for i, text := range []string{
		"",
		"*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.65.0.2/32 -j ACCEPT\nCOMMIT\n",
		"*filter\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A FORWARD -i eth0 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n",
		service + "-A POSTROUTING -j MASQUERADE\nCOMMIT\n",
		"*raw\n:PREROUTING ACCEPT\n-A PREROUTING -i cali0 -j NOTRACK\nCOMMIT\n*filter\n:FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID,UNTRACKED -j DROP\nCOMMIT\n",
	} {
		for name, r := range map[string]walk.Request{"in": tcp(outside, "10.65.0.2", 80), "out": tcp(pod0, "172.31.0.100", 80),
			"pods": tcp(pod1, "10.65.0.2", 80), "service": tcp(pod1, "10.96.0.10", 80), "host": tcp(process, "10.65.0.3", 80)} {
			out[fmt.Sprintf("%d %s\n%s", i, name, text)] = r
		}
	}
	return out
}

func rulesOf(t *testing.T, key string) *host.State {
	_, text, _ := strings.Cut(key, "\n")
	return rules(t, state(), text)
}

// A rule that never matches changes no verdict, wherever it stands; in a table
// that asks nothing of conntrack it does not switch tracking on either.
func TestMetamorphic_NeverMatchingRule(t *testing.T) {
	never := nf.Rule{Body: []nf.Stmt{nf.MatchIface{Dir: nf.Src, Name: "nosuch0"}, nf.Drop{}}}
	for key, r := range cases() {
		before := connect(t, rulesOf(t, key), r)
		s := rulesOf(t, key)
		for ti := range s.Ruleset.Tables {
			for ci := range s.Ruleset.Tables[ti].Chains {
				c := &s.Ruleset.Tables[ti].Chains[ci]
				c.Rules = append([]nf.Rule{never}, c.Rules...)
			}
		}
		want(t, connect(t, s, r), before.Verdict)
	}
}

// UDP fares as TCP does where no rule looks at the protocol.
func TestMetamorphic_UDPAsTCP(t *testing.T) {
	for key, r := range cases() {
		if strings.Contains(key, "-p tcp") {
			continue
		}
		before := connect(t, rulesOf(t, key), r)
		r.Proto = packet.ProtoUDP
		want(t, connect(t, rulesOf(t, key), r), before.Verdict)
	}
}

// Recording changes nothing, and a second walker sees what the first saw.
func TestMetamorphic_Recorder(t *testing.T) {
	for key, r := range cases() {
		w := walk.NewHost(rulesOf(t, key), walk.Options{})
		plain := w.Connect(r)
		w.Reset()
		w.Record(&trace.Recorder{})
		traced := w.Connect(r)
		if plain.Verdict != traced.Verdict || plain.Reason.Rule != traced.Reason.Rule || len(plain.Packets) != len(traced.Packets) {
			t.Errorf("%s: %s without a recorder, %s with", key, plain.Verdict, traced.Verdict)
		}
	}
}

// An established connection goes on when the rules for new ones would not have
// it: the second packet is the state's.
func TestConnect_TableRemembers(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -i cali0 -j ACCEPT\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	r := tcp(pod0, "172.31.0.100", 80)
	r.Data = true
	c := w.Connect(r)
	want(t, c, trace.Allow)
	if len(c.Packets) != 6 || c.Packets[1].Reason.Rule != 1 || c.Packets[0].Reason.Rule != 2 {
		t.Errorf("%d packets, reasons %+v", len(c.Packets), c.Packets)
	}
	back := walk.Request{From: outside, Dst: addr("10.65.0.2"), Proto: packet.ProtoUDP, SrcPort: 80, DstPort: 40000}
	want(t, w.Connect(back), trace.Deny)
}

// IPv6 strict reverse path: a pod's address from outside is refused although the
// default route leads there.
func TestReceive_ReversePathMatch6(t *testing.T) {
	s := nft(t, state(), "table ip6 r { chain p { type filter hook prerouting priority -300; fib saddr . iif oif 0 drop; } }")
	w := walk.NewHost(s, walk.Options{})
	for src, fate := range map[string]walk.Fate{"fd00:65::2": walk.Dropped, "fd00:9::9": walk.Sent} {
		if o := w.Receive("node1", "eth0", syn(src, "fd00:65::3")); o.Fate != fate {
			t.Errorf("%s: %s (%s)", src, o.Fate, o.Reason)
		}
	}
}
