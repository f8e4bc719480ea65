package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// resolver turns the ends that the user named into places of the fleet.
type resolver struct {
	fleet  *host.Fleet
	walker *walk.Walker
	loaded *loaded
	// wanted is the family that the user asked for, family the one to prefer; 0 is any.
	wanted packet.Family
	family packet.Family
	iface  string
}

// pick returns the first address of the wanted family.
func pick(addrs []netip.Addr, family packet.Family) (netip.Addr, bool) {
	for _, a := range addrs {
		if family == 0 || packet.FamilyOf(a) == family {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ends finds both ends of a connection. The protocol ICMP becomes that of the
// family, and a port's name its number.
func (r *resolver) ends(from end, to *end) (walk.End, netip.Addr, error) {
	if r.family == 0 {
		r.family = r.onlyFamily(from)
	}
	dst, err := r.destination(*to)
	if err == nil {
		err = r.port(to)
	}
	if err == nil {
		err = to.icmpFor(packet.FamilyOf(dst))
	}
	if err != nil {
		return walk.End{}, dst, fmt.Errorf("TO: %w", err)
	}
	if from.kind == endAddr && packet.FamilyOf(from.addr) != packet.FamilyOf(dst) {
		return walk.End{}, dst, r.otherFamily(from, *to, dst)
	}
	src, err := r.source(from, packet.FamilyOf(dst))
	if err != nil {
		return src, dst, fmt.Errorf("FROM: %w", err)
	}
	return src, dst, nil
}

// onlyFamily is the one family of an end that has addresses of no other, else 0.
func (r *resolver) onlyFamily(e end) packet.Family {
	addrs := []netip.Addr{e.addr}
	switch e.kind {
	case endAddr:
	case endNode, endService:
		return 0
	default:
		ep, err := r.endpoint(e)
		if err != nil || len(ep.Addrs) == 0 {
			return 0 // said where the end is asked for
		}
		addrs = ep.Addrs
	}
	family := packet.FamilyOf(addrs[0])
	if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return packet.FamilyOf(a) != family }) {
		return 0
	}
	return family
}

// otherFamily says that the ends are of two families, and what else to write.
func (r *resolver) otherFamily(from, to end, dst netip.Addr) error {
	hint := ""
	for _, o := range []struct {
		flag   string
		addr   netip.Addr
		family packet.Family
	}{{"FROM", from.addr, packet.FamilyOf(dst)}, {"TO", dst, packet.FamilyOf(from.addr)}} {
		at, ok := r.walker.FindEnd(o.addr)
		if !ok || hint != "" {
			continue
		}
		for _, e := range r.fleet.Endpoints {
			if e.Host != at.Host || e.Link != at.Link || !slices.Contains(e.Addrs, o.addr) {
				continue
			}
			if a, ok := pick(e.Addrs, o.family); ok {
				hint = fmt.Sprintf("; %s has %s, too: give that as %s", e.Name, a, o.flag)
			}
		}
	}
	return fmt.Errorf("FROM %s is an %s address, TO %s is %s; a connection has one family%s",
		from.addr, familyName(packet.FamilyOf(from.addr)), to.text, familyName(packet.FamilyOf(dst)), hint)
}

func familyName(f packet.Family) string {
	if f == packet.IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// lacking says that an end has no address of the wanted family.
func (r *resolver) lacking(who string) error {
	if r.family == 0 {
		return fmt.Errorf("%s has no address", who)
	}
	return fmt.Errorf("%s has no %s address", who, familyName(r.family))
}

func (r *resolver) destination(e end) (netip.Addr, error) {
	switch e.kind {
	case endAddr:
		if _, ok := pick([]netip.Addr{e.addr}, r.wanted); !ok {
			return e.addr, fmt.Errorf("%s is no %s address, which --family asks for", e.text, familyName(r.wanted))
		}
		return e.addr, nil
	case endNode:
		return r.nodeAddr(e.name, r.family)
	case endService:
		return r.serviceAddr(e)
	}
	ep, err := r.endpoint(e)
	if err != nil {
		return netip.Addr{}, err
	}
	a, ok := pick(ep.Addrs, r.family)
	if !ok {
		return a, r.lacking(e.text)
	}
	return a, nil
}

func (r *resolver) source(e end, family packet.Family) (walk.End, error) {
	switch e.kind {
	case endAddr:
		return r.sourceAddr(e)
	case endNode:
		if r.fleet.FindHost(host.Name(e.name)) == nil {
			return walk.End{}, r.noNode(e.name)
		}
		return walk.End{Host: host.Name(e.name)}, nil
	case endService:
		return walk.End{}, fmt.Errorf("%s: a service begins no connections", e.text)
	}
	ep, err := r.endpoint(e)
	if err != nil {
		return walk.End{}, err
	}
	a, ok := pick(ep.Addrs, family)
	if !ok {
		return walk.End{}, fmt.Errorf("%s has no %s address, and TO is one", e.text, familyName(family))
	}
	if ep.HostNetwork {
		return walk.End{Addr: a, Host: ep.Host}, nil
	}
	return walk.End{Addr: a, Host: ep.Host, Link: ep.Link}, nil
}

func (r *resolver) sourceAddr(e end) (walk.End, error) {
	if e.node != "" {
		h := r.fleet.FindHost(host.Name(e.node))
		switch {
		case h == nil:
			return walk.End{}, r.noNode(e.node)
		case h.FindLink(host.LinkName(e.iface)) == nil && len(h.Links) > 0:
			return walk.End{}, fmt.Errorf("%s has no interface %q; it has %s", e.node, e.iface, linkNames(h))
		}
		return walk.End{Addr: e.addr, Host: h.Name, Link: host.LinkName(e.iface)}, nil
	}
	at, ok := r.walker.FindEnd(e.addr)
	if !ok {
		return at, fmt.Errorf("no node has a route to %s; say where it enters with %s@NODE/IFACE", e.text, e.text)
	}
	if r.iface != "" && at.Link != "" {
		h := r.fleet.FindHost(at.Host)
		if h == nil || h.FindLink(host.LinkName(r.iface)) == nil && len(h.Links) > 0 {
			return at, fmt.Errorf("%s has no interface %q", at.Host, r.iface)
		}
		at.Link = host.LinkName(r.iface)
	}
	return at, nil
}

func linkNames(h *host.State) string {
	names := make([]string, len(h.Links))
	for i, l := range h.Links {
		names[i] = string(l.Name)
	}
	return strings.Join(names, ", ")
}

func (r *resolver) noNode(name string) error {
	names := make([]string, len(r.fleet.Hosts))
	for i, h := range r.fleet.Hosts {
		names[i] = string(h.Name)
	}
	if near := nearestName(name, names); len(names) > 8 {
		return fmt.Errorf("no node %q among %d%s", name, len(names), near)
	}
	return fmt.Errorf("no node %q; there is %s", name, strings.Join(names, ", "))
}

// nodeAddr returns a node's own address: the first global one on a link that is
// neither loopback nor a tunnel.
func (r *resolver) nodeAddr(name string, family packet.Family) (netip.Addr, error) {
	h := r.fleet.FindHost(host.Name(name))
	if h == nil {
		return netip.Addr{}, r.noNode(name)
	}
	var addrs []netip.Addr
	for _, l := range h.Links {
		if l.Loopback || l.Kind == "vxlan" || l.Kind == "ipip" || l.Kind == "wireguard" {
			continue
		}
		for _, a := range l.Addrs {
			if a.Scope == host.ScopeUniverse {
				addrs = append(addrs, a.Prefix.Addr())
			}
		}
	}
	a, ok := pick(addrs, family)
	if !ok {
		if m := h.FindMissing(host.PartAddrs, family); m != nil {
			return a, fmt.Errorf("node %s: %s", name, m.Why())
		}
		return a, r.lacking("node " + name)
	}
	return a, nil
}

func (r *resolver) endpoint(e end) (*host.Endpoint, error) {
	if e.kind == endDeploy {
		return r.workload(e)
	}
	for i := range r.fleet.Endpoints {
		if r.fleet.Endpoints[i].Name == e.name {
			return &r.fleet.Endpoints[i], nil
		}
	}
	if why := r.absent(e.name); why != "" {
		return nil, errors.New(why)
	}
	if len(r.fleet.Endpoints) == 0 {
		return nil, fmt.Errorf("no pod %q: the input names no pods; give its address", e.text)
	}
	return nil, fmt.Errorf("no pod %q in the input%s", e.text, nearest(e.name, r.fleet.Endpoints))
}

// absent says why a pod of the input is at no node.
func (r *resolver) absent(name string) string {
	if r.loaded == nil || r.loaded.linker == nil {
		return ""
	}
	return r.loaded.linker.Absent(name)
}

// remarks are what there is to note of a connection besides its way, once it is walked:
// where it is taken to enter, a node port that leads nowhere, and who else has the
// addresses of its ends.
func (r *resolver) remarks(to end, src walk.End, dst netip.Addr, entry string) func(*trace.Connection) []string {
	return func(c *trace.Connection) []string {
		notes := slices.DeleteFunc([]string{entry, r.notLed(to, c)}, func(n string) bool { return n == "" })
		return append(notes, r.claims(src.Addr, dst)...)
	}
}

// claims notes addresses of ends that several pods have, or one on no node here.
func (r *resolver) claims(ends ...netip.Addr) (notes []string) {
	if r.loaded == nil || r.loaded.linker == nil {
		return nil
	}
	for _, a := range ends {
		if note := r.loaded.linker.Claims(a); note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// nearest suggests the endpoint that was probably meant.
func nearest(name string, all []host.Endpoint) string {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return nearestName(name, names)
}

// nearestName suggests a name that is written alike, else one that is the same in
// another namespace, else one of the same namespace.
func nearestName(name string, all []string) string {
	best := yamlpos.Nearest(name, all)
	ns, last, _ := strings.Cut(name, "/")
	for _, want := range []string{"/" + last, ns + "/"} {
		for _, n := range all {
			if best == "" && strings.Contains(n, want) {
				best = n
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}
