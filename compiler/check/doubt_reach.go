package check

import (
	"fmt"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// mostReach bounds the pairs of selectors and label sets that are compared.
const mostReach = 20_000_000

// reach is what the ends of rules are judged against.
type reach struct {
	in       *selected
	labels   []selector.Map // of everything that a rule's selector can match
	ports    map[string][]numorstring.Protocol
	services map[string]bool
	known    map[string]bool // selectors that match something
	left     int

	holders   []holder // workloads with named ports
	hostPorts []calico.EndpointPort
}

// holder is a workload with named ports.
type holder struct {
	labels selector.Map
	ports  []calico.EndpointPort
}

// reachDoubts warns of ends of rules that match nothing among the endpoints,
// network sets and services of the input, if this is a whole cluster's.
func (r *run) reachDoubts(in *selected) {
	c := &reach{in: in, ports: map[string][]numorstring.Protocol{}, services: map[string]bool{}, known: map[string]bool{}, left: mostReach}
	c.labels = slices.Clone(in.workloads)
	for _, h := range in.hosts {
		c.labels = append(c.labels, h.labels)
	}
	profiles := map[string]map[string]string{}
	for _, p := range in.model.Profiles {
		profiles[p.Value.Name] = p.Value.Labels
	}
	for _, s := range in.model.NetworkSets {
		c.labels = append(c.labels, withProfiles(s.Value.Labels, s.Value.Profiles, profiles))
	}
	for _, e := range in.model.Endpoints {
		c.addPorts(e.Value.Ports)
		if len(e.Value.Ports) > 0 {
			c.holders = append(c.holders, holder{withProfiles(e.Value.Labels, e.Value.Profiles, profiles), e.Value.Ports})
		}
	}
	for _, h := range in.hosts {
		c.addPorts(h.Value.Ports)
		c.hostPorts = append(c.hostPorts, h.Value.Ports...)
	}
	for _, s := range r.snap.Services {
		c.services[s.Object.Namespace+"/"+s.Object.Name] = true
	}
	for i := range in.model.Policies {
		p := &in.model.Policies[i]
		if p.Source.Node == nil {
			continue
		}
		o := r.on(object{src: p.Source})
		for direction, rules := range map[string][]calico.Rule{"ingress": p.Value.Ingress, "egress": p.Value.Egress} {
			for j := range rules {
				o.ruleReach(c, p, direction, &rules[j])
			}
		}
	}
}

func (c *reach) addPorts(ports []calico.EndpointPort) {
	for _, p := range ports {
		if !slices.Contains(c.ports[p.Name], p.Protocol) {
			c.ports[p.Name] = append(c.ports[p.Name], p.Protocol)
		}
	}
}

// matches says whether a selector matches something; one that is not judged does.
func (c *reach) matches(text string) bool {
	if yes, ok := c.known[text]; ok {
		return yes
	}
	s, err := selector.Parse(text)
	c.left -= len(c.labels)
	yes := err != nil || c.left < 0 || !possible(s.Root) || slices.ContainsFunc(c.labels, func(m selector.Map) bool { return s.Matches(m) })
	c.known[text] = yes
	return yes
}

func (o on) ruleReach(c *reach, p *cluster.Sourced[calico.Policy], direction string, rule *calico.Rule) {
	for end, e := range map[string]*calico.RuleEnd{"source": &rule.Src, "destination": &rule.Dst} {
		at := o.endPlace(direction, rule.Index, end)
		if e.Selector != "" && !c.matches(e.Selector) {
			o.reportAt("rule/matches-nobody", o.src.At(at...), "compare it with the labels of the pods, namespaces and network sets",
				"%s matches no pod, host endpoint or network set of the input", dotted(at))
		}
		if e.Service != "" && len(c.services) > 0 && e.ServiceNS != "" && !c.services[e.ServiceNS+"/"+e.Service] {
			hint := "check its name and namespace"
			if near := yamlpos.Nearest(e.ServiceNS+"/"+e.Service, sortedKeys(c.services)); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			o.reportAt("rule/no-such-service", o.src.At(at.add("services")...), hint, "no service %s/%s in the input", e.ServiceNS, e.Service)
		}
		for _, port := range e.Ports {
			if port.PortName != "" {
				own := ""
				if isLocalEnd(direction, end) && !p.Value.ApplyOnForward {
					own = p.Value.Selector
				}
				o.namedPortReach(c, at, port.PortName, rule.Protocol, own, e.Selector)
			}
		}
	}
}

// endPlace is where an end of a rule is written: Kubernetes' own policies have
// their peers in from and to, and ports beside them.
func (o on) endPlace(direction string, index int, end string) path {
	at := path{"spec", direction, index}
	peers := map[string]string{"ingresssource": "from", "egressdestination": "to"}[direction+end]
	if o.node(at.add(end)) == nil && peers != "" && o.node(at.add(peers)) != nil {
		return at.add(peers)
	}
	if o.node(at.add(end)) == nil {
		return at
	}
	return at.add(end)
}

// namedPortReach warns of a named port that nobody has, or nobody that some
// selectors select; "" selects everybody.
func (o on) namedPortReach(c *reach, at path, name string, protocol *numorstring.Protocol, selectors ...string) {
	if o.node(at.add("ports")) == nil && len(at) > 3 {
		at = at[:3]
	}
	have := c.ports[name]
	switch {
	case len(have) == 0:
		hint := "name the port in the pods' containers, or write its number"
		if near := yamlpos.Nearest(name, sortedKeys(c.ports)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		o.reportAt("rule/no-such-port", o.src.At(at.add("ports")...), hint, "no pod or host endpoint of the input has a port named %q: the rule matches nothing by it", name)
	case protocol != nil && !slices.ContainsFunc(have, func(p numorstring.Protocol) bool { return p.ToV1() == protocol.ToV1() }):
		o.reportAt("rule/no-such-port", o.src.At(at.add("ports")...), "use the protocol of the port, "+have[0].String(),
			"no pod or host endpoint of the input has a port named %q of protocol %s", name, protocol.String())
	case !c.hasPort(name, protocol, selectors):
		o.reportAt("rule/no-such-port", o.src.At(at.add("ports")...), "name the port in these pods' containers, or write its number",
			"others have a port named %q, but none of the pods that the rule is for: it matches nothing by it", name)
	}
}

// hasPort says whether a host endpoint, or a workload that all selectors select,
// has a port of a name and protocol. It says yes where that is not judged: a
// selector that selects nobody is told as such.
func (c *reach) hasPort(name string, protocol *numorstring.Protocol, selectors []string) bool {
	has := func(ports []calico.EndpointPort) bool {
		return slices.ContainsFunc(ports, func(p calico.EndpointPort) bool {
			return p.Name == name && (protocol == nil || p.Protocol.ToV1() == protocol.ToV1())
		})
	}
	if has(c.hostPorts) {
		return true
	}
	var all []*selector.Selector
	for _, text := range selectors {
		s, err := selector.Parse(text)
		if err != nil || !c.matches(text) {
			return true
		}
		all = append(all, s)
	}
	if c.left -= len(c.holders) * len(all); c.left < 0 {
		return true
	}
	return slices.ContainsFunc(c.holders, func(h holder) bool {
		return has(h.ports) && !slices.ContainsFunc(all, func(s *selector.Selector) bool { return !s.Matches(h.labels) })
	})
}
