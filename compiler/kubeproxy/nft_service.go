package kubeproxy

import (
	"net/netip"
	"time"

	"tortie/dataplane/nf"
)

// affinitySize is the size of a set that nft makes when none is given.
const affinitySize = 65535

// nftService are the chains of one service port.
type nftService struct {
	*nft
	*service
	cluster, local, external, fire nf.ChainName
	usesExternal, usesFirewall     bool
}

// service makes elements and chains of one service port.
func (b *nft) service(s *service) {
	name := nf.ChainName(s.nftName())
	c := &nftService{nft: b, service: s, cluster: "service-" + name, local: "local-" + name,
		external: "external-" + name, fire: "firewall-" + name}
	c.usesExternal = s.plan.any && s.externallyAccessible()
	c.usesFirewall = len(s.balancers) > 0 && len(s.sourceRanges) > 0
	c.hairpin()
	c.clusterIPElements()
	c.externalElements()
	c.nodePortElements()
	if c.usesExternal {
		c.externalChain()
	}
	if c.usesFirewall {
		c.firewallChain()
	}
	c.endpointChains()
	if len(s.plan.cluster) > 0 {
		c.spread(c.cluster, s.plan.cluster)
	}
	if len(s.plan.local) > 0 {
		c.spread(c.local, s.plan.local)
	}
}

// hairpin adds the connections that an endpoint of this node makes to itself.
func (c *nftService) hairpin() {
	for _, e := range c.plan.reachable {
		if e.local {
			key := append([]nf.Datum{nf.AddrDatum(e.addr)}, place(e.addr, c.proto, e.port)...)
			c.fill(setHairpin, nf.Element{Key: key})
		}
	}
}

// refusal is what happens to packets for which there is no endpoint here.
func (c *nftService) refusal() *nf.Verdict {
	if !c.plan.any {
		return gotoVerdict(nftReject)
	}
	return &nf.Verdict{Kind: nf.VerdictDrop}
}

func (c *nftService) clusterIPElements() {
	c.fill(setClusterIPs, nf.Element{Key: []nf.Datum{nf.AddrDatum(c.clusterIP)}, Origin: c.origin})
	key := place(c.clusterIP, c.proto, c.portNumber)
	if !c.plan.internal {
		c.fill(mapNoEndpoints, nf.Element{Key: key, Verdict: c.refusal(), Comment: c.text(), Origin: c.origin})
		return
	}
	to := c.cluster
	if c.internalLocal {
		to = c.local
	}
	c.fill(mapServices, nf.Element{Key: key, Verdict: gotoVerdict(to), Origin: c.origin})
}

func (c *nftService) externalElements() {
	for n, a := range append(append([]netip.Addr{}, c.externalIPs...), c.balancers...) {
		key := place(a, c.proto, c.portNumber)
		if c.plan.any {
			c.fill(mapServices, nf.Element{Key: key, Verdict: gotoVerdict(c.external), Origin: c.origin})
		}
		if c.usesFirewall && n >= len(c.externalIPs) {
			c.fill(mapFirewall, nf.Element{Key: key, Verdict: gotoVerdict(c.fire), Origin: c.origin})
		}
		if !c.plan.external {
			c.fill(mapNoEndpoints, nf.Element{Key: key, Verdict: c.refusal(), Comment: c.text(), Origin: c.origin})
		}
	}
}

func (c *nftService) nodePortElements() {
	if c.nodePort == 0 {
		return
	}
	key := []nf.Datum{nf.NumDatum(uint64(c.proto)), nf.NumDatum(uint64(c.nodePort))}
	if c.plan.any {
		c.fill(mapNodePorts, nf.Element{Key: key, Verdict: gotoVerdict(c.external), Origin: c.origin})
	}
	if !c.plan.external {
		c.fill(mapNoEndpointPort, nf.Element{Key: key, Verdict: c.refusal(), Comment: c.text(), Origin: c.origin})
	}
}

// externalChain is where packets to node port, load balancer and external
// addresses go.
func (c *nftService) externalChain() {
	add := func(comment string, body ...nf.Stmt) { c.add(c.external, c.origin, comment, body...) }
	c.chain(c.external)
	policy := c.cluster
	if c.externalLocal {
		policy = c.local
		if c.detect.set() {
			add("short-circuit pod traffic", c.detect.nftMatch(nf.OpEqual), nf.Goto{Chain: c.cluster})
		}
		add("masquerade local traffic", fibLocal(true), c.setMark())
		add("short-circuit local traffic", fibLocal(true), nf.Goto{Chain: c.cluster})
	} else {
		add("masquerade", c.setMark())
	}
	if c.plan.external {
		add("", nf.Goto{Chain: policy})
	}
}

// firewallChain drops packets from outside of the source ranges.
func (c *nftService) firewallChain() {
	from := append([]netip.Prefix{}, c.sourceRanges...)
	for _, p := range c.sourceRanges {
		if p.Contains(c.nodeIP) {
			for _, a := range c.balancers {
				from = append(from, single(a))
			}
			break
		}
	}
	c.add(c.fire, c.origin, "", oneOf(nf.KeySAddr, nf.OpNotEqual, from), nf.Drop{})
}

// endpointChains makes what remembers a client's endpoint.
func (c *nftService) endpointChains() {
	if !c.affinity {
		return
	}
	for i := range c.plan.reachable {
		e := &c.plan.reachable[i]
		set, chain := c.affinityNames(e)
		c.newSet(nf.Set{Name: set, Key: []nf.DataType{c.addrType()}, Dynamic: true, HasTimeout: true,
			Timeout: time.Duration(c.affinitySecond) * time.Second, Size: affinitySize})
		c.add(chain, c.origin, "", nf.SetElement{Op: "update", Set: set, Key: keys(nf.KeySAddr)})
		c.add(chain, c.origin, "", isProto(c.proto), nf.NAT{Kind: nf.DNAT, Addr: e.addr, AddrTo: e.addr, Port: e.port, PortTo: e.port})
	}
}

func (c *nftService) affinityNames(e *endpoint) (nf.SetName, nf.ChainName) {
	name := c.nftEndpointName(e)
	return nf.SetName("affinity-" + name), nf.ChainName("endpoint-" + name)
}

// spread fills a chain that chooses one of the endpoints.
func (c *nftService) spread(chain nf.ChainName, list []endpoint) {
	var elements []nf.Element
	for i := range list {
		number := []nf.Datum{nf.NumDatum(uint64(i))}
		if !c.affinity {
			elements = append(elements, nf.Element{Key: number,
				Data: []nf.Datum{nf.AddrDatum(list[i].addr), nf.NumDatum(uint64(list[i].port))}})
			continue
		}
		set, to := c.affinityNames(&list[i])
		c.add(chain, c.origin, "", nf.MatchLookup{Key: keys(nf.KeySAddr), Set: set}, nf.Goto{Chain: to})
		elements = append(elements, nf.Element{Key: number, Verdict: gotoVerdict(to)})
	}
	if c.affinity {
		c.add(chain, c.origin, "", nf.VMap{Key: choose(len(list)), Elements: elements})
		return
	}
	c.add(chain, c.origin, "", isProto(c.proto), nf.NAT{Kind: nf.DNAT, Map: &nf.MapLookup{Key: choose(len(list)),
		Elements: elements, Type: []nf.DataType{c.addrType(), nf.TypeInetService}}})
}
