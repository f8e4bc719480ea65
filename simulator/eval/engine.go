package eval

import (
	"cmp"
	"fmt"
	"slices"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Engine is a compiled Ruleset.
type Engine struct {
	rs       *nf.Ruleset
	chains   []chain
	ipsets   []*ipset
	ipsetIDs map[nf.SetName]int32
	bases    map[hookKey][]Base
	nats     map[hookKey][]Base
	tracks   [2]bool // IPv4, IPv6
	problems []string
	nStmts   int32                   // statements with state
	hashes   map[hashName]*hashTable // settings of -m hashlimit
	recent   map[string]bool         // lists of -m recent
	tables   []compiledTable
}

// compiledTable is what State.Keep asks of a table: its named sets, and which of the
// numbers with state its statements have, from first to last.
type compiledTable struct {
	table       *nf.Table
	sets        map[nf.SetName]*nftSet
	first, last int32
}

type hookKey struct {
	f packet.Family
	h nf.Hook
}

// chain is a compiled chain; Table and Chain are what it was compiled from.
type chain struct {
	table  *nf.Table
	chain  *nf.Chain
	rules  []rule
	policy Verdict
}

// rule is a compiled rule.
type rule struct {
	steps []step
}

// outcome is what a step of a rule does to the walk.
type outcome uint8

const (
	goOn     outcome = iota // to the rule's next statement
	miss                    // to the next rule
	unknown                 // a match that is not known
	end                     // scratch.res holds the verdict
	jump                    // to scratch.target
	jumpOver                // goto
	hotDrop                 // as end, by a match: the rule does not count the packet
	ret                     // return
)

// step evaluates one statement.
type step func(w *scratch) outcome

// scratch is what one Run works with; it lives in the Context, so that running
// allocates nothing.
type scratch struct {
	e        *Engine
	c        *Context
	p        *packet.Packet
	family   packet.Family
	src, dst value
	ref      RuleRef
	res      Result
	target   int32
	// taken says how a statement was taken whose value depends on chance or on a
	// rate; passedBy that chance passed the rule by. Only when recording.
	taken    string
	passedBy bool
	origin   int // of the last element found, by this rule or on the way to its chain
	found    *nf.Element
	key      [maxParts]value
	stack    [32]frame
}

// frame is where a jump comes back to; origin is that of the element that led to the
// chain.
type frame struct {
	chain, rule int32
	origin      int
}

// New compiles a ruleset, which must not change afterwards. What cannot be
// evaluated is in Problems and becomes Unknown where a packet meets it.
func New(rs *nf.Ruleset) *Engine {
	e := &Engine{rs: rs, ipsetIDs: map[nf.SetName]int32{}, bases: map[hookKey][]Base{}, nats: map[hookKey][]Base{}, hashes: map[hashName]*hashTable{}, recent: map[string]bool{}}
	for i := range rs.IPSets {
		e.ipsetIDs[rs.IPSets[i].Name] = int32(i)
	}
	for i := range rs.IPSets {
		e.ipsets = append(e.ipsets, compileIPSet(&rs.IPSets[i], e.ipsetIDs))
	}
	for i := range rs.Tables {
		e.addTable(&rs.Tables[i])
	}
	for _, m := range []map[hookKey][]Base{e.bases, e.nats} {
		for k, list := range m {
			slices.Reverse(list) // newest registration first
			slices.SortStableFunc(list, func(a, b Base) int { return cmp.Compare(a.Chain.Base.Priority, b.Chain.Base.Priority) })
			m[k] = list
		}
	}
	return e
}

func (e *Engine) addTable(t *nf.Table) {
	k := &compiler{e: e, table: t, chains: map[nf.ChainName]int32{}, sets: map[nf.SetName]*nftSet{}}
	first, stmts := len(e.chains), e.nStmts
	for i := range t.Chains {
		c := &t.Chains[i]
		k.chains[c.Name] = int32(len(e.chains))
		cc := chain{table: t, chain: c, policy: Accept}
		if c.Base != nil && c.Base.Policy == nf.PolicyDrop {
			cc.policy = Drop
		}
		e.chains = append(e.chains, cc)
		e.register(t, c, BaseID(len(e.chains)-1))
	}
	for i := range t.Sets {
		k.sets[t.Sets[i].Name] = compileNFTSet(k, &t.Sets[i])
	}
	for i := range t.Chains {
		k.chain = &t.Chains[i]
		rules := make([]rule, len(k.chain.Rules))
		for j := range rules {
			k.rule = j + 1
			rules[j] = k.compileRule(&k.chain.Rules[j])
		}
		e.chains[first+i].rules = rules
	}
	e.tables = append(e.tables, compiledTable{t, k.sets, stmts + 1, e.nStmts})
}

// register puts a base chain on its hook for the families that it sees.
func (e *Engine) register(t *nf.Table, c *nf.Chain, id BaseID) {
	if c.Base == nil || t.Dormant {
		return
	}
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if !t.Family.Sees(f) && t.Family != nf.FamilyNetdev {
			continue
		}
		k, m := hookKey{f, c.Base.Hook}, e.bases
		if c.Base.Type == nf.TypeNAT {
			m = e.nats
		}
		m[k] = append(m[k], Base{ID: id, Table: t, Chain: c})
	}
}

