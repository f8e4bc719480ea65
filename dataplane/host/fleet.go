package host

import "net/netip"

// Fleet is a set of nodes, what connects them, and what their rules came from.
type Fleet struct {
	Hosts []State
	// Segments are the networks between nodes. A packet that leaves by a link of
	// a segment enters the host whose link there owns the next hop.
	Segments []Segment
	// Endpoints are what sits behind links and is not simulated as a host: pods
	// behind cali* interfaces.
	Endpoints []Endpoint
	// Virtual are addresses that no link has: those of services, which rules are to
	// translate, and what is left of the ranges of services and pods.
	Virtual []Virtual `json:",omitempty"`
	// Origins is what nf.Rule.Origin counts in; entry 0 is "none".
	Origins []Origin
	// Notes are what the producer assumed and says once ("addresses made up").
	Notes []string `json:",omitempty"`
}

// Segment is a network (layer 2) that joins links of several nodes. What has no
// owner on it is outside.
type Segment struct {
	Name    string
	Members []Port
}

// Port is one link of one host.
type Port struct {
	Host Name
	Link LinkName
}

// Endpoint is one network namespace behind a link of a host.
type Endpoint struct {
	// Name as users write it, "namespace/pod".
	Name  string
	Host  Name
	Link  LinkName
	Addrs []netip.Addr
	// HostNetwork endpoints have no link: they are processes of their host.
	HostNetwork bool `json:",omitempty"`
	// Listens are the ports known to be open; nil when nothing is known.
	Listens []string `json:",omitempty"`
}

// Virtual are addresses for rules to translate, or nobody's.
type Virtual struct {
	// Prefix of which all addresses count that no host or endpoint of the fleet has.
	Prefix netip.Prefix
	// Name says for people what they are.
	Name string
	// Outside says that somebody out there may have them as well: a load balancer.
	Outside bool `json:",omitempty"`
	// Translated says that what comes from outside is translated on the way here, to
	// an address that nobody says: the external address of a node.
	Translated bool `json:",omitempty"`
	// Untranslated says that no rule is meant to translate them: addresses for pods that
	// are not there.
	Untranslated bool `json:",omitempty"`
}

// Origin says what a rule was made from.
type Origin struct {
	// Kind, Namespace, Name, Tier of the policy or profile; Direction "ingress" or
	// "egress"; Rule counts from 1, 0 for a rule that stands for all of the policy
	// (a tier's default).
	Kind, Namespace, Name, Tier, Direction string
	Rule                                   int
	// File and Line where it is written; empty and 0 when not from a file.
	File string `json:",omitempty"`
	Line int    `json:",omitempty"`
	// Intent is the line of intent behind it, "file:line", if any.
	Intent string `json:",omitempty"`
}

// FindHost returns the host of that name, or nil.
func (f *Fleet) FindHost(n Name) *State {
	for i := range f.Hosts {
		if f.Hosts[i].Name == n {
			return &f.Hosts[i]
		}
	}
	return nil
}
