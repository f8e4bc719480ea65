package lower

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// appendNew appends the rules that can decide something behind those of the list.
// A rule that decides whatever a later one could match keeps that one's place, so
// that Explain can say where it went.
func appendNew(list []Rule, more ...Rule) []Rule {
	for _, r := range more {
		i := slices.IndexFunc(list, func(o Rule) bool { return sameMatch(o, r) || o.covers(r) })
		switch {
		case i < 0:
			list = append(list, r)
		case list[i].Span != r.Span && !slices.Contains(list[i].Also, r.Span):
			list[i].Also = append(slices.Clip(list[i].Also), r.Span)
		}
	}
	return list
}

// sameMatch reports whether two rules do the same, whoever asked for them.
func sameMatch(a, b Rule) bool {
	key := func(r Rule) string {
		return fmt.Sprintf("%s %s %d %v %v %v %v %p", r.Action, r.Protocol, r.IPVersion, number(r.ICMPType), number(r.ICMPCode), r.Source, r.Destination, r.Raw)
	}
	return key(a) == key(b)
}

// covers reports whether a rule decides every packet that a later one matches.
func (r Rule) covers(later Rule) bool {
	return r.Action != "Log" && r.Raw == nil && later.Raw == nil &&
		(r.Protocol == "" || r.Protocol == later.Protocol) &&
		(r.IPVersion == 0 || r.IPVersion == later.IPVersion) &&
		(r.ICMPType == nil || number(r.ICMPType) == number(later.ICMPType)) &&
		(r.ICMPCode == nil || number(r.ICMPCode) == number(later.ICMPCode)) &&
		r.Source.covers(later.Source) && r.Destination.covers(later.Destination)
}

func (e Entity) covers(narrow Entity) bool {
	who := func(e Entity) string {
		return fmt.Sprintf("%q %q %q %q %q %q", e.Selector, e.NotSelector, e.NamespaceSelector, e.Accounts, e.Service, e.ServiceNamespace)
	}
	return (who(e) == who(Entity{}) || who(e) == who(narrow)) &&
		(len(e.NotNets) == 0 || slices.Equal(e.NotNets, narrow.NotNets)) &&
		all(e.Nets, narrow.Nets, inNet) && all(e.Ports, narrow.Ports, inPorts)
}

// all reports whether each of narrow lies in one of wide; nothing is everything.
func all(wide, narrow []string, in func(narrow, wide string) bool) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n string) bool {
		return !slices.ContainsFunc(wide, func(w string) bool { return n == w || in(n, w) })
	})
}

func inNet(narrow, wide string) bool {
	n, errN := netip.ParsePrefix(narrow)
	w, errW := netip.ParsePrefix(wide)
	return errN == nil && errW == nil && w.Bits() <= n.Bits() && w.Contains(n.Addr())
}

// inPorts compares ports and ranges; names only equal themselves.
func inPorts(narrow, wide string) bool {
	nLow, nHigh, okN := portRange(narrow)
	wLow, wHigh, okW := portRange(wide)
	return okN && okW && wLow <= nLow && nHigh <= wHigh
}

// portRange reads "80" and "8000:8080".
func portRange(text string) (low, high int, ok bool) {
	first, last, isRange := strings.Cut(text, ":")
	low, errLow := strconv.Atoi(first)
	if high = low; isRange {
		var err error
		if high, err = strconv.Atoi(last); err != nil {
			return 0, 0, false
		}
	}
	return low, high, errLow == nil
}

func number(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}
