package lift

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/intent"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// peer is the party at the other end of a rule.
func (l *lifter) peer(p *policy, e *calico.RuleEnd) (intent.Party, string) {
	nets, selects := len(e.Nets)+len(e.NotNets) > 0, e.Selector != "" || e.OriginalSelector != "" || e.OriginalNamespaceSelector != ""
	switch {
	case e.NotSelector != "" || e.OriginalNotSelector != "":
		return intent.Party{}, "it excludes a selector"
	case e.OriginalServiceAccountSelector != "":
		return intent.Party{}, "it selects by labels of service accounts"
	case e.Service != "" && (nets || selects):
		return intent.Party{}, "it asks for a service and more"
	case e.Service != "":
		return intent.Party{Service: cmp.Or(e.ServiceNS, p.value.ID.Namespace) + "/" + e.Service}, ""
	case nets && selects:
		return intent.Party{}, "it asks for networks and a selector at once"
	case nets:
		return netParty(e), ""
	case !selects:
		return intent.Party{}, ""
	case strings.Contains(e.OriginalNamespaceSelector+e.OriginalSelector, "global()"):
		return intent.Party{}, "it selects what is in no namespace"
	}
	return l.selectedParty(p, e)
}

// selectedParty is a peer that selectors select.
func (l *lifter) selectedParty(p *policy, e *calico.RuleEnd) (intent.Party, string) {
	y := l.podParty("", l.plain(e.OriginalSelector))
	y.Accounts = e.OriginalServiceAccountNames
	switch {
	case e.OriginalNamespaceSelector != "":
		y.Namespaces = &intent.Selector{Text: e.OriginalNamespaceSelector}
	case p.value.ID.Namespace != "":
		y = l.podParty(p.value.ID.Namespace, l.plain(e.OriginalSelector))
		y.Accounts = e.OriginalServiceAccountNames
	default:
		if other := l.notPod(e.Selector, true); other != "" {
			return y, "it selects " + other
		}
	}
	return y, ""
}

// netParty is a peer given by addresses.
func netParty(e *calico.RuleEnd) intent.Party {
	y := intent.Party{Nets: slices.Clone(e.Nets)}
	if len(y.Nets) == 0 {
		y.Nets = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	for _, n := range e.NotNets {
		y.Nets = slices.DeleteFunc(y.Nets, func(o netip.Prefix) bool { return n.Bits() <= o.Bits() && n.Overlaps(o) })
	}
	for _, n := range e.NotNets {
		if slices.ContainsFunc(y.Nets, func(o netip.Prefix) bool { return o.Overlaps(n) }) {
			y.Except = append(y.Except, n)
		}
	}
	return y
}

// onOf writes protocol and ports as the language does.
func onOf(r *calico.Rule) ([]string, string) {
	ports := r.Dst.Ports
	if r.Protocol == nil {
		if len(ports) > 0 || r.ICMP != nil || r.IPVersion != nil {
			return nil, "it asks for ports or a family without a protocol"
		}
		return nil, ""
	}
	word, ok := protocolWord(*r.Protocol)
	switch {
	case !ok:
		return nil, "the language has no such protocol"
	case r.IPVersion != nil && !(*r.IPVersion == 4 && word == "icmp") && !(*r.IPVersion == 6 && word == "icmpv6"):
		return nil, "it asks for one family"
	case r.ICMP != nil && (word == "icmp" || word == "icmpv6"):
		return icmpWords(word, r)
	case word == "icmp":
		return []string{"proto/1"}, ""
	case len(ports) == 0:
		return []string{word}, ""
	}
	var out []string
	for _, p := range ports {
		text, ok := portWord(word, p)
		if !ok {
			return nil, "the language has no such port"
		}
		out = append(out, text)
	}
	return out, ""
}

func icmpWords(word string, r *calico.Rule) ([]string, string) {
	switch {
	case r.ICMP.Type == nil:
		return nil, "it asks for a code of ICMP without a type"
	case r.ICMP.Code == nil:
		return []string{fmt.Sprintf("%s/%d", word, *r.ICMP.Type)}, ""
	}
	return []string{fmt.Sprintf("%s/%d/%d", word, *r.ICMP.Type, *r.ICMP.Code)}, ""
}

// protocolNumbers are the protocols that have names in the language.
var protocolNumbers = map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp", 136: "udplite"}

func protocolWord(p numorstring.Protocol) (string, bool) {
	if n, err := p.NumValue(); err == nil {
		if word, ok := protocolNumbers[n]; ok {
			return word, true
		}
		return fmt.Sprintf("proto/%d", n), n > 0
	}
	word := strings.ToLower(p.String())
	for _, known := range protocolNumbers {
		if known == word {
			return word, true
		}
	}
	return word, false
}

func portWord(proto string, p numorstring.Port) (string, bool) {
	switch {
	case strings.HasPrefix(proto, "proto/"):
		return "", false
	case p.PortName != "":
		return proto + "/" + p.PortName, p.PortName == strings.ToLower(p.PortName) && len(p.PortName) <= 15 && strings.ContainsAny(p.PortName, "abcdefghijklmnopqrstuvwxyz")
	case p.MinPort == p.MaxPort:
		return fmt.Sprintf("%s/%d", proto, p.MinPort), p.MinPort > 0
	}
	return fmt.Sprintf("%s/%d-%d", proto, p.MinPort, p.MaxPort), p.MinPort > 0
}
