package kernel

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
)

// removal is what goes of a table, or the table itself, when its successor is
// programmed.
type removal struct {
	what string // "rules", "set", "map", "chain" or "table"
	name string
}

// removals are what has to go first, each behind what refers to it: all rules, sets that
// do not go on, and chains that are gone or are on another hook.
func (c change) removals() []removal {
	if c.old == nil {
		return nil
	}
	out := []removal{{what: "rules"}}
	for i := range c.old.Sets {
		if s := &c.old.Sets[i]; !c.goesOn(s.Name) {
			out = append(out, removal{setOrMap(s), string(s.Name)})
		}
	}
	for i := range c.old.Chains {
		old := &c.old.Chains[i]
		if now := c.now.FindChain(old.Name); now == nil || !sameHook(now.Base, old.Base) {
			out = append(out, removal{"chain", string(old.Name)})
		}
	}
	return out
}

// setOrMap is how nft calls a set.
func setOrMap(s *nf.Set) string {
	if len(s.Map) > 0 {
		return "map"
	}
	return "set"
}

// goesOn reports whether a set stays as the kernel has it. Maps of verdicts do not: they
// hold on to chains, and no rule adds to them.
func (c change) goesOn(name nf.SetName) bool {
	if c.old == nil {
		return false
	}
	now, old := c.now.FindSet(name), c.old.FindSet(name)
	return now != nil && old != nil && !slices.Contains(now.Map, nf.TypeVerdict) && now.Continues(old)
}

// filled is the table without the elements of the sets that go on.
func (c change) filled() *nf.Table {
	t := *c.now
	t.Sets = slices.Clone(t.Sets)
	for i := range t.Sets {
		if c.goesOn(t.Sets[i].Name) {
			t.Sets[i].Elements = nil
		}
	}
	return &t
}

func sameHook(a, b *nf.Base) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && a.Hook == b.Hook && a.Priority == b.Priority && slices.Equal(a.Devices, b.Devices)
}

// text is the removal as nft reads it.
func (r removal) text(t *nf.Table) string {
	if r.what == "rules" {
		return fmt.Sprintf("flush table %s %s", t.Family, t.Name)
	}
	return fmt.Sprintf("delete %s %s %s %s", r.what, t.Family, t.Name, r.name)
}

// remove adds the request for a removal.
func (e *nftEncoder) remove(r removal) {
	table, about := string(e.table.Name), fmt.Sprintf(" %s %s (to delete)", r.what, r.name)
	switch r.what {
	case "rules":
		e.send(unix.NFT_MSG_DELRULE, 0, about, cstring(unix.NFTA_RULE_TABLE, table))
	case "set", "map":
		e.send(unix.NFT_MSG_DELSET, 0, about, cstring(unix.NFTA_SET_TABLE, table), cstring(unix.NFTA_SET_NAME, r.name))
	case "chain":
		e.send(unix.NFT_MSG_DELCHAIN, 0, about, cstring(unix.NFTA_CHAIN_TABLE, table), cstring(unix.NFTA_CHAIN_NAME, r.name))
	case "table":
		e.send(unix.NFT_MSG_DELTABLE, 0, " (to delete)", cstring(unix.NFTA_TABLE_NAME, table))
	}
}
