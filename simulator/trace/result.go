package trace

import (
	"encoding/json"
	"io"
	"net/netip"
	"strconv"
)

// Schema is the version of the JSON form.
const Schema = "tortie.trace/v1"

// Verdict is the outcome of a packet or a connection.
type Verdict string

// The verdicts.
const (
	Allow   Verdict = "allow"
	Deny    Verdict = "deny"
	Reject  Verdict = "reject"
	Unknown Verdict = "unknown"
)

// Reason is what decided: a rule, a chain's policy, or something that is no rule
// (then only Text, Node and perhaps Hook are set).
type Reason struct {
	Text    string  `json:"text"`
	Node    string  `json:"node"`
	Hook    string  `json:"hook,omitempty"`
	Table   string  `json:"table,omitempty"`
	Chain   string  `json:"chain,omitempty"`
	Rule    int     `json:"rule,omitempty"`
	Backend string  `json:"backend,omitempty"`
	Family  string  `json:"family,omitempty"`
	Line    int     `json:"line,omitempty"`
	Policy  *Policy `json:"policy,omitempty"`
	Source  *Source `json:"source,omitempty"`
	Origin  int     `json:"-"`
}

// ReasonOf makes a Reason of a step.
func ReasonOf(s Step) Reason {
	return Reason{Text: s.Text, Node: s.Node, Hook: s.Hook, Table: s.Table, Chain: s.Chain, Rule: s.Rule,
		Backend: s.Backend, Family: s.Family, Line: s.Line, Policy: s.Policy, Source: s.Source, Origin: s.Origin}
}

// Direction says which way a packet of the connection goes.
type Direction string

// The two directions.
const (
	Request Direction = "request"
	Reply   Direction = "reply"
)

// Packet is the way of one packet.
type Packet struct {
	Direction Direction `json:"direction"`
	// Refusal says that an end's kernel sends it to refuse an answer that none of its
	// sockets waits for: it is no part of the connection.
	Refusal bool    `json:"refusal,omitempty"`
	Verdict Verdict `json:"verdict"`
	Reason  Reason  `json:"reason"`
	From    string  `json:"from"`
	To      string  `json:"to"`
	// FromName and ToName are the pods or nodes that have the addresses.
	FromName string `json:"fromName,omitempty"`
	ToName   string `json:"toName,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Steps    []Step `json:"steps"`
}

// Conntrack is one node's view of the connection afterwards.
type Conntrack struct {
	Node     string `json:"node"`
	Tracked  bool   `json:"tracked"`
	State    string `json:"state"`
	Status   string `json:"status,omitempty"`
	Original string `json:"original"`
	Reply    string `json:"reply"`
	Mark     string `json:"mark,omitempty"`
}

// Connection is the outcome for a connection: allow only if every packet of it
// gets through.
type Connection struct {
	Verdict   Verdict     `json:"verdict"`
	Reason    Reason      `json:"reason"`
	Packets   []Packet    `json:"packets"`
	Conntrack []Conntrack `json:"conntrack"`
	// Notes are what was assumed on the way, each once.
	Notes []string `json:"notes,omitempty"`
	// Backends are all outcomes of a service with several backends; the rest of the
	// connection then is about one of them: the first that does not get through,
	// if there is one.
	Backends []Backend `json:"backends,omitempty"`
	// Explanation is in terms of policies; nil when no node was modelled.
	Explanation *Explanation `json:"explanation,omitempty"`
}

// Backend is the outcome of a connection when its service chooses that backend.
type Backend struct {
	Address string  `json:"address"`
	Verdict Verdict `json:"verdict"`
	Reason  Reason  `json:"reason"`
}

// WriteJSON writes the connection as tortie.trace/v1, indented, and a newline.
func (c Connection) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Schema string `json:"schema"`
		Connection
	}{Schema, c.withoutNil()})
}

// withoutNil turns nil lists into empty ones, which JSON writes as [].
func (c Connection) withoutNil() Connection {
	c.Packets = append([]Packet{}, c.Packets...)
	for i := range c.Packets {
		c.Packets[i].Steps = append([]Step{}, c.Packets[i].Steps...)
	}
	c.Conntrack = append([]Conntrack{}, c.Conntrack...)
	return c
}

// Hex writes a mark: "0x40000".
func Hex(mark uint32) string { return "0x" + strconv.FormatUint(uint64(mark), 16) }

func endText(a netip.Addr, port uint16, hasPort bool) string {
	if !hasPort {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}
