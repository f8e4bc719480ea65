package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/kubernetes/pkg/proxy"
	"k8s.io/kubernetes/pkg/proxy/conntrack"
)

// change is one change of objects, tracked connections, and which of them
// kube-proxy removes once it has happened.
type change struct {
	Before, After string
	Connections   []connection
}

// connection is one of UDP, or of TCP: who asks what, and who answers.
type connection struct {
	TCP               bool
	Src, Dst, Replies string // address and port
	Removed           bool
}

// recordStale writes random changes as JSON.
func recordStale(file string, seed int64, count int) error {
	r := rand.New(rand.NewSource(seed))
	var all []change
	for range count {
		c, err := randomChange(r)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return writeCompressed(file, text)
}

func randomChange(r *rand.Rand) (c change, err error) {
	var before, after []*shape
	for i := range 2 + r.Intn(4) {
		s := newShape(i, fmt.Sprintf("s%d", i))
		s.randomize(r)
		s.mostlyUDP(r)
		before = append(before, s)
		if next := s.later(r); next != nil {
			after = append(after, next)
		}
	}
	if c.Before, err = textOf(before); err != nil {
		return c, err
	}
	if c.After, err = textOf(after); err != nil {
		return c, err
	}
	c.Connections = randomConnections(r, append(before, after...))
	for _, f := range []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol} {
		clean(f, before, after, c.Connections)
	}
	return c, nil
}

func (s *shape) mostlyUDP(r *rand.Rand) {
	if r.Intn(5) == 0 {
		return
	}
	for i := range s.service.Spec.Ports {
		s.service.Spec.Ports[i].Protocol = v1.ProtocolUDP
	}
	for l := range s.slices {
		for p := range s.slices[l].Ports {
			s.slices[l].Ports[p].Protocol = ref(v1.ProtocolUDP)
		}
	}
}

// later is the shape after a while; nil when it is gone.
func (s *shape) later(r *rand.Rand) *shape {
	out := &shape{n: s.n, service: *s.service.DeepCopy()}
	for i := range s.slices {
		out.slices = append(out.slices, *s.slices[i].DeepCopy())
	}
	switch r.Intn(9) {
	case 0: // as it was
	case 1:
		return nil
	case 2:
		out.slices = nil
	case 3:
		out.service.Spec.Ports[0].Port++
	case 4: // hints alone
		out.eachEndpoint(func(e *discovery.Endpoint) {
			e.Hints = &discovery.EndpointHints{ForZones: []discovery.ForZone{{Name: "zone-z"}}}
		})
	case 5: // nothing that matters
		for i := range out.slices {
			out.slices[i].Annotations = map[string]string{"example.test/seen": "again"}
		}
	default:
		out.eachEndpoint(func(e *discovery.Endpoint) {
			if r.Intn(2) == 0 {
				e.Conditions = []discovery.EndpointConditions{{}, {Ready: ref(false), Serving: ref(true), Terminating: ref(true)},
					{Ready: ref(false), Serving: ref(false), Terminating: ref(true)}, {Ready: ref(false), Serving: ref(false)}}[r.Intn(4)]
			}
		})
		if n := len(out.slices); n > 0 && r.Intn(3) == 0 {
			l := &out.slices[r.Intn(n)]
			l.Endpoints = l.Endpoints[:len(l.Endpoints)-min(1, len(l.Endpoints))]
		}
	}
	return out
}

