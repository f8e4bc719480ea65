package felix

import (
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// renderer makes the rules of one family.
type renderer struct {
	view   *resolve.View
	set    *resolve.Settings
	marks  marks
	family packet.Family
	nft    bool

	selectors map[resolve.PolicyID]string
	places    map[resolve.PolicyID]resolve.Origin
	logLimit  *rateLimit
	epMarks   map[string]uint32

	origins  *origins
	problems *[]Problem
}

// layers are the four tables of iptables; in nftables mode they are layers of
// one table.
type layers struct{ raw, mangle, nat, filter layer }

// layer is one table: chains by name in order of definition, and what hangs in
// base chains.
type layer struct {
	name   nf.TableName
	chains []chain
	hooks  []hooked
	// targets are chains that a verdict map refers to.
	targets []string
}

// hooked is a base chain's rules: front stands before other programs' rules.
type hooked struct {
	base        nf.ChainName
	front, back []rule
}

func (l *layer) add(c ...chain) { l.chains = append(l.chains, c...) }

// newRenderer prepares what all chains share.
func newRenderer(v *resolve.View, m marks, f packet.Family, o *origins, p *[]Problem) *renderer {
	r := &renderer{
		view: v, set: &v.Settings, marks: m, family: f, nft: v.Settings.NFTables,
		selectors: map[resolve.PolicyID]string{}, places: map[resolve.PolicyID]resolve.Origin{}, origins: o, problems: p,
	}
	for i := range v.Policies {
		r.selectors[v.Policies[i].ID] = v.Policies[i].Selector
		r.places[v.Policies[i].ID] = v.Policies[i].Origin
	}
	r.logLimit = r.parseLogLimit()
	if r.set.IPVS {
		r.epMarks = allocateEndpointMarks(r.endpointNames(), m)
	}
	return r
}

// problem notes a problem, once.
func (r *renderer) problem(origin int, text string) {
	if one := (Problem{Text: text, Origin: origin}); !slices.Contains(*r.problems, one) {
		*r.problems = append(*r.problems, one)
	}
}

// problemAt notes a problem with an object, once.
func (r *renderer) problemAt(place resolve.Origin, text string) {
	if one := (Problem{Text: text, Place: place}); !slices.Contains(*r.problems, one) {
		*r.problems = append(*r.problems, one)
	}
}

// badSetting notes a problem with a parameter of Felix's, once.
func (r *renderer) badSetting(name, text string) {
	if one := (Problem{Text: text, Setting: name}); !slices.Contains(*r.problems, one) {
		*r.problems = append(*r.problems, one)
	}
}

// unwritable notes a problem with a rule that its tool has no words for, once.
func (r *renderer) unwritable(origin int, text string) {
	if one := (Problem{Text: text, Origin: origin, Unwritable: true}); !slices.Contains(*r.problems, one) {
		*r.problems = append(*r.problems, one)
	}
}

// limitUnits are the units of logActionRateLimit.
var limitUnits = map[string]nf.LimitUnit{
	"second": nf.PerSecond, "minute": nf.PerMinute, "hour": nf.PerHour, "day": nf.PerDay,
}

// parseLogLimit reads "10/minute"; the burst's default is the tools' own.
func (r *renderer) parseLogLimit() *rateLimit {
	if r.set.LogRateLimit == "" {
		return nil
	}
	num, unit, _ := strings.Cut(r.set.LogRateLimit, "/")
	n, err := strconv.ParseUint(num, 10, 32)
	u, ok := limitUnits[unit]
	if err != nil || !ok {
		r.badSetting("logactionratelimit", "logActionRateLimit "+strconv.Quote(r.set.LogRateLimit)+" is not understood")
		return nil
	}
	return &rateLimit{rate: n, unit: u, burst: uint32(max(r.set.LogRateLimitBurst, 0))}
}

// deny is the action of denied packets.
func (r *renderer) deny() nf.Target {
	if r.set.DenyReject {
		return nf.Reject{With: nf.RejectDefault}
	}
	return nf.Drop{}
}

func acceptOrReturn(ret bool) nf.Target {
	if ret {
		return nf.Return{}
	}
	return nf.Accept{}
}

func (r *renderer) filterAllow() nf.Target { return acceptOrReturn(r.set.FilterAllowReturn) }
func (r *renderer) mangleAllow() nf.Target { return acceptOrReturn(r.set.MangleAllowReturn) }

// toHost is the action of packets from workloads to their host.
func (r *renderer) toHost() nf.Target {
	switch r.set.EndpointToHost {
	case resolve.HostAccept:
		return nf.Accept{}
	case resolve.HostReturn:
		return nf.Return{}
	}
	return nf.Drop{}
}

func (r *renderer) v4() bool { return r.family == packet.IPv4 }

// workloadIfaces yields the condition "interface of a workload" for each prefix.
func (r *renderer) workloadIfaces(d nf.Dir) []cond {
	var out []cond
	for _, p := range r.set.InterfacePrefixes {
		out = append(out, ifaceIs{dir: d, name: p, prefix: true})
	}
	return out
}

var established = ctIs{states: nf.CtRelated | nf.CtEstablished}

// render makes all chains of the family.
func (r *renderer) render() layers {
	l := layers{
		raw: layer{name: "raw"}, mangle: layer{name: "mangle"},
		nat: layer{name: "nat"}, filter: layer{name: "filter"},
	}
	r.staticRaw(&l.raw)
	r.staticMangle(&l.mangle)
	r.staticNAT(&l.nat)
	r.staticFilter(&l.filter)
	r.policies(&l)
	r.workloads(&l)
	r.hostEndpoints(&l)
	r.checkRejects(&l)
	return l
}

// policies puts every policy into the three tables that can refer to it, and
// profiles where endpoints of filter and mangle can.
func (r *renderer) policies(l *layers) {
	for i := range r.view.Policies {
		p := &r.view.Policies[i]
		chains := r.policyChains(p)
		l.raw.add(chains...)
		l.mangle.add(chains...)
		for _, c := range chains {
			c.forced = p.Forced && !r.nft
			l.filter.add(c)
		}
	}
	for i := range r.view.Profiles {
		in, out := r.profileChains(&r.view.Profiles[i])
		l.filter.add(in, out)
		l.mangle.add(out)
	}
}
