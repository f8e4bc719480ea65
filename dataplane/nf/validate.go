package nf

import (
	"fmt"
	"strings"
)

// maxDepth is the deepest chain of jumps that nf_tables loads
// (NFT_JUMP_STACK_SIZE); x_tables has no such limit.
const maxDepth = 16

// Name lengths that the kernel takes, without the closing zero byte.
const (
	maxXtChain  = 28  // XT_FUNCTION_MAXNAMELEN - 1
	maxNFTName  = 255 // NFT_NAME_MAXLEN - 1
	maxIPSet    = 31  // IPSET_MAXNAMELEN - 1
	maxIfname   = 15  // IFNAMSIZ - 1
	maxMultPort = 15  // XT_MULTI_PORTS
)

// Validate lists what a kernel would refuse about a ruleset: jumps to chains
// that do not exist, loops, jumps nested too deep, sets that do not exist or do
// not fit their use, hooks that a table does not have, names that are too long.
// Nil means that nothing was found.
func (r *Ruleset) Validate() []error {
	v := &validator{ipsets: map[SetName]*Set{}}
	for i := range r.IPSets {
		s := &r.IPSets[i]
		if v.ipsets[s.Name] != nil {
			v.add("ipset %q exists twice", s.Name)
		}
		v.ipsets[s.Name] = s
		v.ipset(s)
	}
	for i := range r.Tables {
		v.inTable(&r.Tables[i])
	}
	return v.problems
}

type validator struct {
	problems []error
	ipsets   map[SetName]*Set
	table    *Table
	chains   map[ChainName]*Chain
	sets     map[SetName]*Set
	depth    map[ChainName]int // 0 is not visited, -1 is being visited
}

func (v *validator) add(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(format, args...))
}

func (v *validator) ipset(s *Set) {
	if len(s.Name) > maxIPSet {
		v.add("ipset %q: the name has more than %d bytes", s.Name, maxIPSet)
	}
	_, dims, ok := strings.Cut(s.Type, ":")
	if !ok {
		v.add("ipset %q: %q is no set type", s.Name, s.Type)
		return
	}
	want := strings.Count(dims, ",") + 1
	for _, e := range s.Elements {
		if len(e.Key) != want {
			v.add("ipset %q: an element of %d parts in a %s", s.Name, len(e.Key), s.Type)
		}
		if s.Type == "list:set" && len(e.Key) == 1 && v.ipsets[SetName(e.Key[0].Name)] == nil {
			v.add("ipset %q: its member %q does not exist before it", s.Name, e.Key[0].Name)
		}
	}
}

func (v *validator) inTable(t *Table) {
	v.table = t
	v.chains, v.sets, v.depth = map[ChainName]*Chain{}, map[SetName]*Set{}, map[ChainName]int{}
	for i := range t.Sets {
		s := &t.Sets[i]
		if v.sets[s.Name] != nil {
			v.add("%s: set %q exists twice", v.place(), s.Name)
		}
		v.sets[s.Name] = s
	}
	for i := range t.Chains {
		c := &t.Chains[i]
		if v.chains[c.Name] != nil {
			v.add("%s: chain %q exists twice", v.place(), c.Name)
		}
		v.chains[c.Name] = c
	}
	for i := range t.Chains {
		v.chain(&t.Chains[i])
	}
	for i := range t.Sets {
		v.nftSet(&t.Sets[i])
	}
	for i := range t.Chains {
		if t.Chains[i].Base != nil {
			if d := v.nesting(&t.Chains[i]); d > maxDepth && t.Backend != IptablesLegacy {
				v.add("%s: jumps from chain %q are %d deep, more than %d", v.place(), t.Chains[i].Name, d, maxDepth)
			}
		}
	}
}

func (v *validator) place() string { return fmt.Sprintf("table %s %s", v.table.Family, v.table.Name) }

func (v *validator) chain(c *Chain) {
	limit := maxNFTName
	if v.table.Backend.Iptables() {
		limit = maxXtChain
	}
	if len(c.Name) > limit {
		v.add("%s: chain %q: the name has more than %d bytes", v.place(), c.Name, limit)
	}
	if c.Base != nil && v.table.Backend.Iptables() {
		if want, ok := IptablesBase(v.table.Name, c.Name); !ok || want.Hook != c.Base.Hook {
			v.add("%s: %q is no built-in chain of the table", v.place(), c.Name)
		}
	}
	if b := c.Base; b != nil && b.Type == TypeNAT && (b.Hook == Forward || b.Hook > PostRouting) {
		v.add("%s: chain %q: no nat at %s", v.place(), c.Name, b.Hook)
	}
	if b := c.Base; b != nil && b.Type == TypeRoute && b.Hook != LocalOut {
		v.add("%s: chain %q: a route chain only at OUTPUT", v.place(), c.Name)
	}
	for i := range c.Rules {
		for _, s := range c.Rules[i].Body {
			if err := v.stmt(s); err != "" {
				v.add("%s chain %s rule %d: %s", v.place(), c.Name, i+1, err)
			}
		}
	}
}

