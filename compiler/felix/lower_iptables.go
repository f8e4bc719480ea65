package felix

import (
	"slices"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// iptablesTables appends the family's four tables and its IP sets, in the order
// in which iptables-save prints the tables.
func (r *renderer) iptablesTables(res *Result) {
	l := r.render()
	backend := nf.IptablesLegacy
	if r.set.IptablesNFT {
		backend = nf.IptablesNFT
	}
	family := nf.FamilyIP
	if !r.v4() {
		family = nf.FamilyIP6
	}
	for _, one := range []*layer{&l.raw, &l.mangle, &l.nat, &l.filter} {
		t := nf.Table{Family: family, Name: one.name, Backend: backend}
		for _, base := range nf.IptablesBuiltins(one.name) {
			t.Chains = append(t.Chains, r.iptablesBase(one, base))
		}
		for _, c := range one.referred() {
			t.Chains = append(t.Chains, nf.Chain{Name: nf.ChainName(c.name), Rules: r.iptablesRules(c.rules)})
		}
		res.Ruleset.Tables = append(res.Ruleset.Tables, t)
		for _, h := range one.hooks {
			res.Hooks = append(res.Hooks, Hook{Family: family, Table: one.name, Chain: h.base, Front: len(h.front)})
		}
	}
	res.Ruleset.IPSets = append(res.Ruleset.IPSets, r.sets()...)
}

func (r *renderer) iptablesBase(l *layer, name nf.ChainName) nf.Chain {
	base, _ := nf.IptablesBase(l.name, name)
	c := nf.Chain{Name: name, Base: &base}
	for _, h := range l.hooks {
		if h.base == name {
			c.Rules = r.iptablesRules(append(slices.Clone(h.front), h.back...))
		}
	}
	return c
}

func (r *renderer) iptablesRules(in []rule) []nf.Rule {
	out := make([]nf.Rule, len(in))
	for i := range in {
		out[i] = r.iptablesRule(&in[i])
	}
	return out
}

// iptablesRule writes a rule as iptables-save does: addresses, interfaces and
// protocol first, then the modules in the order in which Felix names them.
func (r *renderer) iptablesRule(in *rule) nf.Rule {
	out := nf.Rule{Origin: in.origin, Comments: iptablesComments(in.notes)}
	var body []nf.Stmt
	for _, c := range slices.Concat(in.match, in.late) {
		body = append(body, r.iptablesMatch(c)...)
	}
	r.checkIptables(body, in.origin)
	slices.SortStableFunc(body, func(a, b nf.Stmt) int { return headerRank(a) - headerRank(b) })
	out.Body = append(body, iptablesTarget(in.act))
	return out
}

// iptablesTarget says what iptables does when nothing is said: no target at all,
// and a reject with port unreachable.
func iptablesTarget(t nf.Target) nf.Stmt {
	switch t := t.(type) {
	case nil:
		return nf.Continue{}
	case nf.Reject:
		if t.With == nf.RejectDefault {
			t.With = nf.RejectPortUnreach
		}
		return t
	}
	return t
}

// headerRank is the place of a match in iptables-save's line.
func headerRank(s nf.Stmt) int {
	switch m := s.(type) {
	case nf.MatchAddr:
		return int(m.Dir)
	case nf.MatchIface:
		return 2 + int(m.Dir)
	case nf.MatchProto:
		return 5
	}
	return 6
}

// checkIptables finds what iptables-restore refuses: two protocols in one rule,
// and the icmp module without its protocol.
func (r *renderer) checkIptables(body []nf.Stmt, origin int) {
	var protos []nf.MatchProto
	icmp := false
	for _, s := range body {
		switch m := s.(type) {
		case nf.MatchProto:
			protos = append(protos, m)
		case nf.MatchICMP:
			icmp = true
		}
	}
	if len(protos) > 1 {
		r.unwritable(origin, "protocol and notProtocol in one rule: iptables refuses two -p and Felix crashes")
		return
	}
	if icmp && (len(protos) != 1 || protos[0].Invert || protos[0].Proto != icmpOf(r.family)) {
		r.unwritable(origin, "ICMP type without the protocol of "+r.family.String()+": iptables refuses it and Felix crashes")
	}
}

// iptablesMatch writes one condition.
func (r *renderer) iptablesMatch(c cond) []nf.Stmt {
	switch c := c.(type) {
	case markIs:
		return []nf.Stmt{nf.MatchMark{Value: c.value, Mask: c.mask, Invert: c.not}}
	case ifaceIs:
		return []nf.Stmt{nf.MatchIface{Dir: c.dir, Name: c.name, Wildcard: c.prefix}}
	case protoIs:
		return []nf.Stmt{nf.MatchProto{Proto: c.proto, Invert: c.not}}
	case netIs:
		if c.net.Bits() == 0 && !c.not {
			return nil
		}
		return []nf.Stmt{nf.MatchAddr{Dir: c.dir, Prefix: c.net.Masked(), Invert: c.not}}
	case inSet:
		m := nf.MatchSet{Set: nf.SetName(c.set), Dirs: []nf.Dir{c.dir}, Invert: c.not}
		if c.withPort {
			m.Dirs = append(m.Dirs, c.dir)
		}
		return []nf.Stmt{m}
	case portIn:
		return []nf.Stmt{iptablesPort(c)}
	case icmpIs:
		return []nf.Stmt{r.iptablesICMP(c)}
	case rateLimit:
		r.checkLimit(c)
		return []nf.Stmt{iptablesLimit(c)}
	case addrLocal:
		m := nf.MatchAddrType{LimitOut: c.limitOut}
		if c.dir == nf.Src {
			m.SrcType, m.SrcInvert = nf.AddrLocal, c.not
		} else {
			m.DstType, m.DstInvert = nf.AddrLocal, c.not
		}
		return []nf.Stmt{m}
	}
	return iptablesState(c)
}

// iptablesState writes the conditions on connection, route and rate.
func iptablesState(c cond) []nf.Stmt {
	switch c := c.(type) {
	case ctIs:
		return []nf.Stmt{nf.MatchConntrack{States: c.states}}
	case dnated:
		return []nf.Stmt{nf.MatchConntrack{States: nf.CtDNAT, StatesInvert: c.not}}
	case rpFailed:
		return []nf.Stmt{nf.MatchRPFilter{ValidMark: true, Invert: true}}
	case connLimit:
		return []nf.Stmt{
			nf.MatchProto{Proto: packet.ProtoTCP},
			nf.MatchL4{Proto: packet.ProtoTCP, Flags: &nf.TCPFlagsTest{
				Mask: packet.FIN | packet.SYN | packet.RST | packet.ACK, Comp: packet.SYN,
			}},
			nf.MatchConnLimit{Limit: c.most},
		}
	}
	return nil
}

// defaultBurst is both tools' burst when none is given.
const defaultBurst = 5

func iptablesPort(c portIn) nf.Stmt {
	if c.single {
		p := nf.PortRange{From: c.ports[0].From, To: c.ports[0].To}
		if c.dir == nf.Src {
			return nf.MatchL4{Proto: c.proto, Src: &p, SrcInvert: c.not}
		}
		return nf.MatchL4{Proto: c.proto, Dst: &p, DstInvert: c.not}
	}
	return nf.MatchMultiport{Dir: c.dir, Ports: nfPorts(c.ports), Invert: c.not}
}

func nfPorts(in []resolve.PortRange) []nf.PortRange {
	out := make([]nf.PortRange, len(in))
	for i, p := range in {
		out[i] = nf.PortRange{From: p.From, To: p.To}
	}
	return out
}

func (r *renderer) iptablesICMP(c icmpIs) nf.Stmt {
	m := nf.MatchICMP{Family: r.family, Type: c.icmp.Type, CodeHi: 255, Invert: c.not}
	if c.icmp.HasCode {
		m.CodeLo, m.CodeHi = c.icmp.Code, c.icmp.Code
	}
	return m
}
