package kubeproxy

import (
	"math"
	"net/netip"
	"strconv"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// iptService are the chains of one service port, and its statements.
type iptService struct {
	*ipt
	*service
	name, comment                  string
	cluster, local, external, fire nf.ChainName
	internal                       nf.ChainName
	usesExternal, usesFirewall     bool
}

// service makes the rules of one service port.
func (b *ipt) service(s *service) {
	c := &iptService{ipt: b, service: s, name: s.text(),
		cluster: s.iptChain("KUBE-SVC-"), local: s.iptChain("KUBE-SVL-"),
		external: s.iptChain("KUBE-EXT-"), fire: s.iptChain("KUBE-FW-")}
	c.internal = c.cluster
	if s.internalLocal {
		c.internal = c.local
	}
	c.usesExternal = s.plan.any && s.externallyAccessible()
	c.usesFirewall = s.plan.any && len(s.balancers) > 0 && len(s.sourceRanges) > 0
	c.clusterIPRule()
	c.externalIPRules()
	c.balancerRules()
	c.nodePortRules()
	if s.healthCheck != 0 {
		b.filter.add(chainNodePorts, s.origin, c.name+" health check node port",
			nf.MatchProto{Proto: packet.ProtoTCP}, dport(packet.ProtoTCP, s.healthCheck), nf.Accept{})
	}
	c.masqueradeRule()
	if c.usesExternal {
		c.externalChain()
	}
	if c.usesFirewall {
		c.firewallChain()
	}
	if len(s.plan.cluster) > 0 {
		c.spread(c.cluster, s.plan.cluster)
	}
	if len(s.plan.local) > 0 {
		c.spread(c.local, s.plan.local)
	}
	for i := range s.plan.reachable {
		c.endpointChain(&s.plan.reachable[i])
	}
}

func dport(p packet.Proto, port uint16) nf.Stmt {
	return nf.MatchL4{Proto: p, Dst: &nf.PortRange{From: port, To: port}}
}

// to adds a rule for packets to one address and port of the service.
func (c *iptService) to(t *iptTable, chain nf.ChainName, comment string, a netip.Addr, target nf.Target) {
	t.add(chain, c.origin, comment, dst(a), nf.MatchProto{Proto: c.proto}, dport(c.proto, c.portNumber), target)
}

// refusal is what the filter table does with packets for which there is no
// endpoint here, and its comment.
func (c *iptService) refusal() (string, nf.Target) {
	if !c.plan.any {
		return c.name + " has no endpoints", nf.Reject{With: nf.RejectPortUnreach}
	}
	return c.name + " has no local endpoints", nf.Drop{}
}

func (c *iptService) clusterIPRule() {
	if c.plan.internal {
		c.to(c.nat, chainServices, c.name+" cluster IP", c.clusterIP, nf.Jump{Chain: c.internal})
		return
	}
	comment, target := c.refusal()
	c.to(c.filter, chainServices, comment, c.clusterIP, target)
}

func (c *iptService) externalIPRules() {
	comment, target := c.refusal()
	for _, a := range c.externalIPs {
		if c.plan.any {
			c.to(c.nat, chainServices, c.name+" external IP", a, nf.Jump{Chain: c.external})
		}
		if !c.plan.external {
			c.to(c.filter, chainExternal, comment, a, target)
		}
	}
}

func (c *iptService) balancerRules() {
	comment, target := c.refusal()
	chain := c.external
	if c.usesFirewall {
		chain = c.fire
	}
	for _, a := range c.balancers {
		if c.plan.any {
			c.to(c.nat, chainServices, c.name+" loadbalancer IP", a, nf.Jump{Chain: chain})
		}
		if c.usesFirewall {
			c.to(c.filter, chainProxyFirewall, c.name+" traffic not accepted by "+string(c.fire), a, nf.Drop{})
		}
	}
	if c.plan.external {
		return
	}
	for _, a := range c.balancers {
		c.to(c.filter, chainExternal, comment, a, target)
	}
}

func (c *iptService) nodePortRules() {
	if c.nodePort == 0 {
		return
	}
	proto, port := nf.MatchProto{Proto: c.proto}, dport(c.proto, c.nodePort)
	if c.plan.any {
		if c.localhost && c.NFAcct {
			lo := nf.MatchAddr{Dir: nf.Dst, Prefix: netip.MustParsePrefix("127.0.0.0/8")}
			c.nat.add(chainNodePorts, c.origin, c.name, lo, proto, port, nf.MatchNFAcct{Name: acctLocalhost}, nf.Jump{Chain: c.external})
		}
		c.nat.add(chainNodePorts, c.origin, c.name, proto, port, nf.Jump{Chain: c.external})
	}
	if !c.plan.external {
		comment, target := c.refusal()
		c.filter.add(chainExternal, c.origin, comment, proto, nf.MatchAddrType{DstType: nf.AddrLocal}, port, target)
	}
}

// masqueradeRule begins the chain of the ClusterIP's packets: those from outside
// of the cluster come back through this node.
func (c *iptService) masqueradeRule() {
	if !c.plan.internal || !c.MasqueradeAll && !c.detect.set() {
		return
	}
	body := []nf.Stmt{nil, dst(c.clusterIP), nil, nf.MatchProto{Proto: c.proto}, dport(c.proto, c.portNumber), nf.Jump{Chain: chainMarkMasq}}
	if !c.MasqueradeAll {
		body[0], body[2] = c.detect.iptMatches(true)
	}
	c.nat.add(c.internal, c.origin, c.name+" cluster IP", body...)
}

// iptMatches returns the detector's match by address or by interface, the other
// being nil.
func (d detector) iptMatches(invert bool) (addr, iface nf.Stmt) {
	if d.prefix.IsValid() {
		return nf.MatchAddr{Dir: nf.Src, Prefix: d.prefix, Invert: invert}, nil
	}
	return nil, nf.MatchIface{Dir: nf.Src, Name: d.name, Wildcard: d.wildcard, Invert: invert}
}

// externalChain is where packets to node port, load balancer and external
// addresses go.
func (c *iptService) externalChain() {
	add := func(comment string, body ...nf.Stmt) { c.nat.add(c.external, c.origin, comment, body...) }
	c.nat.declare(c.external)
	suffix := " for " + c.name + " external destinations"
	policy := c.cluster
	if c.externalLocal {
		policy = c.local
		if c.detect.set() {
			addr, iface := c.detect.iptMatches(false)
			add("pod traffic"+suffix, addr, iface, nf.Jump{Chain: c.cluster})
		}
		fromHere := nf.MatchAddrType{SrcType: nf.AddrLocal}
		add("masquerade LOCAL traffic"+suffix, fromHere, nf.Jump{Chain: chainMarkMasq})
		add("route LOCAL traffic"+suffix, fromHere, nf.Jump{Chain: c.cluster})
	} else {
		add("masquerade traffic"+suffix, nf.Jump{Chain: chainMarkMasq})
	}
	if c.plan.external {
		add("", nf.Jump{Chain: policy})
	}
}

// firewallChain lets the source ranges through; what comes out of it unchanged
// is dropped in the filter table.
func (c *iptService) firewallChain() {
	fromNode := false
	comment := c.name + " loadbalancer IP"
	for _, p := range c.sourceRanges {
		c.nat.add(c.fire, c.origin, comment, src(p), nf.Jump{Chain: c.external})
		fromNode = fromNode || p.Contains(c.nodeIP)
	}
	if fromNode {
		for _, a := range c.balancers {
			c.nat.add(c.fire, c.origin, comment, src(single(a)), nf.Jump{Chain: c.external})
		}
	}
	c.nat.add(c.fire, c.origin, "other traffic to "+c.name+" will be dropped by KUBE-PROXY-FIREWALL", nf.Continue{})
}

// endpointComment is the comment of rules that a large cluster leaves out.
func (c *iptService) endpointComment(text string) string {
	if c.large {
		return ""
	}
	return text
}

// spread fills a chain that chooses one of the endpoints: the one that the
// client had before, else each with the same chance.
func (c *iptService) spread(chain nf.ChainName, list []endpoint) {
	if c.affinity {
		for i := range list {
			sep := c.iptEndpointChain(&list[i])
			c.nat.add(chain, c.origin, c.endpointComment(c.name+" -> "+list[i].text()),
				nf.MatchRecent{Op: "rcheck", Name: string(sep), Seconds: c.affinitySecond, Reap: true, Mask: c.allOnes()}, nf.Jump{Chain: sep})
		}
	}
	for i := range list {
		var chance nf.Stmt
		if n := len(list) - i; n > 1 {
			chance = nf.MatchStatistic{Probability: probability(n)}
		}
		c.nat.add(chain, c.origin, c.endpointComment(c.name+" -> "+list[i].text()), chance, nf.Jump{Chain: c.iptEndpointChain(&list[i])})
	}
}

// probability is 1/n in parts of 2^31, by way of the ten digits that kube-proxy
// prints.
func probability(n int) uint32 {
	p, _ := strconv.ParseFloat(strconv.FormatFloat(1/float64(n), 'f', 10, 64), 64)
	return uint32(math.Round(p * (1 << 31)))
}

// allOnes is the mask of one client in the recent lists.
func (c *iptService) allOnes() netip.Addr {
	if c.family == packet.IPv4 {
		return netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	var b [16]byte
	for i := range b {
		b[i] = 255
	}
	return netip.AddrFrom16(b)
}

// endpointChain sends a packet to one endpoint.
func (c *iptService) endpointChain(e *endpoint) {
	chain := c.iptEndpointChain(e)
	comment := c.endpointComment(c.name)
	c.nat.add(chain, c.origin, comment, src(single(e.addr)), nf.Jump{Chain: chainMarkMasq})
	var remember nf.Stmt
	if c.affinity {
		remember = nf.MatchRecent{Op: "set", Name: string(chain), Mask: c.allOnes()}
	}
	c.nat.add(chain, c.origin, comment, nf.MatchProto{Proto: c.proto}, remember, nf.MatchL4{Proto: c.proto},
		nf.NAT{Kind: nf.DNAT, Addr: e.addr, AddrTo: e.addr, Port: e.port, PortTo: e.port})
}
