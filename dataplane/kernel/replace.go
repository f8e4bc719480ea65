package kernel

import (
	"fmt"
	"slices"

	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

// ReplaceRuleset makes another rule set of the one that ApplyRuleset loaded, as Felix and
// kube-proxy change theirs: connections stay, tables stay with the places of their base
// chains on the hooks, and so does what rules have added to sets that go on
// (nf.Set.Continues). A table that is the same is not touched; of another one all rules
// are new. Only what has to be registered before a table that is there moves that one,
// too, and nothing of it stays. Each kind of table changes at once; between them, and
// between them and the IP sets, there is a moment of neither.
func ReplaceRuleset(ns *netns.NS, old, r *nf.Ruleset) error {
	if err := changeIPSets(ns, old.IPSets, r.IPSets); err != nil {
		return err
	}
	changes := succession(old.Tables, r.Tables)
	if err := dropTables(ns, old.Tables, changes); err != nil {
		return fmt.Errorf("drop tables: %w", err)
	}
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && together(changes[n-1].now, changes[n].now) {
			n++
		}
		if err := changeTables(ns, changes[:n]); err != nil {
			return fmt.Errorf("replace %s tables: %w", changes[0].now.Backend, err)
		}
		changes = changes[n:]
	}
	return dropIPSets(ns, old.IPSets, r.IPSets)
}

// change is a table and the one in whose place it comes; nil is none.
type change struct{ now, old *nf.Table }

// succession finds for every table the one whose hooks it goes on with. Hooks are
// registered in the order of the tables: what comes behind a new one is new itself, but
// for iptables-legacy, whose hooks stay where they are.
func succession(before, now []nf.Table) []change {
	out := make([]change, len(now))
	next := 0 // behind the last table that goes on
	for i := range now {
		t := &now[i]
		out[i].now = t
		at := slices.IndexFunc(before, func(o nf.Table) bool { return o.Backend == t.Backend && o.Family == t.Family && o.Name == t.Name })
		switch {
		case at >= next:
			out[i].old, next = &before[at], at+1
		case at >= 0 && t.Backend == nf.IptablesLegacy:
			out[i].old = &before[at]
		case at < 0 && t.Backend != nf.IptablesLegacy:
			next = len(before)
		}
	}
	return out
}

// dropTables removes the tables that nothing goes on with. Those of iptables-legacy are
// emptied: the kernel has no other end for them.
func dropTables(ns *netns.NS, before []nf.Table, changes []change) error {
	e := &nftEncoder{}
	for i := range before {
		t := &before[i]
		switch {
		case slices.ContainsFunc(changes, func(c change) bool { return c.old == t }):
		case t.Backend == nf.IptablesLegacy:
			if err := changeTables(ns, []change{{now: t.Emptied(), old: t}}); err != nil {
				return err
			}
		default:
			e.table = t
			e.remove(removal{what: "table"})
		}
	}
	if len(e.list) == 0 {
		return nil
	}
	return sendNFT(ns, e.list)
}

// changeTables programs tables of one backend and, if it is iptables, of one family.
func changeTables(ns *netns.NS, changes []change) error {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return c.old != nil && c.now.Same(c.old) })
	if len(changes) == 0 {
		return nil
	}
	if t := changes[0].now; t.Backend.Iptables() {
		text := ""
		for _, c := range changes {
			one, err := iptables.WriteChange(c.old, c.now, ipFamily(t.Family))
			if err != nil {
				return err
			}
			text += string(one)
		}
		restore := tools(*t).restore
		_, err := ns.Run(text, restore[0], append(restore[1:], "--noflush")...)
		return err
	}
	list, err := encodeNFT(changes, linkIndex(ns))
	if err == nil {
		return sendNFT(ns, list)
	}
	text, err := nftChangeText(changes)
	if err != nil {
		return err
	}
	_, err = ns.Run(text, "nft", "-f", "-")
	return err
}

// nftChangeText is what nft reads for what netlink cannot say.
func nftChangeText(changes []change) (string, error) {
	before, tables := "", []nf.Table{}
	for _, c := range changes {
		for _, r := range c.removals() {
			before += r.text(c.now) + "\n"
		}
		tables = append(tables, *c.filled())
	}
	text, err := nftables.Write(tables)
	return before + string(text), err
}

// changeIPSets makes new sets, and lets those that have other elements or options change
// places with ones made anew, as Felix does. Rules refer to a set by its place.
func changeIPSets(ns *netns.NS, before, now []nf.Set) error {
	var made []nf.Set
	swaps, lists := "", ""
	for _, s := range now {
		old := findSet(before, s.Name)
		switch {
		case old == nil:
			made = append(made, s)
		case s.Continues(old):
		case s.Type == "list:set":
			lists += swap(s)
		default:
			swaps += swap(s)
		}
	}
	if text := string(ipset.Write(made)) + swaps + lists; text != "" {
		_, err := ns.Run(text, "ipset", "restore", "-exist")
		return err
	}
	return nil
}

// swap makes a set and puts it in the place of the one with its name.
func swap(s nf.Set) string {
	const made = "tortie-made"
	name := s.Name
	s.Name = made
	return fmt.Sprintf("%sswap %s %s\ndestroy %[2]s\n", ipset.Write([]nf.Set{s}), made, name)
}

// dropIPSets destroys the sets that are gone, which no rule knows any more; those of
// sets first.
func dropIPSets(ns *netns.NS, before, now []nf.Set) error {
	lists, others := "", ""
	for _, s := range before {
		switch line := fmt.Sprintf("destroy %s\n", s.Name); {
		case findSet(now, s.Name) != nil:
		case s.Type == "list:set":
			lists += line
		default:
			others += line
		}
	}
	if lists+others == "" {
		return nil
	}
	_, err := ns.Run(lists+others, "ipset", "restore")
	return err
}

func findSet(list []nf.Set, name nf.SetName) *nf.Set {
	if i := slices.IndexFunc(list, func(s nf.Set) bool { return s.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}
