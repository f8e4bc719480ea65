package main

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

const rejectAll = "table inet other {\n\tchain forward {\n\t\ttype filter hook forward priority 10; policy accept;\n\t\treject with icmpx admin-prohibited\n\t}\n}\n"

// An ICMP error is heard before TCP tries again, also over IPv6 and half-way; that about a
// connection which stands, when TCP tries again, and the connection goes on.
func TestLab_HearsRejections(t *testing.T) {
	netns.Require(t, "nft", "iptables-legacy-restore", "ipset", "ip")
	open := fleetOf(t, []cluster.File{{Name: "self.yaml", Data: []byte(selfCluster)}}, link.Options{NFTables: true, KubeProxy: link.KubeProxyNone})
	tables, findings := parseTables("other.nft", []byte(rejectAll))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	closed := *open
	closed.Hosts = slices.Clone(open.Hosts)
	closed.Hosts[0].Ruleset.Tables = slices.Concat(closed.Hosts[0].Ruleset.Tables, tables)
	l, err := lab.Build(open, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Listen(packet.ProtoTCP, 8080); err != nil {
		t.Fatal(err)
	}
	replace := func(f *host.Fleet) {
		t.Helper()
		if err := l.Replace(f); err != nil {
			t.Fatal(err)
		}
	}
	port := uint16(20000)
	try := func(f int, half bool) (*lab.Conn, lab.Answer) {
		t.Helper()
		from, to := endpointNamed(t, open, "shop/db"), endpointNamed(t, open, "shop/web")
		port++
		c, got, err := l.Open(lab.Try{From: host.Port{Host: from.Host, Link: from.Link}, Src: from.Addrs[f], Dst: to.Addrs[f],
			Proto: packet.ProtoTCP, SrcPort: port, DstPort: 8080, HalfOpen: half})
		if err != nil {
			t.Fatal(err)
		}
		return c, got
	}
	for f, family := range []string{"IPv4", "IPv6"} {
		replace(open)
		stands, got := try(f, false)
		if got != lab.Answered {
			t.Fatalf("%s: %s", family, got)
		}
		replace(&closed)
		for _, half := range []bool{false, true} {
			began := time.Now()
			if _, got := try(f, half); got != lab.Refused || time.Since(began) > 500*time.Millisecond {
				t.Errorf("%s, half open %t: %s after %s", family, half, got, time.Since(began))
			}
		}
		if got, err := stands.Send(); got != lab.Refused || err != nil {
			t.Errorf("%s: what stands met %s: %v", family, got, err)
		}
		replace(open)
		if got, err := stands.Send(); got != lab.Answered || err != nil {
			t.Errorf("%s: what stood met %s: %v", family, got, err)
		}
	}
}

func endpointNamed(t *testing.T, f *host.Fleet, name string) *host.Endpoint {
	t.Helper()
	i := slices.IndexFunc(f.Endpoints, func(e host.Endpoint) bool { return e.Name == name })
	if i < 0 || !slices.ContainsFunc(f.Endpoints[i].Addrs, netip.Addr.Is6) {
		t.Fatalf("no endpoint %s of both families", name)
	}
	return &f.Endpoints[i]
}
