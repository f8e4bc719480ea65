package trace

// Explanation says in terms of policies why a connection ended as it did. The
// walk knows nothing of policies; whoever made the rules fills it in.
type Explanation struct {
	// Sides are the endpoints that the packets passed and that policies or
	// profiles decided about, in order; the last one of a denied packet denied it.
	// One without a policy is a pod whose own node sent the packet: none is asked.
	Sides []Side `json:"sides"`
	// Considered are the policies that were asked on the deciding side, in order,
	// with what each did.
	Considered []Considered `json:"considered"`
	// Nearest is the rule that would have allowed a denied packet and failed on
	// the fewest conditions.
	Nearest *Nearest `json:"nearest,omitempty"`
	// Suggestion is the smallest change that lets a denied packet pass this side.
	Suggestion string `json:"suggestion,omitempty"`
}

// Side is one decision of one endpoint in one direction.
type Side struct {
	Packet Direction `json:"packet"`
	Node   string    `json:"node"`
	// Endpoint is "namespace/pod", or a host endpoint's name; Kind is
	// "WorkloadEndpoint" or "HostEndpoint".
	Endpoint  string `json:"endpoint"`
	Kind      string `json:"kind"`
	Interface string `json:"interface"`
	Direction string `json:"direction"`
	// Stage is "normal", "untracked", "preDNAT" or "forward".
	Stage   string  `json:"stage"`
	Outcome string  `json:"outcome"` // "allowed" or "denied"
	Text    string  `json:"text"`
	Policy  *Policy `json:"policy,omitempty"`
	Source  *Source `json:"source,omitempty"`
}

// Considered is one policy, profile or end of a tier that was asked.
type Considered struct {
	Tier   string  `json:"tier,omitempty"`
	Policy *Policy `json:"policy"`
	Source *Source `json:"source,omitempty"`
	// Outcome is "no rule matched", "passed", "denied" or "allowed".
	Outcome string `json:"outcome"`
	// Text says the outcome with the rule that did it.
	Text     string `json:"text"`
	Deciding bool   `json:"deciding,omitempty"`
}

// Nearest is a rule that almost allowed a packet.
type Nearest struct {
	Policy *Policy `json:"policy"`
	Source *Source `json:"source,omitempty"`
	// Held is how many of the rule's conditions held.
	Held int `json:"held"`
	// Failed are the conditions that did not.
	Failed []Failed `json:"failed"`
}

// Failed is a condition of a policy rule that a packet did not meet.
type Failed struct {
	// Field is the rule's field: "protocol", "source.selector",
	// "destination.ports" …
	Field string `json:"field"`
	Have  string `json:"have"`
	Want  string `json:"want"`
	Text  string `json:"text"`
}
