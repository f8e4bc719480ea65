package link

import (
	"net/netip"
	"slices"
	"testing"

	"tortie/dataplane/host"
)

// routed is a node with a route to 10.244.1.10.
func routed(dev host.LinkName, via, protocol string) host.State {
	hop := host.NextHop{Dev: dev}
	if via != "" {
		hop.Via = netip.MustParseAddr(via)
	}
	return host.State{Routes: []host.Route{{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix("10.244.1.10/32"),
		Hops: []host.NextHop{hop}, Protocol: protocol}}}
}

// Felix ends the connections of an address whose route it takes away or leads elsewhere.
func TestUnrouted(t *testing.T) {
	here, away := routed("cali1", "", ""), routed("vxlan.calico", "10.244.2.0", host.RouteFelix)
	port := netip.MustParseAddrPort
	from := host.Tracked{Src: port("10.244.1.10:0"), Dst: port("203.0.113.9:0"), Replies: port("203.0.113.9:0")}
	to := host.Tracked{Src: port("203.0.113.9:0"), Dst: port("192.0.2.1:0"), Replies: port("10.244.1.10:0")}
	other := host.Tracked{Src: port("203.0.113.9:0"), Dst: port("10.244.1.11:0"), Replies: port("10.244.1.11:0")}
	for name, row := range map[string]struct {
		old, next host.State
		c         host.Tracked
		removed   bool
	}{
		"the pod is gone":             {here, host.State{}, from, true},
		"the pod is gone, its answer": {here, host.State{}, to, true},
		"the pod is gone, of another": {here, host.State{}, other, false},
		"it moved away":               {here, away, to, true},
		"it came":                     {away, here, to, true},
		"it moves between others":     {routed("eth0", "192.0.2.2", host.RouteFelix), away, to, false},
		"it stays":                    {here, here, to, false},
		"it was nowhere":              {host.State{}, here, to, false},
		"somebody else's route":       {routed("eth0", "192.0.2.2", "bird"), host.State{}, to, false},
	} {
		list := unrouted(&row.old, &row.next)
		got := slices.ContainsFunc(list, func(r host.Removal) bool { return r.Removes(&row.c) })
		if got != row.removed {
			t.Errorf("%s: removed %t, want %t", name, got, row.removed)
		}
	}
}

// Addresses that were virtual stay nobody's when what they belonged to goes, but for those
// that somebody has now, and those of pods on nodes outside the input.
func TestDeserted(t *testing.T) {
	prefix := netip.MustParsePrefix
	was := &host.Fleet{Virtual: []host.Virtual{{Prefix: prefix("10.96.0.1/32"), Name: "one"}, {Prefix: prefix("10.96.0.2/32"), Name: "two"},
		{Prefix: prefix("10.96.0.3/32"), Name: "three"}, {Prefix: prefix("10.96.0.4/32"), Name: "four"}, {Prefix: prefix("10.244.0.0/16"), Name: "pool", Untranslated: true},
		{Prefix: prefix("10.244.7.7/32"), Name: "far", Untranslated: true, Outside: true}}}
	now := &host.Fleet{Virtual: was.Virtual[1:2], Endpoints: []host.Endpoint{{Addrs: []netip.Addr{netip.MustParseAddr("10.96.0.3")}}},
		Hosts: []host.State{{Links: []host.Link{{Addrs: []host.Addr{{Prefix: prefix("10.96.0.4/24")}}}}}}}
	for range 2 {
		var names []string
		for _, v := range deserted(was, now) {
			names = append(names, v.Name)
		}
		if want := []string{"one, which is gone", "pool, which is gone"}; !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
		was = &host.Fleet{Virtual: append(deserted(was, now), now.Virtual...)}
	}
}
