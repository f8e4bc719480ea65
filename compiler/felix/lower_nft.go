package felix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// nftBases are the base chains of the table calico, by layer.
var nftBases = []struct {
	layer nf.TableName
	chain nf.ChainName
	base  nf.Base
}{
	{"raw", "PREROUTING", nf.Base{Type: nf.TypeFilter, Hook: nf.PreRouting, Priority: nf.PriRaw}},
	{"raw", "OUTPUT", nf.Base{Type: nf.TypeFilter, Hook: nf.LocalOut, Priority: nf.PriRaw}},
	{"mangle", "PREROUTING", nf.Base{Type: nf.TypeFilter, Hook: nf.PreRouting, Priority: nf.PriMangle}},
	{"mangle", "INPUT", nf.Base{Type: nf.TypeFilter, Hook: nf.LocalIn, Priority: nf.PriMangle}},
	{"mangle", "FORWARD", nf.Base{Type: nf.TypeFilter, Hook: nf.Forward, Priority: nf.PriMangle}},
	{"mangle", "OUTPUT", nf.Base{Type: nf.TypeRoute, Hook: nf.LocalOut, Priority: nf.PriMangle}},
	{"mangle", "POSTROUTING", nf.Base{Type: nf.TypeFilter, Hook: nf.PostRouting, Priority: nf.PriMangle}},
	{"nat", "PREROUTING", nf.Base{Type: nf.TypeNAT, Hook: nf.PreRouting, Priority: nf.PriNATDst}},
	{"nat", "INPUT", nf.Base{Type: nf.TypeNAT, Hook: nf.LocalIn, Priority: nf.PriNATDst}},
	{"nat", "OUTPUT", nf.Base{Type: nf.TypeNAT, Hook: nf.LocalOut, Priority: nf.PriNATSrc + 10}},
	{"nat", "POSTROUTING", nf.Base{Type: nf.TypeNAT, Hook: nf.PostRouting, Priority: nf.PriNATSrc + 10}},
	{"filter", "INPUT", nf.Base{Type: nf.TypeFilter, Hook: nf.LocalIn, Priority: nf.PriFilter}},
	{"filter", "FORWARD", nf.Base{Type: nf.TypeFilter, Hook: nf.Forward, Priority: nf.PriFilter}},
	{"filter", "OUTPUT", nf.Base{Type: nf.TypeFilter, Hook: nf.LocalOut, Priority: nf.PriFilter}},
}

// maxKernelName is how long the kernel lets a chain's name be. Felix limits its
// own part to 256 and then puts the layer in front.
const maxKernelName = 255

// nftTable makes the family's table calico. Chains of the four layers have the
// layer's name in front.
func (r *renderer) nftTable() nf.Table {
	t := nf.Table{Family: nf.FamilyIP, Name: "calico", Backend: nf.NFTables, Sets: r.sets()}
	if !r.v4() {
		t.Family = nf.FamilyIP6
	}
	t.Sets = append(t.Sets, r.workloadMap(fromWorkload, wlFrom), r.workloadMap(toWorkload, wlTo))
	l := r.render()
	for _, one := range []*layer{&l.raw, &l.mangle, &l.nat, &l.filter} {
		for _, b := range nftBases {
			if b.layer == one.name {
				t.Chains = append(t.Chains, r.nftBase(one, b.chain, b.base))
			}
		}
		for _, c := range one.referred() {
			name := layered(one.name, nf.ChainName(c.name))
			if len(name) > maxKernelName {
				r.problem(firstOrigin(c.rules), fmt.Sprintf("chain %.60s… has a name of %d bytes: the kernel takes %d and Felix crashes", name, len(name), maxKernelName))
			}
			t.Chains = append(t.Chains, nf.Chain{Name: name, Rules: r.nftRules(one.name, c.rules)})
		}
	}
	return t
}

// firstOrigin is the first of the rules' origins, 0 where none has one.
func firstOrigin(rules []rule) int {
	for i := range rules {
		if rules[i].origin != 0 {
			return rules[i].origin
		}
	}
	return 0
}

func (r *renderer) nftBase(l *layer, name nf.ChainName, base nf.Base) nf.Chain {
	base.Policy = nf.PolicyAccept
	c := nf.Chain{Name: layered(l.name, name), Base: &base}
	for _, h := range l.hooks {
		if h.base == name {
			c.Rules = r.nftRules(l.name, append(slices.Clone(h.front), h.back...))
		}
	}
	return c
}

// layered puts the layer's name in front of a chain's or map's.
func layered[N ~string](layer nf.TableName, name N) N {
	if strings.HasPrefix(string(name), string(layer)) {
		return name
	}
	return N(layer) + "-" + name
}

// workloadMap is the verdict map of a dispatch chain.
func (r *renderer) workloadMap(name, prefix string) nf.Set {
	var ifaces []string
	for _, w := range activeWorkloads(r.view.Workloads) {
		ifaces = append(ifaces, w.Iface)
	}
	return verdictMap(name, ifaces, func(iface string) string { return r.chainName(prefix, iface) })
}