func textOf(list []*shape) (string, error) {
	var out bytes.Buffer
	for _, s := range list {
		if err := s.write(&out); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// randomConnections lead to services, to node ports and elsewhere, and are answered by
// endpoints or by whoever was asked.
func randomConnections(r *rand.Rand, list []*shape) (out []connection) {
	asked, answer := frontends(list), endpointsOf(list)
	for range 40 {
		v6 := r.Intn(2) == 0
		c := connection{TCP: r.Intn(8) == 0, Src: "10.244.9.9:40000", Dst: pick(r, asked[v6]...)}
		if v6 {
			c.Src = "[fd00:244:9::9]:40000"
		}
		if c.Replies = c.Dst; len(answer[v6]) > 0 && r.Intn(4) > 0 {
			c.Replies = pick(r, answer[v6]...)
		}
		out = append(out, c)
	}
	return out
}

// byFamily are addresses with ports, those of IPv6 under true.
type byFamily map[bool][]string

func (b byFamily) add(ip string, port int32) {
	if a := net.ParseIP(ip); a != nil {
		v6 := a.To4() == nil
		b[v6] = append(b[v6], net.JoinHostPort(ip, strconv.Itoa(int(port))))
	}
}

// frontends are the addresses and node ports of services, and their ports elsewhere.
func frontends(list []*shape) byFamily {
	out := byFamily{}
	elsewhere := []string{"192.0.2.77", "2001:db8:77::1"}
	for _, s := range list {
		spec := &s.service.Spec
		for _, p := range spec.Ports {
			for _, ip := range slices.Concat(spec.ClusterIPs, spec.ExternalIPs, elsewhere) {
				out.add(ip, p.Port)
			}
			for _, ing := range s.service.Status.LoadBalancer.Ingress {
				out.add(ing.IP, p.Port)
			}
			for _, ip := range append([]string{"192.168.10.1", "fd00:10::1"}, elsewhere...) {
				out.add(ip, max(p.NodePort, 7))
			}
		}
	}
	return out
}

func endpointsOf(list []*shape) byFamily {
	out := byFamily{}
	for _, s := range list {
		for _, slice := range s.slices {
			for _, e := range slice.Endpoints {
				for _, p := range slice.Ports {
					out.add(e.Addresses[0], *p.Port)
				}
			}
		}
	}
	return out
}

// clean lets kube-proxy see the change in a family and marks what it removes.
func clean(f v1.IPFamily, before, after []*shape, list []connection) {
	services, endpoints := proxy.NewServiceChangeTracker(f, nil, nil), proxy.NewEndpointsChangeTracker(f, "node-a", nil, nil)
	ports, eps := proxy.ServicePortMap{}, proxy.EndpointsMap{}
	tell := func(list []*shape, gone bool) {
		for _, s := range list {
			if gone {
				services.Update(&s.service, nil)
			} else {
				services.Update(nil, &s.service)
			}
			for i := range s.slices {
				endpoints.EndpointSliceUpdate(&s.slices[i], gone)
			}
		}
	}
	tell(before, false)
	ports.Update(services)
	eps.Update(endpoints)
	for _, s := range before {
		i := slices.IndexFunc(after, func(o *shape) bool { return o.n == s.n })
		if i < 0 {
			tell([]*shape{s}, true)
			continue
		}
		services.Update(&s.service, &after[i].service)
		for l := range s.slices {
			if !slices.ContainsFunc(after[i].slices, func(o discovery.EndpointSlice) bool { return o.Name == s.slices[l].Name }) {
				endpoints.EndpointSliceUpdate(&s.slices[l], true)
			}
		}
		for l := range after[i].slices {
			endpoints.EndpointSliceUpdate(&after[i].slices[l], false)
		}
	}
	ports.Update(services)
	if eps.Update(endpoints).ConntrackCleanupRequired {
		conntrack.CleanStaleEntries(table{f, list}, f, ports, eps)
	}
}

// table is connections as kube-proxy sees the kernel's.
type table struct {
	family v1.IPFamily
	list   []connection
}

func (t table) ListEntries(uint8) (out []*netlink.ConntrackFlow, err error) {
	for i := range t.list {
		if f := t.list[i].flow(); (f.Forward.DstIP.To4() == nil) == (t.family == v1.IPv6Protocol) {
			out = append(out, f)
		}
	}
	return out, nil
}

func (t table) DeleteEntries(_ uint8, flows []*netlink.ConntrackFlow) (int, error) {
	for _, f := range flows {
		for i := range t.list {
			if t.list[i].flow().String() == f.String() {
				t.list[i].Removed = true
			}
		}
	}
	return len(flows), nil
}

func (c *connection) flow() *netlink.ConntrackFlow {
	f := &netlink.ConntrackFlow{}
	f.Forward.Protocol = unix.IPPROTO_UDP
	if c.TCP {
		f.Forward.Protocol = unix.IPPROTO_TCP
	}
	f.Forward.SrcIP, f.Forward.SrcPort = parts(c.Src)
	f.Forward.DstIP, f.Forward.DstPort = parts(c.Dst)
	f.Reverse.SrcIP, f.Reverse.SrcPort = parts(c.Replies)
	f.Reverse.DstIP, f.Reverse.DstPort = f.Forward.SrcIP, f.Forward.SrcPort
	f.Reverse.Protocol = f.Forward.Protocol
	return f
}

func parts(text string) (net.IP, uint16) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		fatal(fmt.Errorf("%q: %w", text, err))
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		fatal(err)
	}
	return net.ParseIP(host), uint16(n)
}
