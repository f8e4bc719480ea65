package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// condition is one condition of a policy rule, judged for a packet.
type condition struct {
	field, have, want, text string
	holds                   bool
	// change is what would make it hold; "{rule}" stands for the rule.
	change string
}

// judge evaluates the conditions of one policy rule one by one.
type judge struct {
	world   *World
	node    *nodeView
	rule    *resolve.Rule
	written *calico.Rule // may be nil
	kind    string       // of the policy
	p       *packet.Packet
	out     []condition
	// unknown says that something was asked that is not known here.
	unknown bool
}

// conditionsOf judges all conditions of a rule; false when one is not known.
func (w *World) conditionsOf(n *nodeView, rule *resolve.Rule, written *calico.Rule, kind string, p *packet.Packet) ([]condition, bool) {
	j := judge{world: w, node: n, rule: rule, written: written, kind: kind, p: p}
	j.protocol()
	j.icmp()
	j.end(nf.Src, &rule.Src, &rule.NotSrc)
	j.end(nf.Dst, &rule.Dst, &rule.NotDst)
	return j.out, !j.unknown
}

func (j *judge) add(c condition) { j.out = append(j.out, c) }

func (j *judge) protocol() {
	r, p := j.rule, j.p
	if r.IPVersion != 0 {
		have, want := p.Family().String(), r.IPVersion.String()
		j.add(condition{"ipVersion", have, want, fmt.Sprintf("the packet is %s, the rule is for %s only", have, want), p.Family() == r.IPVersion,
			"add a rule like {rule} for " + have})
	}
	have := p.Proto.String()
	if r.Protocol != 0 {
		j.add(condition{"protocol", have, r.Protocol.String(), fmt.Sprintf("protocol %s is not %s", have, r.Protocol), p.Proto == r.Protocol,
			fmt.Sprintf("add a rule like {rule} for protocol %s", have)})
	}
	if r.NotProtocol != 0 {
		j.add(condition{"notProtocol", have, "not " + r.NotProtocol.String(), fmt.Sprintf("protocol %s is excluded by notProtocol", have),
			p.Proto != r.NotProtocol, "take notProtocol out of {rule}"})
	}
}

func (j *judge) icmp() {
	is := func(i *resolve.ICMP) bool {
		return j.p.Proto.IsICMP() && j.p.ICMPType == i.Type && (!i.HasCode || j.p.ICMPCode == i.Code)
	}
	have := fmt.Sprintf("%d/%d", j.p.ICMPType, j.p.ICMPCode)
	if !j.p.Proto.IsICMP() {
		have = "none"
	}
	if i := j.rule.ICMP; i != nil {
		j.add(condition{"icmp", have, icmpText(i), fmt.Sprintf("ICMP type %s is not %s", have, icmpText(i)), is(i),
			"add a rule like {rule} for ICMP type " + have})
	}
	if i := j.rule.NotICMP; i != nil {
		j.add(condition{"notICMP", have, "not " + icmpText(i), fmt.Sprintf("ICMP type %s is excluded by notICMP", have), !is(i),
			"take notICMP out of {rule}"})
	}
}

func icmpText(i *resolve.ICMP) string {
	if i.HasCode {
		return fmt.Sprintf("%d/%d", i.Type, i.Code)
	}
	return strconv.Itoa(int(i.Type))
}

// sideName is "source" or "destination".
func sideName(dir nf.Dir) string {
	if dir == nf.Src {
		return "source"
	}
	return "destination"
}

func (j *judge) addrPort(dir nf.Dir) (netip.Addr, uint16) {
	if dir == nf.Src {
		return j.p.Src, j.p.SrcPort
	}
	return j.p.Dst, j.p.DstPort
}

// end judges what a rule asks of one end of the packet.
func (j *judge) end(dir nf.Dir, is, not *resolve.Match) {
	addr, _ := j.addrPort(dir)
	side, who := sideName(dir), j.world.named(addr)
	if len(is.Nets) > 0 {
		want := prefixesText(is.Nets)
		j.add(condition{side + ".nets", addr.String(), want, fmt.Sprintf("%s %s is not in %s", side, who, want), inPrefixes(is.Nets, addr),
			fmt.Sprintf("add %s to %s of {rule}", hostPrefix(addr), j.netsField(side))})
	}
	if len(not.Nets) > 0 {
		j.notNets(side, who, addr, not.Nets)
	}
	if len(is.Sets) > 0 {
		j.selected(dir, is.Sets)
	}
	if len(not.Sets) > 0 {
		c := condition{field: side + ".notSelector", have: who, holds: !slices.ContainsFunc(not.Sets, func(id string) bool { return j.inSet(id, addr) })}
		c.want = "not " + j.selectorText(dir, true)
		c.text = fmt.Sprintf("%s %s is in the excluded selector %s", side, who, j.selectorText(dir, true))
		c.change = fmt.Sprintf("narrow %s.notSelector of {rule} so that it leaves %s out", side, who)
		j.add(c)
	}
	j.ports(dir, is, not)
}

