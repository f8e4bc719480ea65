package resolve

import (
	"fmt"
	"regexp"
	"slices"

	"tortie/compiler/calico"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// What follows finds the policies and profiles that Felix takes as missing
// because one of their parts is not valid (felix/calc/validation_filter.go with
// libcalico-go/lib/validator/v1). A server that validates does not store them.

// flaw says what is wrong with a policy, "" if nothing is.
func (s *selectors) flaw(p *calico.Policy) string {
	if s.get(p.Selector) == nil {
		return "the selector cannot be read: " + p.Selector
	}
	return s.rulesFlaw(p.Ingress, p.Egress)
}

func (s *selectors) rulesFlaw(ingress, egress []calico.Rule) string {
	for i := range ingress {
		if why := s.ruleFlaw(&ingress[i]); why != "" {
			return fmt.Sprintf("ingress rule %d: %s", ingress[i].Index+1, why)
		}
	}
	for i := range egress {
		if why := s.ruleFlaw(&egress[i]); why != "" {
			return fmt.Sprintf("egress rule %d: %s", egress[i].Index+1, why)
		}
	}
	return ""
}

func (s *selectors) ruleFlaw(r *calico.Rule) string {
	if r.IPVersion != nil && *r.IPVersion != 4 && *r.IPVersion != 6 {
		return fmt.Sprintf("IP version %d", *r.IPVersion)
	}
	for _, p := range []*numorstring.Protocol{r.Protocol, r.NotProtocol} {
		if !validProtocol(p) {
			return "protocol " + p.String()
		}
	}
	for _, f := range []*v3.ICMPFields{r.ICMP, r.NotICMP} {
		if !validICMP(f) {
			return "ICMP type above 254 or code above 255"
		}
	}
	for _, e := range []*calico.RuleEnd{&r.Src, &r.Dst} {
		if why := s.endFlaw(e, r.Protocol); why != "" {
			return why
		}
	}
	return ""
}

// endFlaw checks the selectors as they are written and as they are joined, and
// the ports.
func (s *selectors) endFlaw(e *calico.RuleEnd, proto *numorstring.Protocol) string {
	for _, text := range []string{
		e.OriginalSelector, e.OriginalNamespaceSelector, e.OriginalNotSelector, e.OriginalServiceAccountSelector,
		e.Selector, e.NotSelector,
	} {
		if text != "" && s.get(text) == nil {
			return "a selector cannot be read: " + text
		}
	}
	for _, list := range [][]numorstring.Port{e.Ports, e.NotPorts} {
		for _, p := range list {
			if p.MinPort > p.MaxPort || p.PortName == "" && p.MinPort < 1 {
				return "port " + p.String()
			}
		}
		switch {
		case len(list) == 0:
		case proto == nil && slices.ContainsFunc(list, func(p numorstring.Port) bool { return p.PortName == "" }):
			return "ports without a protocol"
		case proto != nil && !proto.SupportsPorts():
			return "ports of protocol " + proto.String()
		}
	}
	return ""
}

var protocolName = regexp.MustCompile("^(tcp|udp|icmp|icmpv6|sctp|udplite)$")

func validProtocol(p *numorstring.Protocol) bool {
	if p == nil {
		return true
	}
	if n, err := p.NumValue(); err == nil {
		return n != 0
	}
	return protocolName.MatchString(p.String())
}

func validICMP(f *v3.ICMPFields) bool {
	return f == nil || inRange(f.Type, 254) && inRange(f.Code, 255)
}

func inRange(n *int, most int) bool { return n == nil || *n >= 0 && *n <= most }
