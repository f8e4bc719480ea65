package walk

import (
	"fmt"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// deviceChain is a chain that sees packets outside the hooks of IP: at a device's
// ingress or egress, or on a bridge. The walk does not run these.
type deviceChain struct {
	hook    nf.Hook // Ingress or Egress; 0 is the bridge's hooks
	devices []string
	name    string
}

// deviceChains lists the chains that could do something to a packet.
func deviceChains(rs *nf.Ruleset) (list []deviceChain) {
	for i := range rs.Tables {
		t := &rs.Tables[i]
		for j := range t.Chains {
			c := &t.Chains[j]
			if c.Base == nil || t.Dormant || len(c.Rules) == 0 && c.Base.Policy == nf.PolicyAccept {
				continue
			}
			d := deviceChain{devices: c.Base.Devices, name: fmt.Sprintf("%s of table %s %s", c.Name, t.Family, t.Name)}
			if h := c.Base.Hook; h == nf.Ingress || h == nf.Egress {
				d.hook = h
			} else if t.Family != nf.FamilyBridge {
				continue
			}
			list = append(list, d)
		}
	}
	return list
}

// unwalked names the chain that a packet meets at a link and that the walk does
// not run; "" is none. A chain whose devices are not known may be at every link.
func (n *node) unwalked(h nf.Hook, link host.LinkName) string {
	for _, d := range n.devices {
		switch {
		case d.hook == 0 && n.bridges[link]:
			return "the chain " + d.name + ", which the bridge " + string(link) + " runs, is not walked"
		case d.hook == h && (len(d.devices) == 0 || slices.Contains(d.devices, string(link))):
			return fmt.Sprintf("the chain %s at %s of %s is not walked", d.name, h, link)
		}
	}
	return ""
}

// barred says why no packet comes in or leaves by a link: it is down or has no
// carrier. "" is nothing of that kind.
func (n *node) barred(link host.LinkName) string {
	switch l := n.state.FindLink(link); {
	case l == nil || l.Loopback:
		return ""
	case !l.Up:
		return "the link " + string(link) + " is down"
	case l.NoCarrier:
		return "the link " + string(link) + " has no carrier"
	}
	return ""
}

// unmodelled says what a link does with packets that the walk cannot follow.
func (n *node) unmodelled(link host.LinkName) string {
	if l := n.state.FindLink(link); l != nil && l.Opaque != "" {
		return "the link " + string(link) + " " + l.Opaque
	}
	return ""
}