// notNets judges excluded networks. Felix leaves a rule out for the family of which
// it names none.
func (j *judge) notNets(side, who string, addr netip.Addr, nets []netip.Prefix) {
	want := prefixesText(nets)
	c := condition{field: side + ".notNets", have: addr.String(), want: "not " + want, holds: !inPrefixes(nets, addr),
		text:   fmt.Sprintf("%s %s is in the excluded %s", side, who, want),
		change: fmt.Sprintf("narrow %s of {rule} so that it leaves %s out", j.notNetsField(side), addr)}
	if !slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Addr().Is4() == addr.Is4() }) {
		c.holds, c.text = false, fmt.Sprintf("%s.notNets makes it a rule for %s only", side, packet.FamilyOf(nets[0].Addr()))
		c.change = "add a rule like {rule} for " + j.p.Family().String()
	}
	j.add(c)
}

// selected judges a selector; a service of the source is one, too.
func (j *judge) selected(dir nf.Dir, sets []string) {
	addr, _ := j.addrPort(dir)
	side, who := sideName(dir), j.world.named(addr)
	want := j.selectorText(dir, false)
	c := condition{field: side + ".selector", have: who, want: want, holds: true}
	for _, id := range sets {
		c.holds = c.holds && j.inSet(id, addr)
	}
	c.text = fmt.Sprintf("%s %s is not in %s", side, who, want)
	c.change = fmt.Sprintf("widen %s of {rule} to select %s", j.selectorField(side), j.world.describe(addr, ""))
	if ns := j.onlyNamespace(dir, addr); ns != "" {
		c.text += "; its labels match, but it is in namespace " + ns
		c.change = fmt.Sprintf("give %s of {rule} a namespaceSelector that selects namespace %s", j.peerField(side), ns)
	}
	j.add(c)
}

func (j *judge) ports(dir nf.Dir, is, not *resolve.Match) {
	addr, port := j.addrPort(dir)
	side := sideName(dir)
	have := strconv.Itoa(int(port))
	if !j.p.Proto.HasPorts() {
		have = "none"
	}
	if len(is.Ports)+len(is.NamedPorts) > 0 {
		want := j.portsText(dir, is, false)
		j.add(condition{side + ".ports", have, want, fmt.Sprintf("%s is not %s", portWord(dir, have), want), j.hasPort(is, addr, port),
			fmt.Sprintf("add port %s to {rule}", have)})
	}
	if len(not.Ports)+len(not.NamedPorts) > 0 {
		want := j.portsText(dir, not, true)
		j.add(condition{side + ".notPorts", have, "not " + want, fmt.Sprintf("%s is excluded by notPorts %s", portWord(dir, have), want),
			!j.hasPort(not, addr, port), fmt.Sprintf("take port %s out of notPorts of {rule}", have)})
	}
	if len(is.Services) > 0 {
		name := "the service"
		if j.written != nil {
			name = "service " + j.written.Dst.ServiceNS + "/" + j.written.Dst.Service
		}
		holds := true
		for _, id := range is.Services {
			holds = holds && j.inPortSet(id, addr, port)
		}
		ends := addr.String() + " port " + have
		j.add(condition{side + ".services", ends, name, fmt.Sprintf("%s %s is no endpoint of %s", side, ends, name), holds,
			fmt.Sprintf("add a rule like {rule} for %s", ends)})
	}
}

func portWord(dir nf.Dir, have string) string {
	if dir == nf.Src {
		return "source port " + have
	}
	return "port " + have
}

func (j *judge) hasPort(m *resolve.Match, addr netip.Addr, port uint16) bool {
	if !j.p.Proto.HasPorts() {
		return false
	}
	for _, r := range m.Ports {
		if port >= r.From && port <= r.To {
			return true
		}
	}
	return slices.ContainsFunc(m.NamedPorts, func(id string) bool { return j.inPortSet(id, addr, port) })
}

func (j *judge) set(id string) *resolve.IPSet {
	s := j.node.sets[id]
	j.unknown = j.unknown || s == nil
	return s
}

func (j *judge) inSet(id string, addr netip.Addr) bool {
	s := j.set(id)
	return s != nil && slices.ContainsFunc(s.Members, func(m resolve.Member) bool { return m.Prefix.Contains(addr) })
}

func (j *judge) inPortSet(id string, addr netip.Addr, port uint16) bool {
	s := j.set(id)
	return s != nil && slices.ContainsFunc(s.Members, func(m resolve.Member) bool {
		return m.Prefix.Contains(addr) && m.Proto == j.p.Proto && m.Port == port
	})
}

func inPrefixes(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// prefixesText joins nets; of a long list the first ones.
func prefixesText(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return shortList(words)
}

func shortList(words []string) string {
	const most = 5
	if len(words) > most {
		return strings.Join(words[:most-1], ", ") + fmt.Sprintf(" and %d more", len(words)-most+1)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// portsText writes the ports as the policy does, names included.
func (j *judge) portsText(dir nf.Dir, m *resolve.Match, not bool) string {
	var words []string
	for _, r := range m.Ports {
		if r.From == r.To {
			words = append(words, strconv.Itoa(int(r.From)))
		} else {
			words = append(words, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	if end := j.writtenEnd(dir); end != nil {
		ports := end.Ports
		if not {
			ports = end.NotPorts
		}
		for _, p := range ports {
			if p.PortName != "" {
				words = append(words, strconv.Quote(p.PortName))
			}
		}
	} else if len(m.NamedPorts) > 0 {
		words = append(words, "a named port")
	}
	return shortList(words)
}
