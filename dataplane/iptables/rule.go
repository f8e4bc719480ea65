package iptables

import (
	"errors"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ruleReader reads the words of one rule behind "-A CHAIN".
type ruleReader struct {
	toks   []token
	i      int
	family packet.Family
	// chains are the chains that the table declares.
	chains map[nf.ChainName]bool

	header header
	groups []*group // matches in order
	target *group
	jump   nf.Stmt // a jump, goto or plain verdict
	pkts   uint64
	bytes  uint64
	count  bool // -c was given
	// opaque are the groups that were kept verbatim.
	opaque []*group
}

// end is the place behind the last word.
func (r *ruleReader) end() token {
	if len(r.toks) == 0 {
		return token{}
	}
	e := r.toks[len(r.toks)-1].end
	return token{start: e, end: e}
}

// next takes the following word, which must be there.
func (r *ruleReader) next(want string) (token, error) {
	if r.i >= len(r.toks) {
		return r.end(), expected(r.end(), "%s", want)
	}
	r.i++
	return r.toks[r.i-1], nil
}

// read reads all words and returns the rule.
func (r *ruleReader) read() (nf.Rule, error) {
	for r.i < len(r.toks) {
		if err := r.step(); err != nil {
			return nf.Rule{}, err
		}
	}
	return r.rule()
}

// step reads one option with everything that belongs to it.
func (r *ruleReader) step() error {
	inv := false
	if r.toks[r.i].is("!") {
		inv = true
		r.i++
	}
	t, err := r.next("an option behind \"!\"")
	if err != nil {
		return err
	}
	r.splitEquals(&t)
	if h, ok := headerOptions[t.text]; ok && !t.quoted {
		return r.headerOption(h, t, inv)
	}
	return r.moduleOption(t, inv)
}

// splitEquals turns --name=value into two words.
func (r *ruleReader) splitEquals(t *token) {
	name, value, ok := strings.Cut(t.text, "=")
	if !ok || t.quoted || !strings.HasPrefix(name, "--") {
		return
	}
	v := token{text: value, quoted: true, start: t.start + len(name) + 1, end: t.end}
	t.text, t.end = name, t.start+len(name)
	r.toks = append(r.toks[:r.i:r.i], append([]token{v}, r.toks[r.i:]...)...)
}

// moduleOption reads an option of the latest module, of an earlier one, or of
// the protocol's own module if that was not named.
func (r *ruleReader) moduleOption(t token, inv bool) error {
	if g, s, ok := r.ownerOf(t); ok {
		return r.takeOption(g, s, t, inv)
	}
	if g := r.current(); g != nil && (g.opaque || t.isOption()) {
		r.takeUnknown(g, t, inv)
		return nil
	}
	return expected(t, "an option of iptables")
}

// current is the module that was opened last, or nil.
func (r *ruleReader) current() *group {
	if r.target != nil {
		return r.target
	}
	if len(r.groups) == 0 {
		return nil
	}
	return r.groups[len(r.groups)-1]
}

// ownerOf finds the module that a known option belongs to.
func (r *ruleReader) ownerOf(t token) (*group, optSpec, bool) {
	if t.quoted {
		return nil, optSpec{}, false
	}
	if g := r.target; g != nil {
		if s, ok := targets[g.module].opts[t.text]; ok && !g.opaque {
			return g, s, true
		}
	}
	for i := len(r.groups) - 1; i >= 0; i-- {
		g := r.groups[i]
		if s, ok := r.matchModule(g.module).opts[t.text]; ok && !g.opaque {
			return g, s, true
		}
		if g.opaque && i == len(r.groups)-1 && r.target == nil {
			return nil, optSpec{}, false
		}
	}
	if name := r.header.implicitModule(); name != "" {
		if s, ok := r.matchModule(name).opts[t.text]; ok {
			g := &group{module: name, head: t, family: r.family, words: []string{"-m", name}}
			r.groups = append(r.groups, g)
			return g, s, true
		}
	}
	return nil, optSpec{}, false
}

// takeOption reads a known option's arguments; an old style "!" may stand before
// the first one.
func (r *ruleReader) takeOption(g *group, s optSpec, t token, inv bool) error {
	o := option{name: s.name, at: t, inv: inv}
	if s.args > 0 && r.i < len(r.toks) && r.toks[r.i].is("!") {
		o.inv = !inv
		r.i++
	}
	for range s.args {
		a, err := r.next("a value of " + t.text)
		if err != nil {
			return err
		}
		o.args = append(o.args, a)
	}
	g.opts = append(g.opts, o)
	g.addWords(o.inv, t, o.args...)
	return nil
}

// addWords appends the source text of an option.
func (g *group) addWords(inv bool, t token, args ...token) {
	if inv {
		g.words = append(g.words, "!")
	}
	for _, a := range append([]token{t}, args...) {
		g.words = append(g.words, plain(a))
	}
}

// plain prints a word of a verbatim text so that it reads back as the same word.
func plain(t token) string {
	if t.quoted {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.text) + `"`
	}
	return t.text
}

// takeUnknown gives an unknown option and the words behind it to a module, up to
// the next word that looks like an option.
func (r *ruleReader) takeUnknown(g *group, t token, inv bool) {
	g.opaque = true
	g.addWords(inv, t)
	for r.i < len(r.toks) && !r.toks[r.i].isOption() && !r.bangOption() {
		g.addWords(false, r.toks[r.i])
		r.i++
	}
}

// bangOption reports whether "!" and an option follow.
func (r *ruleReader) bangOption() bool {
	return r.toks[r.i].is("!") && r.i+1 < len(r.toks) && r.toks[r.i+1].isOption()
}

// rule puts the parts together: header, matches, target.
func (r *ruleReader) rule() (nf.Rule, error) {
	rule := nf.Rule{Packets: r.pkts, Bytes: r.bytes}
	rule.Body = r.header.stmts()
	for _, g := range r.groups {
		if g.module == "comment" && !g.opaque {
			for _, o := range g.opts {
				rule.Comments = append(rule.Comments, o.arg())
			}
			continue
		}
		s, err := r.build(g, r.matchModule(g.module), func(t string) nf.Stmt { return nf.OpaqueMatch{Text: t} })
		if err != nil {
			return rule, err
		}
		rule.Body = append(rule.Body, s)
	}
	s, err := r.targetStmt()
	if err != nil {
		return rule, err
	}
	rule.Body = append(rule.Body, s)
	if msg := misplaced(rule.Body); msg != "" {
		return rule, expected(r.end(), "%s", msg)
	}
	return rule, nil
}

func (r *ruleReader) targetStmt() (nf.Stmt, error) {
	switch {
	case r.jump != nil:
		return r.jump, nil
	case r.target != nil:
		return r.build(r.target, targets[r.target.module], func(t string) nf.Stmt { return nf.OpaqueTarget{Text: t} })
	}
	return nf.Continue{}, nil
}

// build makes the statement of a group, or keeps its text.
func (r *ruleReader) build(g *group, m module, keep func(string) nf.Stmt) (nf.Stmt, error) {
	if !g.opaque && m.build != nil {
		if err := g.check(m); err != nil {
			return nil, err
		}
		s, err := m.build(g)
		if !errors.Is(err, errUnmodelled) {
			return s, err
		}
	}
	r.opaque = append(r.opaque, g)
	return keep(g.text()), nil
}

// matchModule returns the known module of that name; the zero module has no
// options.
func (r *ruleReader) matchModule(name string) module { return matches[name] }
