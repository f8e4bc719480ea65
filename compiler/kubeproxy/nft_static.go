package kubeproxy

import (
	"net/netip"
	"strconv"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The chains, sets and maps of nftables mode that every service shares.
const (
	nftServices       nf.ChainName = "services"
	nftMasquerading   nf.ChainName = "masquerading"
	nftNodePortsCheck nf.ChainName = "nodeport-endpoints-check"
	nftEndpointsCheck nf.ChainName = "service-endpoints-check"
	nftFirewallCheck  nf.ChainName = "firewall-check"
	nftTableName      nf.TableName = "kube-proxy"
	nftClusterIPCheck nf.ChainName = "cluster-ips-check"
	nftReject         nf.ChainName = "reject-chain"
	setHairpin        nf.SetName   = "hairpin-connections"
	setClusterIPs     nf.SetName   = "cluster-ips"
	setNodePortIPs    nf.SetName   = "nodeport-ips"
	mapNoEndpoints    nf.SetName   = "no-endpoint-services"
	mapNoEndpointPort nf.SetName   = "no-endpoint-nodeports"
	mapFirewall       nf.SetName   = "firewall-ips"
	mapServices       nf.SetName   = "service-ips"
	mapNodePorts      nf.SetName   = "service-nodeports"
)

// nft makes the kube-proxy table of one family.
type nft struct {
	*input
	table  nf.Table
	chains map[nf.ChainName]int // indices in table.Chains
	sets   map[nf.SetName]int   // indices in table.Sets
	filled map[string]bool      // set and key of elements that are there
}

// nftTable makes the table of a family.
func nftTable(in *input) nf.Table {
	b := &nft{input: in, chains: map[nf.ChainName]int{}, sets: map[nf.SetName]int{}, filled: map[string]bool{}}
	b.table = nf.Table{Family: in.tableFamily(), Name: nftTableName, Backend: nf.NFTables, Comment: "rules for kube-proxy"}
	b.declareSets()
	b.baseChains()
	b.checks()
	b.servicesChain()
	b.masqueradingChain()
	for i := range in.services {
		b.service(&in.services[i])
	}
	return b.table
}

// chain returns the chain of a name, making it if need be.
func (b *nft) chain(name nf.ChainName) *nf.Chain {
	i, ok := b.chains[name]
	if !ok {
		i = len(b.table.Chains)
		b.chains[name] = i
		b.table.Chains = append(b.table.Chains, nf.Chain{Name: name})
	}
	return &b.table.Chains[i]
}

// add appends a rule to a chain; comment may be empty.
func (b *nft) add(name nf.ChainName, origin int, comment string, body ...nf.Stmt) {
	r := nf.Rule{Body: body, Origin: origin}
	if comment != "" {
		r.Comments = []string{comment}
	}
	c := b.chain(name)
	c.Rules = append(c.Rules, r)
}

func (b *nft) newSet(s nf.Set) {
	b.sets[s.Name] = len(b.table.Sets)
	b.table.Sets = append(b.table.Sets, s)
}

// fill adds an element unless its key is there already.
func (b *nft) fill(set nf.SetName, e nf.Element) {
	id := string(set)
	for _, d := range e.Key {
		if d.Addr.IsValid() {
			id += " " + d.Addr.String()
		} else {
			id += " " + strconv.FormatUint(d.Num, 10)
		}
	}
	if b.filled[id] {
		return
	}
	b.filled[id] = true
	s := &b.table.Sets[b.sets[set]]
	s.Elements = append(s.Elements, e)
}

func (b *nft) addrType() nf.DataType {
	if b.family == packet.IPv6 {
		return nf.TypeIPv6Addr
	}
	return nf.TypeIPv4Addr
}

func (b *nft) declareSets() {
	addr := b.addrType()
	place := []nf.DataType{addr, nf.TypeInetProto, nf.TypeInetService}
	port := place[1:]
	verdict := []nf.DataType{nf.TypeVerdict}
	b.newSet(nf.Set{Name: setHairpin, Key: append([]nf.DataType{addr}, place...), Comment: "service hairpin connections"})
	b.newSet(nf.Set{Name: setClusterIPs, Key: []nf.DataType{addr}, Comment: "Active ClusterIPs"})
	if !b.matchAll {
		b.newSet(nf.Set{Name: setNodePortIPs, Key: []nf.DataType{addr}, Comment: "IPs that accept NodePort traffic"})
		for _, a := range b.nodePortAddrs() {
			b.fill(setNodePortIPs, nf.Element{Key: []nf.Datum{nf.AddrDatum(a)}})
		}
	}
	b.newSet(nf.Set{Name: mapNoEndpoints, Key: place, Map: verdict, Comment: "vmap to drop or reject packets to services with no endpoints"})
	b.newSet(nf.Set{Name: mapNoEndpointPort, Key: port, Map: verdict, Comment: "vmap to drop or reject packets to service nodeports with no endpoints"})
	b.newSet(nf.Set{Name: mapFirewall, Key: place, Map: verdict, Comment: "destinations that are subject to LoadBalancerSourceRanges"})
	b.newSet(nf.Set{Name: mapServices, Key: place, Map: verdict, Comment: "ClusterIP, ExternalIP and LoadBalancer IP traffic"})
	b.newSet(nf.Set{Name: mapNodePorts, Key: port, Map: verdict, Comment: "NodePort traffic"})
}

// baseChains makes the base chains and their jumps.
func (b *nft) baseChains() {
	base := func(name nf.ChainName, typ nf.ChainType, hook nf.Hook, priority int32, isNew bool, to ...nf.ChainName) {
		b.chain(name).Base = &nf.Base{Type: typ, Hook: hook, Priority: priority, Policy: nf.PolicyAccept}
		for _, t := range to {
			if isNew {
				b.add(name, 0, "", ctState(nf.CtNew), nf.Jump{Chain: t})
			} else {
				b.add(name, 0, "", nf.Jump{Chain: t})
			}
		}
	}
	base("filter-prerouting-pre-dnat", nf.TypeFilter, nf.PreRouting, nf.PriNATDst-10, true, nftFirewallCheck)
	base("filter-output-pre-dnat", nf.TypeFilter, nf.LocalOut, nf.PriNATDst-10, true, nftFirewallCheck)
	base("filter-input", nf.TypeFilter, nf.LocalIn, nf.PriFilter, true, nftNodePortsCheck, nftEndpointsCheck)
	base("filter-forward", nf.TypeFilter, nf.Forward, nf.PriFilter, true, nftEndpointsCheck, nftClusterIPCheck)
	base("filter-output", nf.TypeFilter, nf.LocalOut, nf.PriFilter, true, nftEndpointsCheck, nftClusterIPCheck)
	base("nat-prerouting", nf.TypeNAT, nf.PreRouting, nf.PriNATDst, false, nftServices)
	base("nat-output", nf.TypeNAT, nf.LocalOut, nf.PriNATDst, false, nftServices)
	base("nat-postrouting", nf.TypeNAT, nf.PostRouting, nf.PriNATSrc, false, nftMasquerading)
}

// checks makes the chains that refuse packets.
func (b *nft) checks() {
	b.add(nftNodePortsCheck, 0, "", b.nodePortDestination(), nf.VMap{Key: portKey(), Set: mapNoEndpointPort})
	b.add(nftEndpointsCheck, 0, "", nf.VMap{Key: placeKey(), Set: mapNoEndpoints})
	b.add(nftFirewallCheck, 0, "", nf.VMap{Key: placeKey(), Set: mapFirewall})
	b.add(nftClusterIPCheck, 0, "Reject traffic to invalid ports of ClusterIPs",
		nf.MatchLookup{Key: keys(nf.KeyDAddr), Set: setClusterIPs}, nf.Reject{With: nf.RejectDefault})
	var cidrs []netip.Prefix
	for _, p := range b.ServiceCIDRs {
		if familyOf(p.Addr()) == b.family {
			cidrs = append(cidrs, p)
		}
	}
	if len(cidrs) > 0 {
		b.add(nftClusterIPCheck, 0, "Drop traffic to unallocated ClusterIPs", oneOf(nf.KeyDAddr, nf.OpEqual, cidrs), nf.Drop{})
	}
	b.add(nftReject, 0, "", nf.Reject{With: nf.RejectDefault})
	b.chain(nftReject).Comment = "helper for @no-endpoint-services / @no-endpoint-nodeports"
}

// nodePortDestination matches addresses on which node ports are served.
func (b *nft) nodePortDestination() nf.Stmt {
	switch {
	case !b.matchAll:
		return nf.MatchLookup{Key: keys(nf.KeyDAddr), Set: setNodePortIPs}
	case b.family == packet.IPv6:
		return compare(nf.KeyDAddr, nf.OpNotEqual, nf.AddrDatum(netip.IPv6Loopback()))
	}
	return compare(nf.KeyDAddr, nf.OpNotEqual, nf.PrefixDatum(netip.MustParsePrefix("127.0.0.0/8")))
}

func (b *nft) servicesChain() {
	toClusterIP := nf.MatchLookup{Key: keys(nf.KeyDAddr), Set: setClusterIPs}
	switch {
	case b.MasqueradeAll:
		b.add(nftServices, 0, "masquerade all clusterIP traffic", toClusterIP, b.setMark())
	case b.detect.set():
		b.add(nftServices, 0, "masquerade clusterIP traffic from outside cluster", toClusterIP, b.detect.nftMatch(nf.OpNotEqual), b.setMark())
	}
	b.add(nftServices, 0, "", nf.VMap{Key: placeKey(), Set: mapServices})
	if b.matchAll {
		b.add(nftServices, 0, "", fibLocal(false), b.nodePortDestination(), nf.VMap{Key: portKey(), Set: mapNodePorts})
	} else {
		b.add(nftServices, 0, "", b.nodePortDestination(), nf.VMap{Key: portKey(), Set: mapNodePorts})
	}
}

func (b *nft) masqueradingChain() {
	masquerade := nf.NAT{Kind: nf.Masquerade, FullyRandom: true}
	marked := nf.MatchCompare{Key: keys(nf.KeyMark), Mask: uint64(b.mark), Op: nf.OpNotEqual, Values: [][]nf.Datum{{nf.NumDatum(0)}}}
	b.add(nftMasquerading, 0, "", marked, nf.SetMark{Value: b.mark}, masquerade)
	b.add(nftMasquerading, 0, "", compare(nf.KeyCtStatus, nf.OpHasAny, nf.NumDatum(uint64(nf.CtStatusDNAT))),
		nf.MatchLookup{Key: keys(nf.KeySAddr, nf.KeyDAddr, nf.KeyL4Proto, nf.KeyTHDPort), Set: setHairpin}, masquerade)
}
