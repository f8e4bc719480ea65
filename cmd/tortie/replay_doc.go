package main

// scenarioDoc is a document of kind Scenario as it is written.
type scenarioDoc struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		// Files are files and folders of objects, relative to the scenario.
		Files        []string          `json:"files,omitempty"`
		ConntrackMax int               `json:"conntrackMax,omitempty"`
		Dataplane    string            `json:"dataplane,omitempty"`
		FelixEnv     map[string]string `json:"felixEnv,omitempty"`
		// NodeRules are files of foreign rules by node.
		NodeRules map[string]string `json:"nodeRules,omitempty"`
		Steps     []stepDoc         `json:"steps"`
	} `json:"spec"`
}

// stepDoc is one step. At most one of the fields between Name and Expect is set,
// except that apply, objects and delete go together.
type stepDoc struct {
	Name  string   `json:"name,omitempty"`
	Open  *openDoc `json:"open,omitempty"`
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
	Delete  []objectRef      `json:"delete,omitempty"`
	// Check names a connection to look at.
	Check  string     `json:"check,omitempty"`
	Expect *expectDoc `json:"expect,omitempty"`
}

type openDoc struct {
	From       string `json:"from"`
	To         string `json:"to"`
	As         string `json:"as,omitempty"`
	SourcePort int    `json:"sourcePort,omitempty"`
	Count      int    `json:"count,omitempty"`
	Close      bool   `json:"close,omitempty"`
	// Closed says that nobody listens at the far end.
	Closed bool `json:"closed,omitempty"`
}

// objectRef names an object.
type objectRef struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

type expectDoc struct {
	Verdict   string         `json:"verdict,omitempty"`
	By        *policyDoc     `json:"by,omitempty"`
	At        *placeDoc      `json:"at,omitempty"`
	Allowed   *int           `json:"allowed,omitempty"`
	Conntrack []entryDoc     `json:"conntrack,omitempty"`
	Entries   map[string]int `json:"entries,omitempty"`
	Packets   []countDoc     `json:"packets,omitempty"`
}

// policyDoc names a policy; "none: true" says that no policy decided.
type policyDoc struct {
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Tier      string `json:"tier,omitempty"`
	Direction string `json:"direction,omitempty"`
	Rule      int    `json:"rule,omitempty"`
	None      bool   `json:"none,omitempty"`
}

type placeDoc struct {
	Node  string `json:"node,omitempty"`
	Hook  string `json:"hook,omitempty"`
	Table string `json:"table,omitempty"`
	Chain string `json:"chain,omitempty"`
}

type entryDoc struct {
	Node string `json:"node"`
	// State is ABSENT, PRESENT, a state of TCP or SCTP, REPLIED or UNREPLIED.
	State string `json:"state"`
}

type countDoc struct {
	By    policyDoc `json:"by"`
	Node  string    `json:"node,omitempty"`
	Count int       `json:"count"`
}
