package walk_test

import (
	"net/netip"
	"strings"
	"testing"

	"tortie/dataplane/host"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// A packet that leaves for an address that is there for rules to translate has
// arrived nowhere; translated ones have, and so have those to other addresses.
func TestConnect_Virtual(t *testing.T) {
	fleet := func() *host.Fleet {
		s := rules(t, state(), "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.65.0.3:8080\nCOMMIT\n")
		return &host.Fleet{Hosts: []host.State{*s}, Virtual: []host.Virtual{
			{Prefix: prefix("10.96.0.10/32"), Name: "the cluster IP of one"}, {Prefix: prefix("203.0.113.1/32"), Name: "the balancer of one", Outside: true},
			{Prefix: prefix("10.96.0.0/16"), Name: "the range"}, {Prefix: prefix("fd00:96::a/128"), Name: "the cluster IP of six"},
			{Prefix: prefix("172.31.0.0/16"), Name: "nobody's", Untranslated: true}, {Prefix: prefix("10.65.0.0/16"), Name: "no pod's", Untranslated: true}},
			Endpoints: []host.Endpoint{{Name: "pod1", Host: "node1", Link: "cali1", Addrs: []netip.Addr{addr("10.65.0.3")}}}}
	}
	for _, row := range []struct {
		req  walk.Request
		want trace.Verdict
		text string
	}{
		{tcp(pod0, "10.96.0.10", 80), trace.Allow, ""},
		{tcp(pod0, "10.96.0.10", 81), trace.Deny, "10.96.0.10:81, the cluster IP of one: it leaves by eth0, where nobody"},
		{tcp(process, "10.96.0.10", 81), trace.Deny, "the cluster IP of one"},
		{tcp(outside, "10.96.0.10", 81), trace.Deny, "the cluster IP of one"},
		{tcp(pod0, "10.96.0.11", 80), trace.Deny, "the range"},
		{tcp(pod0, "203.0.113.1", 80), trace.Unknown, "the balancer of one: it leaves by eth0, and whoever"},
		{tcp(pod0, "203.0.113.2", 80), trace.Allow, ""},
		{tcp(pod0, "10.65.0.3", 80), trace.Allow, ""},  // a pod's
		{tcp(pod0, "172.31.0.1", 80), trace.Allow, ""}, // the node's
		{tcp(pod0, "10.65.9.9", 80), trace.Deny, "10.65.9.9 is no pod's: it leaves by eth0, where nobody"},
		{tcp(walk.End{Addr: addr("fd00:65::2"), Host: "node1", Link: "cali0"}, "fd00:96::a", 80), trace.Deny, "the cluster IP of six"},
	} {
		got := walk.New(fleet(), walk.Options{KnownNeighbours: true}).Connect(row.req)
		if got.Verdict != row.want || !strings.Contains(got.Reason.Text, row.text) {
			t.Errorf("to %s:%d: %s, %s; want %s, %s", row.req.Dst, row.req.DstPort, got.Verdict, got.Reason.Text, row.want, row.text)
		}
	}
}