// Problems lists what New could not resolve: jumps to chains and look-ups in
// sets that do not exist.
func (e *Engine) Problems() []string { return e.problems }

// Hook returns the filter and route base chains that see packets of family f
// at a hook, in the order in which the kernel runs them: by priority, and at
// equal priority the newest registration first.
func (e *Engine) Hook(f packet.Family, h nf.Hook) []Base { return e.bases[hookKey{f, h}] }

// NAT returns the nat base chains of a hook in their order. The kernel runs all
// of them at priority −100 (PREROUTING, OUTPUT) or 100 (INPUT, POSTROUTING),
// whatever their own priority, and only for packets that begin a connection
// (nf_nat_inet_fn); the first that translates ends the walk over them.
func (e *Engine) NAT(f packet.Family, h nf.Hook) []Base { return e.nats[hookKey{f, h}] }

// NeedsConntrack reports whether any rule for packets of family f makes the
// kernel track connections.
func (e *Engine) NeedsConntrack(f packet.Family) bool { return e.tracks[familyIndex(f)] }

func familyIndex(f packet.Family) int {
	if f == packet.IPv6 {
		return 1
	}
	return 0
}

// Place returns what a RuleRef names: table, chain, and the rule (nil for the
// policy). All are nil for the zero RuleRef.
func (e *Engine) Place(r RuleRef) (*nf.Table, *nf.Chain, *nf.Rule) {
	if r.Chain < 1 || int(r.Chain) > len(e.chains) {
		return nil, nil, nil
	}
	c := &e.chains[r.Chain-1]
	if r.Rule < 1 || int(r.Rule) > len(c.chain.Rules) {
		return c.table, c.chain, nil
	}
	return c.table, c.chain, &c.chain.Rules[r.Rule-1]
}

// compiler compiles the rules of one table.
type compiler struct {
	e      *Engine
	table  *nf.Table
	chains map[nf.ChainName]int32
	sets   map[nf.SetName]*nftSet
	chain  *nf.Chain
	rule   int
}

func (k *compiler) problem(format string, args ...any) {
	place := ""
	if k.chain != nil {
		place = fmt.Sprintf(" chain %s rule %d", k.chain.Name, k.rule)
	}
	k.e.problems = append(k.e.problems,
		fmt.Sprintf("table %s %s%s: %s", k.table.Family, k.table.Name, place, fmt.Sprintf(format, args...)))
}

// stmtID numbers a statement with state.
func (e *Engine) stmtID() int32 {
	e.nStmts++
	return e.nStmts
}

// tracked notes that the table's rules need connection tracking.
func (k *compiler) tracked() { k.trackedFor(0) }

// trackedFor notes that packets of one family, or of all that the table sees,
// need connection tracking.
func (k *compiler) trackedFor(only packet.Family) {
	for i, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		k.e.tracks[i] = k.e.tracks[i] || k.table.Family.Sees(f) && (only == 0 || only == f)
	}
}

func (k *compiler) compileRule(r *nf.Rule) rule {
	steps := make([]step, 0, len(r.Body))
	for _, s := range r.Body {
		if st := k.compile(s); st != nil {
			steps = append(steps, st)
		} else {
			steps = append(steps, func(*scratch) outcome { return goOn })
		}
	}
	return rule{steps}
}
