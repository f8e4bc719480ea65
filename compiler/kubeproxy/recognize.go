package kubeproxy

import (
	"regexp"
	"slices"
	"strings"

	"tortie/dataplane/nf"
)

// What kube-proxy writes about a service port: "namespace/name" or "namespace/name:port",
// and in nftables chains "HASH-namespace/name/protocol/port".
var (
	servicePort = regexp.MustCompile(`^([a-z0-9-]+)/([a-z0-9-]+)(:[a-z0-9-]+)?$`)
	firewall    = regexp.MustCompile(`^firewall-([A-Z2-7]{8})-(([a-z0-9-]+)/([a-z0-9-]+)/[a-z]+/[a-z0-9-]*)$`)
)

// refusing are the iptables chains of which a rule that names a service refuses its
// packets.
var refusing = []nf.ChainName{"KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"}

// Recognize finds in the rules of a captured node those of kube-proxy that refuse
// packets of a service: rules by their comment or their chain's name, elements of maps
// by their comment. origin is asked for the origin of each service that is named.
func Recognize(rs *nf.Ruleset, origin func(namespace, name string) int) {
	for i := range rs.Tables {
		t := &rs.Tables[i]
		switch {
		case t.Backend.Iptables():
			recognizeRules(t, origin)
		case t.Name == nftTableName:
			recognizeElements(t, origin)
			recognizeFirewalls(t, origin)
		}
	}
}

func recognizeRules(t *nf.Table, origin func(namespace, name string) int) {
	for i := range t.Chains {
		c := &t.Chains[i]
		if t.Name != "filter" || !slices.Contains(refusing, c.Name) {
			continue
		}
		for j := range c.Rules {
			if comments := c.Rules[j].Comments; len(comments) == 1 {
				word, _, _ := strings.Cut(comments[0], " ")
				if m := servicePort.FindStringSubmatch(word); m != nil {
					c.Rules[j].Origin = origin(m[1], m[2])
				}
			}
		}
	}
}

func recognizeElements(t *nf.Table, origin func(namespace, name string) int) {
	for i := range t.Sets {
		s := &t.Sets[i]
		if s.Name != mapNoEndpoints && s.Name != mapNoEndpointPort {
			continue
		}
		for j := range s.Elements {
			if m := servicePort.FindStringSubmatch(s.Elements[j].Comment); m != nil {
				s.Elements[j].Origin = origin(m[1], m[2])
			}
		}
	}
}

// recognizeFirewalls takes chains of source ranges by their names, whose hash has to
// be that of the rest.
func recognizeFirewalls(t *nf.Table, origin func(namespace, name string) int) {
	for i := range t.Chains {
		c := &t.Chains[i]
		m := firewall.FindStringSubmatch(string(c.Name))
		if m == nil || hash(8, m[2]) != m[1] {
			continue
		}
		for j := range c.Rules {
			c.Rules[j].Origin = origin(m[3], m[4])
		}
	}
}
