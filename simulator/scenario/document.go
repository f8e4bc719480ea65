package scenario

import "tortie/simulator/trace"

// Document is a Scenario as it is written: the value that YAML is decoded into.
type Document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec Spec `json:"spec"`
}

// Spec is what a Scenario says.
type Spec struct {
	// Files are files and folders of objects, relative to the scenario.
	Files        []string          `json:"files,omitempty"`
	ConntrackMax *int              `json:"conntrackMax,omitempty"`
	Dataplane    string            `json:"dataplane,omitempty"`
	KubeProxy    string            `json:"kubeProxy,omitempty"`
	FelixEnv     map[string]string `json:"felixEnv,omitempty"`
	// NodeRules are files of foreign rules by node.
	NodeRules map[string]string `json:"nodeRules,omitempty"`
	Steps     []StepDoc         `json:"steps"`
}

// StepDoc is one step. At most one of the fields between Name and Expect is set,
// except that apply, objects and delete go together.
type StepDoc struct {
	Name  string   `json:"name,omitempty"`
	Open  *OpenDoc `json:"open,omitempty"`
	Send  string   `json:"send,omitempty"`
	Reply string   `json:"reply,omitempty"`
	Close string   `json:"close,omitempty"`
	Reset string   `json:"reset,omitempty"`
	// Idle is a duration, as "121s".
	Idle string `json:"idle,omitempty"`
	// Forget empties the connection table of a node, or of all ("*").
	Forget string `json:"forget,omitempty"`
	// Apply are files and folders, Objects objects in place.
	Apply   []string         `json:"apply,omitempty"`
	Objects []map[string]any `json:"objects,omitempty"`
	Delete  []Ref            `json:"delete,omitempty"`
	// NodeRules are files of foreign rules by node, in place of those before; an empty
	// name is none.
	NodeRules map[string]string `json:"nodeRules,omitempty"`
	// Check names a connection to look at.
	Check  string     `json:"check,omitempty"`
	Expect *ExpectDoc `json:"expect,omitempty"`
}

// OpenDoc opens connections.
type OpenDoc struct {
	From       string `json:"from"`
	To         string `json:"to"`
	As         string `json:"as,omitempty"`
	SourcePort *int   `json:"sourcePort,omitempty"`
	Count      *int   `json:"count,omitempty"`
	// Backend is the one backend of a service to choose, by address or pod.
	Backend string `json:"backend,omitempty"`
	// Family is 4 or 6, for ends that have both.
	Family *int `json:"family,omitempty"`
	Close  bool `json:"close,omitempty"`
	// Closed says that nobody listens at the far end.
	Closed bool `json:"closed,omitempty"`
	// HalfOpen sends only what comes before the beginner's second packet.
	HalfOpen bool `json:"halfOpen,omitempty"`
}

// Ref names an object.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// ExpectDoc is what must be true after a step.
type ExpectDoc struct {
	Verdict   string         `json:"verdict,omitempty"`
	By        *PolicyDoc     `json:"by,omitempty"`
	At        *PlaceDoc      `json:"at,omitempty"`
	Allowed   *int           `json:"allowed,omitempty"`
	Arrives   *ArrivesDoc    `json:"arrives,omitempty"`
	Conntrack []EntryDoc     `json:"conntrack,omitempty"`
	Entries   map[string]int `json:"entries,omitempty"`
	Packets   []CountDoc     `json:"packets,omitempty"`
}

// PolicyDoc names a policy; "none: true" says that no policy decided.
type PolicyDoc struct {
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Tier      string `json:"tier,omitempty"`
	Direction string `json:"direction,omitempty"`
	Rule      int    `json:"rule,omitempty"`
	None      bool   `json:"none,omitempty"`
}

func (d *PolicyDoc) policy() trace.Policy {
	return trace.Policy{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name, Tier: d.Tier, Direction: d.Direction, Rule: d.Rule}
}

// PlaceDoc is where a verdict is made.
type PlaceDoc struct {
	Node  string `json:"node,omitempty"`
	Hook  string `json:"hook,omitempty"`
	Table string `json:"table,omitempty"`
	Chain string `json:"chain,omitempty"`
}

// ArrivesDoc is the first packet as the far end sees it: addresses, with or
// without their ports.
type ArrivesDoc struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// EntryDoc is how a node remembers a connection.
type EntryDoc struct {
	Node string `json:"node"`
	// State is ABSENT, PRESENT, a state of TCP or SCTP, REPLIED or UNREPLIED.
	State string `json:"state"`
}

// CountDoc is how many packets met the rules of a policy.
type CountDoc struct {
	By    PolicyDoc `json:"by"`
	Node  string    `json:"node,omitempty"`
	Count int       `json:"count"`
}