// stmt returns what is wrong with a statement, or "".
func (v *validator) stmt(s Stmt) string {
	switch s := s.(type) {
	case Jump:
		return v.target(s.Chain)
	case Goto:
		return v.target(s.Chain)
	case MatchSet:
		return v.useIPSet(s.Set, len(s.Dirs))
	case MatchLookup:
		return v.useSet(s.Set, len(s.Key))
	case VMap:
		return v.useMap(s.Set, s.Elements, len(s.Key))
	case NAT:
		if s.Map != nil {
			return v.useMap(s.Map.Set, s.Map.Elements, len(s.Map.Key))
		}
	case SetElement:
		if len(s.Dirs) > 0 {
			return v.useIPSet(s.Set, len(s.Dirs))
		}
		return v.useSet(s.Set, len(s.Key))
	case MatchIface:
		if len(s.Name) > maxIfname {
			return fmt.Sprintf("interface %q has more than %d bytes", s.Name, maxIfname)
		}
	case MatchMultiport:
		return multiportFits(s)
	}
	return ""
}

func multiportFits(m MatchMultiport) string {
	n := 0
	for _, r := range m.Ports {
		n++
		if r.From != r.To {
			n++
		}
	}
	if n == 0 || n > maxMultPort {
		return fmt.Sprintf("multiport with %d ports, want 1 to %d", n, maxMultPort)
	}
	return ""
}

func (v *validator) target(c ChainName) string {
	switch to := v.chains[c]; {
	case to == nil:
		return fmt.Sprintf("no chain %q", c)
	case to.Base != nil:
		return fmt.Sprintf("%q is a base chain and cannot be called", c)
	}
	return ""
}

func (v *validator) useIPSet(n SetName, dirs int) string {
	s := v.ipsets[n]
	if s == nil {
		return fmt.Sprintf("no ipset %q", n)
	}
	if _, dims, _ := strings.Cut(s.Type, ":"); s.Type != "list:set" && dirs < strings.Count(dims, ",")+1 {
		return fmt.Sprintf("ipset %q is a %s, and the rule has %d directions", n, s.Type, dirs)
	}
	return ""
}

func (v *validator) useSet(n SetName, parts int) string {
	switch s := v.sets[n]; {
	case s == nil:
		return fmt.Sprintf("no set %q", n)
	case len(s.Key) != 0 && len(s.Key) != parts:
		return fmt.Sprintf("set %q has keys of %d parts, the rule %d", n, len(s.Key), parts)
	}
	return ""
}

func (v *validator) useMap(n SetName, elements []Element, parts int) string {
	if n != "" {
		return v.useSet(n, parts)
	}
	return v.elements(elements, parts)
}

func (v *validator) nftSet(s *Set) {
	if len(s.Name) > maxNFTName {
		v.add("%s: set %q: the name has more than %d bytes", v.place(), s.Name, maxNFTName)
	}
	if err := v.elements(s.Elements, len(s.Key)); err != "" {
		v.add("%s: set %q: %s", v.place(), s.Name, err)
	}
}

func (v *validator) elements(elements []Element, parts int) string {
	for _, e := range elements {
		if parts != 0 && len(e.Key) != parts {
			return fmt.Sprintf("an element of %d parts, want %d", len(e.Key), parts)
		}
		if d := e.Verdict; d != nil && (d.Kind == VerdictJump || d.Kind == VerdictGoto) {
			if err := v.target(d.Chain); err != "" {
				return err
			}
		}
	}
	return ""
}

// nesting returns how deep the jumps from a chain go; a loop is reported once.
func (v *validator) nesting(c *Chain) int {
	switch d := v.depth[c.Name]; {
	case d > 0:
		return d - 1
	case d < 0:
		v.add("%s: chain %q calls itself", v.place(), c.Name)
		return 0
	}
	v.depth[c.Name] = -1
	deepest := 0
	for i := range c.Rules {
		for _, n := range v.callees(c.Rules[i].Body) {
			if to := v.chains[n]; to != nil {
				deepest = max(deepest, 1+v.nesting(to))
			}
		}
	}
	v.depth[c.Name] = deepest + 1
	return deepest
}

// callees are the chains that a rule can go to.
func (v *validator) callees(body []Stmt) []ChainName {
	var out []ChainName
	for _, s := range body {
		switch s := s.(type) {
		case Jump:
			out = append(out, s.Chain)
		case Goto:
			out = append(out, s.Chain)
		case VMap:
			elements := s.Elements
			if set := v.sets[s.Set]; set != nil {
				elements = set.Elements
			}
			for _, e := range elements {
				if e.Verdict != nil && e.Verdict.Chain != "" {
					out = append(out, e.Verdict.Chain)
				}
			}
		}
	}
	return out
}
