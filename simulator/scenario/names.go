package scenario

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/trace"
)

// checkNames reports names in expectations that nothing has: a typing error would
// never be noticed where nothing is expected. It does not take that the step could
// be played.
func (p *Player) checkNames(s *Step) {
	e := s.Expect
	if e == nil {
		return
	}
	if e.By != nil {
		p.known(s, e.By, "expect", "by")
	}
	if e.At != nil {
		at := *e.At
		if !p.knownNode(s, host.Name(at.Node), "expect", "at", "node") {
			at.Node = ""
		}
		p.knownPlace(s, &at, "expect", "at")
	}
	for i, want := range e.Entries {
		p.knownNode(s, want.Node, "expect", "conntrack", i, "node")
	}
	for _, node := range sortedNames(e.Counts) {
		p.knownNode(s, node, "expect", "entries", string(node))
	}
	for i, want := range e.Packets {
		p.known(s, &want.Policy, "expect", "packets", i, "by")
		p.knownNode(s, want.Node, "expect", "packets", i, "node")
	}
}

// knownNode reports a node that does not exist, and whether it does.
func (p *Player) knownNode(s *Step, name host.Name, part ...any) bool {
	ok := name == "" || p.Fleet.FindHost(name) != nil
	if !ok {
		p.run.bad(s, p.noNode(name), part...)
	}
	return ok
}

// known reports a policy that nothing is or was.
func (p *Player) known(s *Step, want *trace.Policy, part ...any) {
	if p.run.world.Policies == nil {
		return
	}
	p.run.checkWords(s, []term{
		{field: "name", text: want.Name, missing: "no policy, profile, tier or service is called %q"},
		{field: "namespace", text: want.Namespace, missing: "no policy or service is in a namespace %q"},
		{field: "tier", text: want.Tier, missing: "no tier is called %q"},
		{field: "kind", text: want.Kind, fold: true},
	}, p.run.policyNames(), "no policy, profile, tier or service is", part...)
}

// policyNames are the words of all policies that there are and were, the latest
// first: name, namespace, tier and kind.
func (r *run) policyNames() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, list := range slices.Backward(r.policies) {
			for _, p := range list {
				if !yield([]string{p.Name, p.Namespace, p.Tier, p.Kind}) {
					return
				}
			}
		}
	}
}

// learn takes the policies that there are now.
func (r *run) learn() {
	if r.world.Policies != nil {
		r.policies = append(r.policies, r.world.Policies())
	}
}

// knownPlace reports a table or a chain that no node has or had.
func (p *Player) knownPlace(s *Step, want *Place, part ...any) {
	words := []term{
		{field: "chain", text: want.Chain, fold: true, missing: "no chain is called %q"},
		{field: "table", text: want.Table, fold: true, missing: "no table is called %q"},
		{field: "node", text: want.Node, fold: true},
	}
	table, chain := PlaceOf(&trace.Reason{Backend: nf.NFTables.String(), Table: want.Table, Chain: want.Chain})
	if table != want.Table {
		p.run.bad(s, fmt.Sprintf("%s is what nftables calls it\nwrite as iptables does: {table: %s, chain: %s}", wordsText(words), table, chain), part...)
		return
	}
	p.run.checkWords(s, words, p.run.chainNames(), "no chain is", part...)
}

// chainNames are the words of all chains that nodes have and had, the latest first:
// chain, table and node.
func (r *run) chainNames() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := len(r.script.Steps) - 1; i >= 0; i-- {
			if f := r.fleets[i]; f != nil && !chainsOf(f, yield) {
				return
			}
		}
		chainsOf(r.world.Fleet, yield)
	}
}

// chainsOf yields the chains of a fleet; false when no more are wanted.
func chainsOf(f *host.Fleet, yield func([]string) bool) bool {
	for i := range f.Hosts {
		h := &f.Hosts[i]
		for j := range h.Ruleset.Tables {
			t := &h.Ruleset.Tables[j]
			for k := range t.Chains {
				table, chain := PlaceOf(&trace.Reason{Backend: t.Backend.String(), Table: string(t.Name), Chain: string(t.Chains[k].Name)})
				if !yield([]string{chain, table, string(h.Name)}) {
					return false
				}
			}
		}
	}
	return true
}

// term is one of several words by which an expectation names something.
type term struct {
	field, text string
	// fold says that upper and lower case are the same.
	fold bool
	// missing says that nothing has the word; "" leaves that to what is said of all
	// words together.
	missing string
}

// checkWords reports words that nothing has, or else that nothing has all of them.
// Known are the words of everything that may be named; they and those asked are in
// the same order, first what tells most.
func (r *run) checkWords(s *Step, asked []term, known iter.Seq[[]string], nothing string, part ...any) {
	if !slices.ContainsFunc(asked, func(w term) bool { return w.text != "" && w.missing != "" }) {
		return
	}
	var near []string // has the words that tell most
	most, seen, all := uint(0), uint(0), uint(1)<<len(asked)-1
	for words := range known {
		has := fit(asked, words)
		if has == all {
			return
		}
		if seen |= has; has > most {
			near, most = words, has
		}
	}
	said := false
	for i, w := range asked {
		if w.text != "" && w.missing != "" && seen&(1<<(len(asked)-1-i)) == 0 {
			said = true
			r.bad(s, fmt.Sprintf(w.missing, w.text)+"\n"+r.hint(w.text, column(known, i)), join(part, w.field)...)
		}
	}
	if !said {
		there := slices.Clone(asked)
		for i := range there {
			if there[i].text != "" {
				there[i].text = near[i]
			}
		}
		r.bad(s, fmt.Sprintf("%s %s\nthere is %s", nothing, wordsText(asked), wordsText(there)), part...)
	}
}

// fit has a bit for each word that is as asked; the first word has the highest.
func fit(asked []term, words []string) (bits uint) {
	for i, w := range asked {
		bits <<= 1
		if w.text == "" || w.text == words[i] || w.fold && strings.EqualFold(w.text, words[i]) {
			bits |= 1
		}
	}
	return bits
}

// column are the different words at one place of all that is known.
func column(known iter.Seq[[]string], i int) []string {
	var out []string
	for words := range known {
		if words[i] != "" {
			out = append(out, words[i])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hint names the word that was probably meant, or those that there are if they are
// few.
func (r *run) hint(word string, all []string) string {
	if hint := meant(r.script.nearest, word, all); hint != "" || len(all) == 0 || len(all) > 8 {
		return hint
	}
	return "there is " + strings.Join(all, ", ")
}

// wordsText writes words as a scenario does.
func wordsText(words []term) string {
	var out []string
	for _, w := range words {
		if w.text != "" {
			out = append(out, w.field+": "+w.text)
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}
