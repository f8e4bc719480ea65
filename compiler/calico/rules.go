package calico

import (
	"net"
	"net/netip"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// indexed is a v3 rule with the position of the rule it comes from.
type indexed struct {
	rule  v3.Rule
	index int
}

func index(rules []v3.Rule) []indexed {
	out := make([]indexed, len(rules))
	for i, r := range rules {
		out[i] = indexed{r, i}
	}
	return out
}

// toModel turns v3 rules of a policy in a namespace ("" is a global one, or a
// profile) into the form Felix gets.
func toModel(rules []indexed, ns string) []Rule {
	if len(rules) == 0 {
		return nil
	}
	out := make([]Rule, len(rules))
	for i, r := range rules {
		out[i] = ruleToModel(&r.rule, ns)
		out[i].Index = r.index
	}
	return out
}

func ruleToModel(r *v3.Rule, ns string) Rule {
	m := Rule{
		Action:      strings.ToLower(string(r.Action)),
		IPVersion:   r.IPVersion,
		Protocol:    protocolV1(r.Protocol),
		NotProtocol: protocolV1(r.NotProtocol),
		ICMP:        r.ICMP,
		NotICMP:     r.NotICMP,
		Src:         endToModel(&r.Source, ns),
		Dst:         endToModel(&r.Destination, ns),
		HTTP:        r.HTTP,
	}
	if r.Action == v3.Pass {
		m.Action = "next-tier"
	}
	if r.Metadata != nil {
		m.Annotations = r.Metadata.Annotations
	}
	return m
}

func protocolV1(p *numorstring.Protocol) *numorstring.Protocol {
	if p == nil {
		return nil
	}
	v1 := p.ToV1()
	return &v1
}

func endToModel(e *v3.EntityRule, ns string) RuleEnd {
	m := RuleEnd{
		Nets:                      ParseNets(e.Nets),
		NotNets:                   ParseNets(e.NotNets),
		Selector:                  EntitySelector(e, ns),
		NotSelector:               e.NotSelector,
		Ports:                     e.Ports,
		NotPorts:                  e.NotPorts,
		OriginalSelector:          e.Selector,
		OriginalNamespaceSelector: e.NamespaceSelector,
		OriginalNotSelector:       e.NotSelector,
	}
	if e.Services != nil {
		m.Service, m.ServiceNS = e.Services.Name, e.Services.Namespace
	}
	if e.ServiceAccounts != nil {
		m.OriginalServiceAccountNames = e.ServiceAccounts.Names
		m.OriginalServiceAccountSelector = e.ServiceAccounts.Selector
	}
	return m
}

// ParseNets reads addresses and networks, masked; what cannot be read is left
// out, as libcalico-go does.
func ParseNets(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		if p, ok := ParseNet(t); ok {
			out = append(out, p)
		}
	}
	return out
}

// ParseNet reads an address ("10.0.0.1") or a network ("10.0.0.0/8") and returns
// it masked. It takes what Go's net package takes.
func ParseNet(text string) (netip.Prefix, bool) {
	if _, n, err := net.ParseCIDR(text); err == nil {
		addr, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			return netip.Prefix{}, false
		}
		ones, bits := n.Mask.Size()
		addr = addr.Unmap()
		if bits == 128 && addr.Is4() {
			ones = max(ones-96, 0)
		}
		return netip.PrefixFrom(addr, ones), true
	}
	if addr, ok := parseAddr(text); ok {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	return netip.Prefix{}, false
}

// parseAddr reads an address as Go's net package does: no zone.
func parseAddr(text string) (netip.Addr, bool) {
	ip := net.ParseIP(text)
	if ip == nil {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}
