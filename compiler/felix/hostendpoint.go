package felix

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
)

// anyIface stands for "*" in chain names.
const anyIface = "any-interface-at-all"

// boundHost is a host endpoint that governs an interface.
type boundHost struct {
	iface string
	ep    *resolve.HostEndpoint
}

// bindHosts finds the host endpoint of each interface of the node: the first by
// name of those that name the interface or, naming none, expect one of its
// addresses. The last one may be the endpoint of all interfaces.
func (r *renderer) bindHosts() []boundHost {
	eps := make([]*resolve.HostEndpoint, len(r.view.Hosts))
	for i := range r.view.Hosts {
		eps[i] = &r.view.Hosts[i]
	}
	slices.SortFunc(eps, func(a, b *resolve.HostEndpoint) int { return strings.Compare(a.ID, b.ID) })
	var out []boundHost
	for _, iface := range r.hostIfaces() {
		addrs := localAddrs(iface)
		for _, ep := range eps {
			if governs(ep, iface.Name, addrs) {
				out = append(out, boundHost{iface.Name, ep})
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b boundHost) int { return strings.Compare(a.iface, b.iface) })
	for _, ep := range eps {
		if ep.Name == "*" {
			return append(out, boundHost{anyIface, ep})
		}
	}
	return out
}

func governs(ep *resolve.HostEndpoint, iface string, addrs []netip.Addr) bool {
	if ep.Name != "" {
		return ep.Name == iface
	}
	for _, want := range slices.Concat(ep.ExpectedIPv4, ep.ExpectedIPv6) {
		if slices.Contains(addrs, want) {
			return true
		}
	}
	return false
}

// hostIfaces are the node's interfaces that are neither workloads' nor excluded.
func (r *renderer) hostIfaces() []*resolve.Interface {
	var exclude []*regexp.Regexp
	for _, pattern := range r.set.InterfaceExclude {
		if re, err := regexp.Compile(pattern); err == nil {
			exclude = append(exclude, re)
		}
	}
	var out []*resolve.Interface
	for i := range r.view.Interfaces {
		iface := &r.view.Interfaces[i]
		workload := slices.ContainsFunc(r.set.InterfacePrefixes, func(p string) bool {
			return strings.HasPrefix(iface.Name, p)
		})
		excluded := slices.ContainsFunc(exclude, func(re *regexp.Regexp) bool { return re.MatchString(iface.Name) })
		if !workload && !excluded {
			out = append(out, iface)
		}
	}
	return out
}

// localAddrs are the destinations of the interface's routes in the table local:
// its addresses, and on the loopback interface also the first address of their
// prefixes.
func localAddrs(iface *resolve.Interface) []netip.Addr {
	var out []netip.Addr
	for _, p := range iface.Addrs {
		out = append(out, p.Addr())
		if iface.Loopback && p.Addr().Is4() && !p.IsSingleIP() {
			out = append(out, p.Masked().Addr())
		}
	}
	return out
}

// hostEndpoints makes the chains of all bound host endpoints in the four tables,
// and the dispatch to them.
func (r *renderer) hostEndpoints(l *layers) {
	var normal, untracked, preDNAT []string
	for _, b := range r.bindHosts() {
		normal = append(normal, b.iface)
		r.normalHost(l, b)
		if len(b.ep.PreDNATTiers) > 0 {
			preDNAT = append(preDNAT, b.iface)
			l.mangle.add(r.endpoint(r.hostChain(b, ingress, forPreDNAT)))
			r.addGroups(l, b.ep.PreDNATTiers, ingress)
		}
		if len(b.ep.UntrackedTiers) > 0 && b.iface != anyIface {
			untracked = append(untracked, b.iface)
			l.raw.add(r.endpoint(r.hostChain(b, egress, forUntracked)), r.endpoint(r.hostChain(b, ingress, forUntracked)))
			r.addGroups(l, b.ep.UntrackedTiers, ingress, egress)
		}
	}
	l.raw.add(r.hostDispatch(fromHostEP, hostFrom, nf.Src, untracked)...)
	l.raw.add(r.hostDispatch(toHostEP, hostTo, nf.Dst, untracked)...)
	l.mangle.add(r.hostDispatch(fromHostEP, hostFrom, nf.Src, preDNAT)...)
	l.mangle.add(r.hostDispatch(toHostEP, hostTo, nf.Dst, normal)...)
	l.filter.add(r.hostDispatch(fromHostEP, hostFrom, nf.Src, normal)...)
	l.filter.add(r.filterToHost(normal)...)
	l.filter.add(r.hostDispatch(fromHostForward, fwdFrom, nf.Src, normal)...)
	l.filter.add(r.hostDispatch(toHostForward, fwdTo, nf.Dst, normal)...)
	if r.set.IPVS {
		l.filter.add(r.markDispatch(normal)...)
	}
}

// normalHost makes the filter chains of one host endpoint, and the mangle chain
// for what the host sends to changed destinations.
func (r *renderer) normalHost(l *layers, b boundHost) {
	to := r.hostChain(b, egress, forHost)
	l.filter.add(
		r.endpoint(to),
		r.endpoint(r.hostChain(b, ingress, forHost)),
		r.endpoint(r.hostChain(b, egress, forForward)),
		r.endpoint(r.hostChain(b, ingress, forForward)))
	to.allow = nf.Return{}
	l.mangle.add(r.endpoint(to))
	r.addGroups(l, b.ep.Tiers, ingress, egress)
	r.addGroups(l, b.ep.ForwardTiers, ingress, egress)
	if r.set.IPVS {
		l.filter.add(r.setMarkChain(b.iface))
	}
}

// hostChain describes one chain of a host endpoint. Egress is to the interface.
func (r *renderer) hostChain(b boundHost, d direction, u use) endpointChain {
	e := endpointChain{iface: b.iface, dir: d, use: u, prefix: hostFrom, failsafe: failsafeIn}
	if d == egress {
		e.prefix, e.failsafe = hostTo, failsafeOut
	}
	switch u {
	case forUntracked:
		e.tiers, e.allow = b.ep.UntrackedTiers, nf.Accept{}
	case forPreDNAT:
		e.tiers, e.allow = b.ep.PreDNATTiers, r.mangleAllow()
	case forForward:
		e.tiers, e.allow, e.failsafe = b.ep.ForwardTiers, r.filterAllow(), ""
		e.prefix = fwdFrom
		if d == egress {
			e.prefix = fwdTo
		}
	default:
		e.tiers, e.allow, e.profiles = b.ep.Tiers, r.filterAllow(), b.ep.Profiles
	}
	return e
}

// hostDispatch makes one dispatch chain over host interfaces; the endpoint of
// all interfaces takes what the others leave.
func (r *renderer) hostDispatch(name, prefix string, dir nf.Dir, ifaces []string) []chain {
	d := dispatch{chain: name, prefix: prefix, dir: dir}
	named, all := splitAny(ifaces)
	if all {
		if name == toHostEP {
			// The mangle table is the only one that asks for this.
			d.end = append(d.end, r.skipWorkloads()...)
		}
		d.end = append(d.end, on(goTo(r.chainName(prefix, anyIface))))
	}
	return r.dispatchTree(d, named)
}

// filterToHost is the dispatch of the host's own packets in the filter table,
// where cali-OUTPUT took packets to workloads already.
func (r *renderer) filterToHost(ifaces []string) []chain {
	d := dispatch{chain: toHostEP, prefix: hostTo, dir: nf.Dst}
	named, all := splitAny(ifaces)
	if all {
		d.end = []rule{on(goTo(r.chainName(hostTo, anyIface)))}
	}
	return r.dispatchTree(d, named)
}

// skipWorkloads keeps the endpoint of all interfaces away from packets to local
// workloads.
func (r *renderer) skipWorkloads() []rule {
	var out []rule
	for _, c := range r.workloadIfaces(nf.Dst) {
		out = append(out, on(nf.Return{}, c))
	}
	return out
}

func splitAny(ifaces []string) (named []string, all bool) {
	for _, i := range ifaces {
		if i == anyIface {
			all = true
			continue
		}
		named = append(named, i)
	}
	return named, all
}
