package felix

import (
	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// use says which of an endpoint's chains is made.
type use uint8

const (
	forWorkload use = iota + 1 // filter, workload
	forHost                    // filter and mangle, the host's own traffic
	forUntracked
	forPreDNAT
	forForward
)

// endpointChain describes one chain of one endpoint.
type endpointChain struct {
	prefix, iface string
	dir           direction
	use           use
	tiers         []resolve.Tier
	profiles      []string
	failsafe      string
	allow         nf.Target
	qos           *resolve.QoS
	place         resolve.Origin
}

// normal chains end with profiles and a drop.
func (e *endpointChain) normal() bool { return e.use == forWorkload || e.use == forHost }

// endpoint makes the chain.
func (r *renderer) endpoint(e endpointChain) chain {
	c := chain{name: r.chainName(e.prefix, e.iface)}
	if e.qos != nil {
		c.rules = append(c.rules, r.packetRate(&e)...)
	}
	if e.use != forUntracked {
		c.rules = append(c.rules, r.conntrackRules(e.allow)...)
	}
	if e.qos != nil {
		c.rules = append(c.rules, connectionLimit(&e)...)
	}
	if e.failsafe != "" {
		c.rules = append(c.rules, on(jump(e.failsafe)))
	}
	c.rules = append(c.rules, on(clearBits(r.marks.accept|r.marks.pass)))
	if e.use == forWorkload && e.dir == egress {
		c.rules = append(c.rules, r.noEncapsulation()...)
	}
	for i := range e.tiers {
		c.rules = append(c.rules, r.tier(&e, &e.tiers[i])...)
	}
	if e.use == forForward && len(e.tiers) == 0 {
		c.rules = append(c.rules, on(setBits(r.marks.accept)), on(nf.Return{}))
	}
	if e.normal() {
		c.rules = append(c.rules, r.profiles(&e)...)
	}
	return c
}

// disabled is the chain of a workload that is not active.
func (r *renderer) disabled(e endpointChain) chain {
	return chain{name: r.chainName(e.prefix, e.iface), rules: []rule{on(r.deny())}}
}

// conntrackRules let connections that were allowed once go on, and drop what
// belongs to none.
func (r *renderer) conntrackRules(allow nf.Target) []rule {
	var out []rule
	if allow != (nf.Target)(nf.Accept{}) {
		out = append(out, on(setBits(r.marks.accept), established))
	}
	out = append(out, on(allow, established))
	if !r.set.DisableConntrackInvalidCheck {
		out = append(out, on(r.deny(), ctIs{states: nf.CtInvalid}))
	}
	return out
}

// noEncapsulation drops tunnel packets that workloads make themselves.
func (r *renderer) noEncapsulation() []rule {
	var out []rule
	if !r.set.AllowVXLANFromWorkloads {
		out = append(out, on(r.deny(), r.udpTo(r.set.VXLANPort)...))
	}
	if !r.set.AllowIPIPFromWorkloads {
		out = append(out, on(r.deny(), protoIs{proto: packet.ProtoIPIP}))
	}
	return out
}

func (r *renderer) udpTo(port uint16) []cond {
	return []cond{protoIs{proto: packet.ProtoUDP}, r.portTo(packet.ProtoUDP, port)}
}

func (r *renderer) portTo(proto packet.Proto, port uint16) cond {
	return portIn{dir: nf.Dst, proto: proto, ports: []resolve.PortRange{{From: port, To: port}}}
}

// packetRate are the rules of a packet rate limit. iptables has no inverted
// limit: a mark says that the packet was within it.
func (r *renderer) packetRate(e *endpointChain) []rule {
	rate, burst := e.qos.IngressPacketRate, e.qos.IngressPacketBurst
	if e.dir == egress {
		rate, burst = e.qos.EgressPacketRate, e.qos.EgressPacketBurst
	}
	if rate == 0 {
		return nil
	}
	if rate < 0 || rate > 10000 || burst < 1 || burst > 10000 {
		r.problemAt(e.place, "packet rate limit of "+e.iface+" is outside of 1 to 10000; Felix crashes")
		return nil
	}
	limit := rateLimit{rate: uint64(rate), unit: nf.PerSecond, burst: uint32(burst), over: r.nft}
	if r.nft {
		return []rule{{late: []cond{limit}, act: nf.Drop{}}}
	}
	mark := r.marks.scratch0
	return []rule{
		on(clearBits(mark)),
		{late: []cond{limit}, act: setBits(mark)},
		on(nf.Drop{}, markIs{value: mark, mask: mark, not: true}),
		on(clearBits(mark)),
	}
}

func connectionLimit(e *endpointChain) []rule {
	most := e.qos.IngressMaxConnections
	if e.dir == egress {
		most = e.qos.EgressMaxConnections
	}
	if most == 0 {
		return nil
	}
	return []rule{{late: []cond{connLimit{most: uint32(most)}}, act: nf.Reject{With: nf.RejectTCPReset}}}
}

// tier makes one tier's part of an endpoint chain: jumps to policies or groups
// until one decides, and the tier's end.
func (r *renderer) tier(e *endpointChain, t *resolve.Tier) []rule {
	groups := r.groups(e.dir.of(*t), e.dir)
	if len(groups) == 0 {
		return nil
	}
	out := []rule{on(clearBits(r.marks.pass))}
	enforced := false
	for _, g := range groups {
		targets := r.groupTargets(g)
		enforced = enforced || len(g.live()) > 0
		for _, to := range targets {
			out = append(out, r.policyJump(e, to)...)
		}
	}
	if e.normal() || e.use == forForward {
		out = append(out, r.tierEnd(e, t, enforced)...)
	}
	return out
}

// groupTargets are the chains that stand for a group: its own, or the only
// enforced policy's.
func (r *renderer) groupTargets(g group) []string {
	live := g.live()
	if len(live) > 1 {
		return []string{g.chain()}
	}
	var out []string
	for _, id := range live {
		out = append(out, r.policyChain(g.dir, id))
	}
	return out
}

func (r *renderer) policyJump(e *endpointChain, to string) []rule {
	out := []rule{on(jump(to), allClear(r.marks.pass))}
	if e.use == forUntracked {
		out = append(out, on(nf.NoTrack{}, bitSet(r.marks.accept)))
	}
	return append(out, on(nf.Return{}, bitSet(r.marks.accept)))
}

// tierEnd denies what no policy of the tier decided, unless all of them are
// staged or the tier's default is to pass.
func (r *renderer) tierEnd(e *endpointChain, t *resolve.Tier, enforced bool) []rule {
	drop := enforced && t.DefaultAction != resolve.Pass
	var out []rule
	if r.set.FlowLogs() {
		letter := byte('P')
		if drop {
			letter = 'D'
		}
		out = append(out, on(r.nflog(e.dir, flowTierPrefix(letter, e.dir, t.Name)), allClear(r.marks.pass)))
	}
	if drop {
		end := on(r.deny(), allClear(r.marks.pass))
		end.origin = r.originOfTier(t.Name, e.dir)
		out = append(out, end)
	}
	return out
}

// profiles are tried in turn; then the packet is denied.
func (r *renderer) profiles(e *endpointChain) []rule {
	var out []rule
	for _, name := range e.profiles {
		out = append(out, on(jump(r.profileChain(e.dir, name))), on(nf.Return{}, bitSet(r.marks.accept)))
	}
	if r.set.FlowLogs() {
		out = append(out, on(r.nflog(e.dir, "DR"+e.dir.letter())))
	}
	end := on(r.deny())
	end.origin = r.originOfNoProfile(e.dir)
	return append(out, end)
}

// groupStride is after how many policies a group's chain looks at the result.
const groupStride = 5

// groupChain makes the chain of a group of policies.
func (r *renderer) groupChain(g group) chain {
	c := chain{name: g.chain()}
	decided := r.marks.pass | r.marks.accept
	for i, id := range g.live() {
		to := jump(r.policyChain(g.dir, id))
		if i%groupStride != 0 {
			c.rules = append(c.rules, on(to, allClear(decided)))
			continue
		}
		if i > 0 {
			c.rules = append(c.rules, on(nf.Return{}, notClear(decided)))
		}
		c.rules = append(c.rules, on(to))
	}
	return c
}

// addGroups puts the group chains of the tiers into the three tables that can
// refer to them.
func (r *renderer) addGroups(l *layers, tiers []resolve.Tier, dirs ...direction) {
	for _, t := range tiers {
		for _, d := range dirs {
			for _, g := range r.groups(d.of(t), d) {
				if len(g.live()) < 2 {
					continue
				}
				c := r.groupChain(g)
				l.filter.add(c)
				l.mangle.add(c)
				l.raw.add(c)
			}
		}
	}
}