func verdictMap(name string, ifaces []string, to func(iface string) string) nf.Set {
	s := nf.Set{
		Name: layered[nf.SetName]("filter", nf.SetName(name)),
		Key:  []nf.DataType{nf.TypeIfname}, Map: []nf.DataType{nf.TypeVerdict},
	}
	slices.Sort(ifaces)
	for _, iface := range ifaces {
		s.Elements = append(s.Elements, nf.Element{
			Key:     []nf.Datum{nf.NameDatum(iface)},
			Verdict: &nf.Verdict{Kind: nf.VerdictGoto, Chain: layered("filter", nf.ChainName(to(iface)))},
		})
	}
	return s
}

// arpTable keeps the host from answering ARP for a workload's own addresses.
func arpTable(v *resolve.View) nf.Table {
	t := nf.Table{Family: nf.FamilyARP, Name: "calico-arp", Backend: nf.NFTables}
	const dispatch, prefix = "cali-arp-dispatch", "cali-arp-"
	var ifaces []string
	chains := []nf.Chain{
		{
			Name:  "filter-OUTPUT",
			Base:  &nf.Base{Type: nf.TypeFilter, Hook: nf.LocalOut, Priority: nf.PriFilter, Policy: nf.PolicyAccept},
			Rules: []nf.Rule{{Body: []nf.Stmt{nf.Counter{}, nf.Jump{Chain: "filter-" + dispatch}}}},
		},
		{
			Name: "filter-" + dispatch,
			Rules: []nf.Rule{{Body: []nf.Stmt{
				nf.VMap{Key: []nf.Key{{Field: nf.KeyOIFName}}, Set: "filter-" + dispatch},
			}}},
		},
	}
	name := func(iface string) string { return limited(prefix, iface, maxNftChain) }
	for _, w := range activeWorkloads(v.Workloads) {
		if len(w.IPv4) == 0 {
			continue
		}
		ifaces = append(ifaces, w.Iface)
		c := nf.Chain{Name: nf.ChainName("filter-" + name(w.Iface))}
		for _, p := range w.IPv4 {
			c.Rules = append(c.Rules, arpRule(w.Iface, p.Addr()))
		}
		chains = append(chains, c)
	}
	t.Sets = []nf.Set{verdictMap(dispatch, ifaces, name)}
	t.Chains = chains
	return t
}

// arpReply is the operation of an ARP reply.
const arpReply = 2

func arpRule(iface string, addr netip.Addr) nf.Rule {
	return nf.Rule{Body: []nf.Stmt{
		compare(nf.KeyOIFName, nf.OpEqual, nf.NameDatum(iface)),
		compare(nf.KeyARPOperation, nf.OpEqual, nf.NumDatum(arpReply)),
		compare(nf.KeyARPSAddrIP, nf.OpEqual, nf.AddrDatum(addr)),
		nf.Counter{},
		nf.Drop{},
	}}
}

func compare(k nf.KeyField, op nf.Op, values ...nf.Datum) nf.MatchCompare {
	m := nf.MatchCompare{Key: []nf.Key{{Field: k}}, Op: op}
	for _, v := range values {
		m.Values = append(m.Values, []nf.Datum{v})
	}
	return m
}

func equal(not bool) nf.Op {
	if not {
		return nf.OpNotEqual
	}
	return nf.OpEqual
}

func (r *renderer) nftRules(layer nf.TableName, in []rule) []nf.Rule {
	out := make([]nf.Rule, len(in))
	for i := range in {
		out[i] = r.nftRule(layer, &in[i])
	}
	return out
}

// nftRule writes a rule as nft lists it: a protocol that a later port or ICMP
// type implies is left out; a counter stands before what acts.
func (r *renderer) nftRule(layer nf.TableName, in *rule) nf.Rule {
	out := nf.Rule{Origin: in.origin, Comments: nftComments(in.notes)}
	proto := protoOf(in.match)
	match := r.joinPorts(in)
	for i, c := range match {
		if !impliedLater(c, match[i+1:], r.family) {
			out.Body = append(out.Body, r.nftMatch(c, proto)...)
		}
	}
	for _, c := range in.late {
		if _, ok := c.(connLimit); ok {
			out.Body = append(out.Body, compare(nf.KeyL4Proto, nf.OpEqual, nf.NumDatum(uint64(packet.ProtoTCP))))
		}
	}
	r.checkNft(in, layer)
	switch t := in.act.(type) {
	case nil:
		if len(out.Body) == 0 {
			out.Body = []nf.Stmt{nf.Continue{}}
		}
		return out
	case nf.VMap:
		t.Set = layered(layer, t.Set)
		out.Body = append(out.Body, t)
		return out
	}
	out.Body = append(out.Body, nf.Counter{})
	for _, c := range in.late {
		out.Body = append(out.Body, r.nftMatch(c, proto)...)
	}
	out.Body = append(out.Body, nftTarget(in.act, layer))
	return out
}

// nftTarget puts the layer into the names of chains.
func nftTarget(t nf.Target, layer nf.TableName) nf.Stmt {
	switch t := t.(type) {
	case nf.Jump:
		return nf.Jump{Chain: layered(layer, t.Chain)}
	case nf.Goto:
		return nf.Goto{Chain: layered(layer, t.Chain)}
	}
	return t
}
