package link

import (
	"fmt"
	"net/netip"

	"tortie/compiler/diag"
	"tortie/compiler/felix"
	"tortie/compiler/kubeproxy"
	"tortie/compiler/resolve"
	"tortie/compiler/routing"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// The kube-proxy modes of Options.KubeProxy; the empty string takes the mode of
// Felix's dataplane when the input has services.
const (
	KubeProxyNone     = "none"
	KubeProxyIptables = "iptables"
	KubeProxyNFTables = "nftables"
	KubeProxyIPVS     = "ipvs"
)

// before makes what Felix finds on a node: its network, and in IPVS mode what
// kube-proxy adds to it, because Felix looks for kube-ipvs0.
func (l *Linker) before(name host.Name) (host.State, *kubeproxy.Result, error) {
	state, ok := l.routing.Node(string(name), l.tunnels(name))
	if !ok {
		return state, nil, fmt.Errorf("no node %q in the input", name)
	}
	if !l.options.IPVS || l.options.KubeProxy == KubeProxyNone {
		return state, nil, nil
	}
	proxy, err := l.proxy(&state, kubeproxy.IPVS, nf.IptablesNFT)
	if err != nil {
		return state, nil, err
	}
	addIPVS(&state, &proxy)
	return state, &proxy, nil
}

// tunnels says which tunnels Felix has on a node.
func (l *Linker) tunnels(name host.Name) routing.Tunnels {
	s := l.index.Settings(string(name), l.nodeOptions(&host.State{}))
	t := routing.Tunnels{VXLAN: s.VXLAN, VXLANv6: s.VXLANv6 && s.IPv6, IPIP: s.IPIP, VXLANPort: s.VXLANPort, VNI: s.VXLANVNI}
	l.addWireGuard(&t, &s)
	return t
}

// nodeOptions are Felix's circumstances on a node.
func (l *Linker) nodeOptions(s *host.State) resolve.NodeOptions {
	return resolve.NodeOptions{Base: l.base, Env: l.options.Env, Interfaces: interfacesOf(s), IPVS: l.options.IPVS,
		ProxyNFTables: l.options.KubeProxy == KubeProxyNFTables}
}

// addIPVS adds the link kube-ipvs0, which stays down, and the virtual servers.
func addIPVS(s *host.State, proxy *kubeproxy.Result) {
	link := host.Link{Index: len(s.Links) + 1, Name: host.IPVSLink, Kind: "dummy", MTU: 1500}
	for _, a := range proxy.Bound {
		link.Addrs = append(link.Addrs, host.Addr{Prefix: netip.PrefixFrom(a, a.BitLen())})
		s.Routes = append(s.Routes, host.Route{Table: host.TableLocal, Type: host.RouteLocal, Scope: host.ScopeHost,
			Dst: netip.PrefixFrom(a, a.BitLen()), PrefSrc: a, Hops: []host.NextHop{{Dev: host.IPVSLink}}, Protocol: "kernel"})
	}
	s.Links = append(s.Links, link)
	s.IPVS = proxy.Servers
	for _, name := range []string{"conntrack", "expire_nodest_conn", "expire_quiescent_template"} {
		s.Sysctls["net.ipv4.vs."+name] = "1"
	}
}

// proxy makes kube-proxy's part of a node.
func (l *Linker) proxy(s *host.State, mode kubeproxy.Mode, backend nf.Backend) (kubeproxy.Result, error) {
	opt := kubeproxy.Defaults(mode)
	opt.Node = string(s.Name)
	opt.Backend = backend
	opt.Local = kubeproxy.LocalDetector{CIDRs: l.podCIDRs()}
	opt.NFAcct = false
	opt.ServiceCIDRs = l.serviceCIDRs()
	if l.proxyConfig != nil {
		l.proxyConfig.apply(&opt)
		l.proxyConfig.sysctls(s)
	}
	opt.ConntrackBeLiberal = s.Sysctls[beLiberal] != "" && s.Sysctls[beLiberal] != "0"
	for _, link := range s.Links {
		for _, a := range link.Addrs {
			opt.Addresses = append(opt.Addresses, a.Prefix.Addr())
		}
	}
	res, err := kubeproxy.Program(l.snapshot, opt)
	if err != nil {
		return res, fmt.Errorf("kube-proxy of node %s: %w", s.Name, err)
	}
	return res, nil
}

// beLiberal is the sysctl with which kube-proxy lets invalid packets pass: set by
// its configuration (conntrack.tcpBeLiberal) or by the node itself.
const beLiberal = "net.netfilter.nf_conntrack_tcp_be_liberal"

// addServices joins kube-proxy's rules and those of other programs with Felix's, and
// returns the origins of all, in one list. In IPVS mode kube-proxy's part is there
// already. Node is Felix's backend.
func (l *Linker) addServices(s *host.State, node nf.Backend, result *felix.Result, proxy *kubeproxy.Result) ([]host.Origin, diag.List, error) {
	origins := l.originsOf(result.Origins)
	backend := node
	if !backend.Iptables() {
		backend = nf.IptablesNFT
	}
	if proxy == nil {
		made := kubeproxy.Result{Origins: make([]kubeproxy.Origin, 1)}
		if mode, ok := l.proxyMode(node); ok {
			var err error
			if made, err = l.proxy(s, mode, backend); err != nil {
				return origins, nil, err
			}
		}
		proxy = &made
	} else {
		for i := range proxy.Ruleset.Tables {
			proxy.Ruleset.Tables[i].Backend = backend
		}
	}
	shiftOrigins(&proxy.Ruleset, len(origins)-1)
	shiftServers(s.IPVS, len(origins)-1)
	for _, o := range proxy.Origins[1:] {
		origins = append(origins, host.Origin{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, File: o.File, Line: o.Line})
	}
	if proxy.RouteLocalnet {
		s.Sysctls["net.ipv4.conf.all.route_localnet"] = "1"
	}
	s.Ruleset.Tables = join(result, proxy.Ruleset.Tables, l.others(s.Name, node))
	s.Ruleset.IPSets = append(s.Ruleset.IPSets, proxy.Ruleset.IPSets...)
	return origins, l.noteFindings(proxy), nil
}

// noteFindings are kube-proxy's notes with the place of the service.
func (l *Linker) noteFindings(proxy *kubeproxy.Result) diag.List {
	var out diag.List
	for _, n := range proxy.Notes {
		f := diag.Finding{Code: "service/kube-proxy", Severity: diag.Warning, Message: n.Text}
		if n.Origin > 0 && n.Origin <= len(l.snapshot.Services) {
			f.Span = l.snapshot.Services[n.Origin-1].Source.At("metadata", "name")
		}
		out.Add(f)
	}
	return out
}

// shiftServers moves the origins of virtual servers as shiftOrigins does.
func shiftServers(list []host.VirtualServer, by int) {
	for i := range list {
		if list[i].Origin != 0 {
			list[i].Origin += by
		}
	}
}

func (l *Linker) proxyMode(node nf.Backend) (kubeproxy.Mode, bool) {
	switch l.options.KubeProxy {
	case KubeProxyNone:
		return 0, false
	case KubeProxyIptables:
		return kubeproxy.Iptables, true
	case KubeProxyNFTables:
		return kubeproxy.NFTables, true
	}
	if len(l.snapshot.Services) == 0 {
		return 0, false
	}
	if node == nf.NFTables {
		return kubeproxy.NFTables, true
	}
	return kubeproxy.Iptables, true
}

// backendOf is the backend of Felix's tables.
func backendOf(rs *nf.Ruleset) nf.Backend {
	if len(rs.Tables) == 0 {
		return nf.IptablesLegacy
	}
	return rs.Tables[0].Backend
}

// podCIDRs are the pools' prefixes, kube-proxy's --cluster-cidr.
func (l *Linker) podCIDRs() []netip.Prefix {
	var out []netip.Prefix
	for _, o := range l.snapshot.IPPools {
		if p, err := netip.ParsePrefix(o.Object.Spec.CIDR); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}
