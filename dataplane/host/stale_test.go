package host

import (
	"net/netip"
	"strings"
	"testing"

	"tortie/dataplane/packet"
)

func dns(endpoints ...ServiceEndpoint) []UDPService {
	return []UDPService{{Name: "shop/dns:dns", Frontends: []netip.AddrPort{netip.MustParseAddrPort("10.96.0.53:53")}, NodePort: 30053, Endpoints: endpoints}}
}

func serving(text string, yes bool) ServiceEndpoint {
	return ServiceEndpoint{Addr: netip.MustParseAddrPort(text), Serving: yes}
}

func to(dev LinkName, via, protocol string) []Route {
	hop := NextHop{Dev: dev}
	if via != "" {
		hop.Via = netip.MustParseAddr(via)
	}
	return []Route{{Table: TableMain, Type: RouteUnicast, Dst: netip.MustParsePrefix("10.244.1.10/32"), Hops: []NextHop{hop}, Protocol: protocol}}
}

// Which connections kube-proxy and Felix remove, by the state before and after.
func TestState_Stale(t *testing.T) {
	one, two := serving("10.244.1.53:5353", true), serving("10.244.2.53:5353", true)
	fails := serving("10.244.1.53:5353", false)
	byService := Tracked{packet.ProtoUDP, addrPort("10.244.2.20:40000"), addrPort("10.96.0.53:53"), addrPort("10.244.1.53:5353")}
	byNodePort := Tracked{packet.ProtoUDP, addrPort("198.51.100.7:40000"), addrPort("192.0.2.1:30053"), addrPort("10.244.1.53:5353")}
	elsewhere := Tracked{packet.ProtoUDP, addrPort("10.244.2.20:40000"), addrPort("203.0.113.9:30053"), addrPort("203.0.113.9:30053")}
	direct := Tracked{packet.ProtoUDP, addrPort("10.244.2.20:40000"), addrPort("10.244.1.53:5353"), addrPort("10.244.1.53:5353")}
	tcp := byService
	tcp.Proto = packet.ProtoTCP
	fromPod := Tracked{packet.ProtoTCP, addrPort("10.244.1.10:0"), addrPort("203.0.113.9:0"), addrPort("203.0.113.9:0")}
	toPod := Tracked{packet.ProtoTCP, addrPort("203.0.113.9:0"), addrPort("192.0.2.1:0"), addrPort("10.244.1.10:0")}
	for name, row := range map[string]struct {
		old, next State
		c         Tracked
		want      string
	}{
		"does not serve":              {State{UDPServices: dns(one, two)}, State{UDPServices: dns(fails, two)}, byService, "kube-proxy"},
		"by the node port":            {State{UDPServices: dns(one, two)}, State{UDPServices: dns(two)}, byNodePort, "kube-proxy"},
		"a stranger's port":           {State{UDPServices: dns(one, two)}, State{UDPServices: dns(two)}, elsewhere, "kube-proxy"},
		"the pod itself":              {State{UDPServices: dns(one, two)}, State{UDPServices: dns(two)}, direct, ""},
		"TCP":                         {State{UDPServices: dns(one, two)}, State{UDPServices: dns(two)}, tcp, ""},
		"another comes":               {State{UDPServices: dns(one)}, State{UDPServices: dns(one, two)}, byService, ""},
		"the other goes":              {State{UDPServices: dns(one, two)}, State{UDPServices: dns(one)}, byService, ""},
		"none is left":                {State{UDPServices: dns(one)}, State{UDPServices: dns(fails)}, byService, ""},
		"no endpoint changed":         {State{UDPServices: dns(two)}, State{UDPServices: dns(two)}, byService, ""},
		"the pod is gone":             {State{Routes: to("cali1", "", "")}, State{}, fromPod, "Felix"},
		"the pod is gone, its answer": {State{Routes: to("cali1", "", "")}, State{}, toPod, "Felix"},
		"it moved away":               {State{Routes: to("cali1", "", "")}, State{Routes: to("vxlan.calico", "10.244.2.0", RouteFelix)}, toPod, "Felix"},
		"it moves between others":     {State{Routes: to("eth0", "192.0.2.2", RouteFelix)}, State{Routes: to("vxlan.calico", "10.244.2.0", RouteFelix)}, toPod, ""},
		"it stays":                    {State{Routes: to("cali1", "", "")}, State{Routes: to("cali1", "", "")}, toPod, ""},
		"somebody else's route":       {State{Routes: to("eth0", "192.0.2.2", "bird")}, State{}, toPod, ""},
	} {
		got := ""
		if stale := row.old.Stale(&row.next); stale != nil {
			got = stale(&row.c)
		}
		if (got == "") != (row.want == "") || !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func addrPort(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
