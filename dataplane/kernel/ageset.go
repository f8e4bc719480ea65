package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

// AgeSets makes the elements of nftables sets with timeouts, of the rule set that the
// namespace has, as old as if the time had passed: those that would have expired are
// removed, and the others expire so much earlier. Sets that are not modelled stay.
func AgeSets(ns *netns.NS, r *nf.Ruleset, d time.Duration) error {
	e := &nftEncoder{index: linkIndex(ns)}
	for i := range r.Tables {
		e.table = &r.Tables[i]
		for j := range e.table.Sets {
			s := &e.table.Sets[j]
			if e.table.Backend != nf.NFTables || !s.HasTimeout && s.Timeout == 0 {
				continue
			}
			now, err := readSet(ns, e.table, s)
			if err != nil {
				return err
			}
			e.age(now, d)
		}
	}
	if err := errors.Join(e.errs...); err != nil || len(e.list) == 0 {
		return err
	}
	return sendNFT(ns, e.list)
}

// readSet reads a set with its elements as they are now.
func readSet(ns *netns.NS, t *nf.Table, s *nf.Set) (*nf.Set, error) {
	words := []string{"list", setOrMap(s), t.Family.String(), string(t.Name), string(s.Name)}
	text, err := ns.Run("", "nft", words...)
	if err != nil {
		return nil, err
	}
	tables, findings := nftables.Parse("nft "+strings.Join(words, " "), []byte(text))
	if err := failed(findings); err != nil {
		return nil, err
	}
	if len(tables) != 1 || tables[0].FindSet(s.Name) == nil {
		return nil, fmt.Errorf("nft lists no %s", strings.Join(words[1:], " "))
	}
	return tables[0].FindSet(s.Name), nil
}

// age takes the elements out that have a time, and puts those back that still have some.
func (e *nftEncoder) age(s *nf.Set, d time.Duration) {
	about := " set " + string(s.Name) + " (to age)"
	spec, err := e.specOf(s)
	if err != nil {
		return
	}
	dated := slices.DeleteFunc(slices.Clone(s.Elements), func(el nf.Element) bool { return el.Expires == 0 })
	all, err := e.elements(spec, dated)
	if err != nil {
		e.fail(about, err)
		return
	}
	e.removeElements(about, spec, all)
	left := slices.DeleteFunc(dated, func(el nf.Element) bool { return el.Expires <= d })
	for i := range left {
		left[i].Expires -= d
	}
	if all, err = e.elements(spec, left); err != nil {
		e.fail(about, err)
	}
	e.elementMessages(about, spec, all)
}
