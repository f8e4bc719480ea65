// Package intent is the language in which people say who may talk to whom: its
// tree with places, its parser, the joining of several files into one program,
// and its meaning.
//
// In go YAML documents of kind Intent as nodes; out come Documents, a Program in
// which every name is resolved, and findings. Judge is the meaning: given the ends
// that exist and a connection, it says whether the intent lets it pass, and by
// which statement. The package knows nothing of Calico's objects and chains but
// the language of selectors; turning a Program into objects is compiler/lower's.
package intent

import (
	"net/netip"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/packet"
)

// APIVersion and Kind name the documents of this language.
const (
	APIVersion = "tortie.dev/v1"
	Kind       = "Intent"
)

// Document is one Intent as written.
type Document struct {
	Name, Namespace string
	Span            diag.Span
	Tier            Tier
	// Order places the document among those of its tier, lowest first; those
	// without one come last, in order of their names.
	Order *float64
	// Stage says that the document is shown, not enforced.
	Stage   bool
	Owner   string
	Parties []Party
	Ports   []PortGroup
	Protect []Protect
	Rules   []Rule
	// Unread are the parties of statements that could not be read.
	Unread []Ref
	// Guards are the closings of nodePorts and forward.
	Guards []Guard
	Raw    []Raw
	// Guarantees are kept as written; proving them is not this package's.
	Guarantees []Guarantee
}

// Tier is where a document's policies go.
type Tier struct {
	Name  string
	Order *float64
	Span  diag.Span
}

// Party is a named group of ends.
type Party struct {
	Name string
	Span diag.Span
	// Wrong says that something in it is, and that it is reported.
	Wrong bool
	// Namespace, Namespaces, Pods and Accounts select pods.
	Namespace  string
	Namespaces *Selector
	Pods       *Selector
	Accounts   []string
	// Hosts selects nodes by the labels of their host endpoints.
	Hosts *Selector
	// Nets are addresses, without those in Except.
	Nets, Except []netip.Prefix
	AnyOf        []Ref
	// Service is "namespace/name".
	Service string
}

// Selector is a selector with its text and place.
type Selector struct {
	Text string
	Sel  *selector.Selector
	Span diag.Span
}

// Ref names a party or ports.
type Ref struct {
	Name string
	Span diag.Span
}

// PortGroup is a named list of ports.
type PortGroup struct {
	Name  string
	Span  diag.Span
	Terms []PortRef
}

// PortRef is one item of a list of ports: a term, or the name of a group.
type PortRef struct {
	Text  string
	Span  diag.Span
	Terms []PortTerm // empty for the name of a group
}

// PortTerm is a protocol with what it may go to. The zero term is any packet.
type PortTerm struct {
	Proto packet.Proto
	// First and Last are a range of ports; HasPorts says whether they count.
	HasPorts    bool
	First, Last uint16
	// Name is a named port.
	Name             string
	HasType, HasCode bool
	Type, Code       uint8
}

// Has reports whether a term names a port with a number and a name.
func (t PortTerm) Has(proto packet.Proto, port uint16, name string) bool {
	switch {
	case t.Proto != proto || t.HasType:
		return false
	case t.Name != "":
		return t.Name == name
	}
	return !t.HasPorts || t.First <= port && port <= t.Last
}

// Direction is which way connections go, seen from one end.
type Direction uint8

// The directions.
const (
	In Direction = iota + 1
	Out
)

// String returns "in" or "out".
func (d Direction) String() string {
	if d == In {
		return "in"
	}
	return "out"
}

// Protect closes a party but for what is allowed.
type Protect struct {
	Party   Ref
	In, Out bool
	Span    diag.Span
}

// Section is the part of a document in which a rule stands.
type Section uint8

// The sections.
const (
	Normal Section = iota + 1
	NodePorts
	Forward
	FastPath
)

// String returns the section as the language spells it.
func (s Section) String() string {
	return [...]string{"", "allow", "nodePorts", "forward", "fastPath"}[s]
}

// Rule is one statement: allow or deny connections.
type Rule struct {
	Section Section
	Deny    bool
	From    []Ref
	To      []Ref
	On      []PortRef
	// At says at which end the statement holds: In at to, Out at from, 0 at both.
	At      Direction
	Log     bool
	Because string
	Owner   string
	// Until is the last day of the rule, "2027-03-31".
	Until     string
	UntilSpan diag.Span
	Span      diag.Span
	// Wrong says that something in it is, and that it is reported.
	Wrong bool
}

// Guard closes hosts for what comes to their node ports, or through them.
type Guard struct {
	Section Section
	Hosts   []Ref
	// Trust are parties that the guard lets through besides the cluster's own.
	Trust []Ref
	Span  diag.Span
}

// Raw is a rule of Calico's that is carried through as it stands.
type Raw struct {
	Party Ref
	In    bool
	Rule  *yamlpos.Node
	Span  diag.Span
}

// Guarantee is a claim about the outcome.
type Guarantee struct {
	Never bool
	Rule  Rule
}
