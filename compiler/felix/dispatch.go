package felix

import (
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
)

// dispatch describes a chain that sends packets to the chain of their interface.
type dispatch struct {
	chain  string // the chain itself
	prefix string // of the endpoints' chains
	dir    nf.Dir // which interface decides
	infix  string // of child chains
	end    []rule
}

// dispatchTree makes the dispatch chain over the interfaces. Interfaces that
// share their next letter behind the common prefix of all are in a child chain.
func (r *renderer) dispatchTree(d dispatch, ifaces []string) []chain {
	names := slices.Clone(ifaces)
	slices.Sort(names)
	names = slices.Compact(names)
	common := commonPrefix(names)
	root := chain{name: d.chain}
	var out []chain
	for len(names) > 0 {
		bin := names[0]
		if len(bin) > len(common) {
			bin = bin[:len(common)+1]
		}
		n := 1
		for n < len(names) && len(names[n]) > len(common) && strings.HasPrefix(names[n], bin) && len(bin) > len(common) {
			n++
		}
		if n == 1 {
			root.rules = append(root.rules, r.dispatchTo(d, names[0]))
		} else {
			child := chain{name: d.chain + d.infix + "-" + bin[len(common):]}
			for _, name := range names[:n] {
				child.rules = append(child.rules, r.dispatchTo(d, name))
			}
			child.rules = append(child.rules, d.end...)
			out = append(out, child)
			root.rules = append(root.rules, on(goTo(child.name), ifaceIs{dir: d.dir, name: bin, prefix: true}))
		}
		names = names[n:]
	}
	root.rules = append(root.rules, d.end...)
	return append(out, root)
}

func (r *renderer) dispatchTo(d dispatch, iface string) rule {
	return on(goTo(r.chainName(d.prefix, iface)), ifaceIs{dir: d.dir, name: iface})
}

// commonPrefix is the longest prefix of all names.
func commonPrefix(names []string) string {
	if len(names) == 0 {
		return ""
	}
	p := names[0]
	for _, n := range names[1:] {
		for !strings.HasPrefix(n, p) {
			p = p[:len(p)-1]
		}
	}
	return p
}

// The chains through which all packets of endpoints go.
const (
	fromWorkload    = "cali-from-wl-dispatch"
	toWorkload      = "cali-to-wl-dispatch"
	fromHostEP      = "cali-from-host-endpoint"
	toHostEP        = "cali-to-host-endpoint"
	fromHostForward = "cali-from-hep-forward"
	toHostForward   = "cali-to-hep-forward"
	setEPMark       = "cali-set-endpoint-mark"
	fromEPMark      = "cali-from-endpoint-mark"
)

// The prefixes of endpoints' chains.
const (
	wlFrom   = "cali-fw-"
	wlTo     = "cali-tw-"
	hostFrom = "cali-fh-"
	hostTo   = "cali-th-"
	fwdFrom  = "cali-fhfw-"
	fwdTo    = "cali-thfw-"
	setMark  = "cali-sm-"
)

// workloads makes the chains of all local workloads and the dispatch to them.
func (r *renderer) workloads(l *layers) {
	list := activeWorkloads(r.view.Workloads)
	ifaces := make([]string, len(list))
	for i, w := range list {
		ifaces[i] = w.Iface
		l.filter.add(r.workloadChains(w)...)
		if r.nft {
			l.filter.targets = append(l.filter.targets, r.chainName(wlFrom, w.Iface), r.chainName(wlTo, w.Iface))
		}
		r.addGroups(l, w.Tiers, ingress, egress)
	}
	end := []rule{on(r.deny())}
	from := dispatch{chain: fromWorkload, prefix: wlFrom, dir: nf.Src, end: end}
	to := dispatch{chain: toWorkload, prefix: wlTo, dir: nf.Dst, end: end}
	if r.nft {
		l.filter.add(r.dispatchMap(from), r.dispatchMap(to))
	} else {
		l.filter.add(r.dispatchTree(from, ifaces)...)
		l.filter.add(r.dispatchTree(to, ifaces)...)
	}
	l.raw.add(r.spoofChain(list))
}

// dispatchMap is the dispatch of workloads in nftables mode: a verdict map that
// has the chain's name.
func (r *renderer) dispatchMap(d dispatch) chain {
	key := nf.KeyIIFName
	if d.dir == nf.Dst {
		key = nf.KeyOIFName
	}
	look := rule{act: nf.VMap{Key: []nf.Key{{Field: key}}, Set: nf.SetName(d.chain)}}
	return chain{name: d.chain, rules: append([]rule{look}, d.end...)}
}

// activeWorkloads leaves out all but the first of the endpoints (by ID) that
// have the same interface.
func activeWorkloads(in []resolve.Workload) []*resolve.Workload {
	best := map[string]*resolve.Workload{}
	for i := range in {
		w := &in[i]
		if w.Iface == "" {
			continue // Felix makes nothing of an endpoint without an interface.
		}
		if old := best[w.Iface]; old == nil || workloadLess(w, old) {
			best[w.Iface] = w
		}
	}
	var out []*resolve.Workload
	for i := range in {
		if best[in[i].Iface] == &in[i] {
			out = append(out, &in[i])
		}
	}
	return out
}

func workloadLess(a, b *resolve.Workload) bool {
	return slices.Compare(
		[]string{a.Orchestrator, a.Workload, a.Endpoint},
		[]string{b.Orchestrator, b.Workload, b.Endpoint}) < 0
}

// workloadChains are the chains to and from one workload.
func (r *renderer) workloadChains(w *resolve.Workload) []chain {
	to := endpointChain{
		prefix: wlTo, iface: w.Iface, dir: ingress, use: forWorkload,
		tiers: w.Tiers, profiles: w.Profiles, allow: r.filterAllow(), qos: &w.QoS, place: w.Origin,
	}
	from := to
	from.prefix, from.dir = wlFrom, egress
	var out []chain
	for _, e := range []endpointChain{to, from} {
		if w.Active {
			out = append(out, r.endpoint(e))
		} else {
			out = append(out, r.disabled(e))
		}
	}
	if r.set.IPVS {
		out = append(out, r.setMarkChain(w.Iface))
	}
	return out
}

// spoofChain accepts packets with sources that a workload is allowed to spoof
// before the check of the way back.
func (r *renderer) spoofChain(list []*resolve.Workload) chain {
	c := chain{name: rpfSkip}
	for _, w := range list {
		for _, p := range r.netsOfFamily(w.SpoofPrefixes) {
			c.rules = append(c.rules, on(nf.Accept{},
				ifaceIs{dir: nf.Src, name: w.Iface}, netIs{dir: nf.Src, net: p}))
		}
	}
	return c
}
