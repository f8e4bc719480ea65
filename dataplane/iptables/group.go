package iptables

import (
	"errors"
	"fmt"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// errUnmodelled says that a group is read but has no place in the model; it is
// kept verbatim.
var errUnmodelled = errors.New("not modelled")

// readError is a word that cannot be read, and what was expected in its place.
type readError struct {
	at   token
	want string
}

func (e *readError) Error() string { return fmt.Sprintf("%q: expected %s", e.at.text, e.want) }

func expected(at token, format string, args ...any) error {
	return &readError{at, fmt.Sprintf(format, args...)}
}

// option is one option of a module with its arguments.
type option struct {
	name string // canonical name
	at   token
	args []token
	inv  bool
}

// arg returns the text of the first argument.
func (o *option) arg() string { return o.args[0].text }

// group is one -m MODULE or -j TARGET with its options.
type group struct {
	module string
	head   token
	family packet.Family
	opts   []option
	opaque bool
	// words are the source words of module and options, in order.
	words []string
}

// get returns the option of that name, or nil.
func (g *group) get(name string) *option {
	for i := range g.opts {
		if g.opts[i].name == name {
			return &g.opts[i]
		}
	}
	return nil
}

// has reports whether the option was given.
func (g *group) has(name string) bool { return g.get(name) != nil }

// text is the group's source text, words separated by one blank.
func (g *group) text() string { return strings.Join(g.words, " ") }

// optSpec describes one option of a known module.
type optSpec struct {
	name   string
	args   int
	negate bool
}

// module is a known match or target: the options it has and how they make a
// statement. A build function returns errUnmodelled for option values outside of
// the model.
type module struct {
	opts  map[string]optSpec
	build func(g *group) (nf.Stmt, error)
}

// mod makes a module from a list of options. Each is written
// "--name|--alias=ARGS", with "!" behind it when it can be negated.
func mod(opts string, build func(g *group) (nf.Stmt, error)) module {
	m := module{map[string]optSpec{}, build}
	for _, f := range strings.Fields(opts) {
		names, n, _ := strings.Cut(f, "=")
		s := optSpec{negate: strings.HasSuffix(f, "!"), args: int((n + "0")[0] - '0')}
		all := strings.Split(strings.TrimSuffix(names, "!"), "|")
		s.name = all[0]
		for _, name := range all {
			m.opts[name] = s
		}
	}
	return m
}

// check finds options that are given twice or negated without need.
func (g *group) check(m module) error {
	seen := map[string]bool{}
	for i := range g.opts {
		o := &g.opts[i]
		if seen[o.name] {
			return expected(o.at, "the option once in -m or -j %s", g.module)
		}
		seen[o.name] = true
		if o.inv && !m.opts[o.name].negate {
			return expected(o.at, "no \"!\" before this option")
		}
	}
	return nil
}
