package eval

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Engine is a compiled Ruleset.
type Engine struct {
	rs       *nf.Ruleset
	problems []string
}

type scratch struct{}

// New compiles a ruleset, which must not change afterwards. What cannot be
// evaluated is in Problems and becomes Unknown where a packet meets it.
func New(rs *nf.Ruleset) *Engine { return &Engine{rs: rs} }

// Problems lists what New could not resolve: jumps to chains and look-ups in
// sets that do not exist.
func (e *Engine) Problems() []string { return e.problems }

// Hook returns the filter and route base chains that see packets of family f
// at a hook, in the order in which the kernel runs them: by priority, and at
// equal priority the newest registration first.
func (e *Engine) Hook(f packet.Family, h nf.Hook) []Base { return nil }

// NAT returns the nat base chains of a hook in their order. The kernel runs all
// of them at priority −100 (PREROUTING, OUTPUT) or 100 (INPUT, POSTROUTING),
// whatever their own priority, and only for packets that begin a connection
// (nf_nat_inet_fn); the first that translates ends the walk over them.
func (e *Engine) NAT(f packet.Family, h nf.Hook) []Base { return nil }

// NeedsConntrack reports whether any rule for packets of family f makes the
// kernel track connections.
func (e *Engine) NeedsConntrack(f packet.Family) bool { return true }

// Place returns what a RuleRef names: table, chain, and the rule (nil for the
// policy). All are nil for the zero RuleRef.
func (e *Engine) Place(r RuleRef) (*nf.Table, *nf.Chain, *nf.Rule) { return nil, nil, nil }

// Run walks a base chain for a packet.
func (e *Engine) Run(id BaseID, c *Context) Result { return Result{Verdict: Unknown} }
