package scenario

import (
	"time"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// Scenario is a script.
type Scenario struct {
	Name string
	// ConntrackMax is the size of every node's connection table; 0 is the
	// kernel's default.
	ConntrackMax int
	// Dataplane and KubeProxy are what the script asks for; empty if it does not, or
	// for something that does not exist.
	Dataplane, KubeProxy string
	Steps                []Step

	broken  bool
	place   func(path ...any) diag.Span
	nearest func(word string, all []string) string
}

// IsBroken reports whether the scenario names no objects, so that none of its steps
// can be played.
func (s *Scenario) IsBroken() bool { return s.broken }

// Action is what a step does.
type Action string

// The actions. Check does nothing but look at expectations.
const (
	ActionOpen      Action = "open"
	ActionSend      Action = "send"
	ActionReply     Action = "reply"
	ActionClose     Action = "close"
	ActionReset     Action = "reset"
	ActionIdle      Action = "idle"
	ActionForget    Action = "forget"
	ActionChange    Action = "change"    // of objects
	ActionNodeRules Action = "nodeRules" // of other programs
	ActionCheck     Action = "check"
)

// Step is one step of a script.
type Step struct {
	// Index is the step's index in the document.
	Index  int
	Name   string
	Span   diag.Span
	Action Action
	// Open is set for ActionOpen.
	Open *Open
	// Connection is the name of the connection that the step is about; of Check
	// and Forget it may be empty.
	Connection string
	// Idle is how long nothing happens (ActionIdle).
	Idle time.Duration
	// Forget is the node whose connection table is emptied; empty is all.
	Forget host.Name
	// Text says in a few words what the step does.
	Text   string
	Expect *Expect

	faulty bool // cannot be played
}

// Open opens one connection, or many of consecutive source ports.
type Open struct {
	From, To string
	// As names the connection for later steps.
	As string
	// SrcPort is the first source port; 0 takes the next free one.
	SrcPort uint16
	// Count is how many are opened; at least 1.
	Count int
	// Backend is the one backend of a service to choose: an address, with or
	// without port, or the name of an endpoint; empty tries all.
	Backend string
	// Family is 4 or 6; 0 is any.
	Family int
	// Close ends each of them at once.
	Close bool
	// Closed says that nobody listens at the far end.
	Closed bool
	// HalfOpen sends only the first packet and, of TCP, its answer.
	HalfOpen bool
}

// Expect is what must be true after a step. What is not set is not asked.
type Expect struct {
	Verdict trace.Verdict
	// By is the policy that must have decided; its empty fields match anything.
	By *trace.Policy
	// NoPolicy says that no policy decided.
	NoPolicy bool
	At       *Place
	// Allowed is how many connections of many must have been allowed.
	Allowed *int
	// Arrives is the first packet as the far end sees it.
	Arrives *Arrives
	// Entries are how nodes must remember the step's connection.
	Entries []Entry
	// Counts are how many connections nodes must remember in all.
	Counts map[host.Name]int
	// Packets are how many packets of the step met a policy's rule.
	Packets []RuleCount
}

// Place is where a verdict was made; empty fields match anything.
type Place struct {
	Node, Hook, Table, Chain string
}

// Arrives are the ends of a packet, with or without ports; empty ones match
// anything.
type Arrives struct{ From, To string }

// Entry is how a node remembers a connection.
type Entry struct {
	Node host.Name
	// Absent says that it does not: never tracked, untracked or forgotten.
	Absent bool
	// State is TCP's or SCTP's state, else REPLIED or UNREPLIED; empty is any.
	State string
}

// RuleCount is how many packets a rule must have met, on one node or on all.
type RuleCount struct {
	Policy  trace.Policy
	Node    host.Name
	Packets int
}

// CodeBad is the code of findings about scripts.
const CodeBad = "scenario/bad"
