package dump

import (
	"net/netip"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// rules reads the output of ip rule and ip -6 rule.
func (r *reader) rules(s section) {
	for _, l := range s.lines {
		w := r.words(s, l)
		word := strings.TrimSuffix(w.next(), ":")
		prio, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			w.fail(word, "the priority of a rule and a colon")
			continue
		}
		rule := host.Rule{Priority: uint32(prio), Family: s.family}
		for len(w.rest) > 0 {
			ruleWord(w, &rule)
		}
		if rule.Action == 0 {
			w.fail(l.text, "lookup, goto, blackhole, unreachable, prohibit or nop")
			continue
		}
		r.state.Rules = append(r.state.Rules, rule)
	}
}

// ruleWord reads one selector or the action of a rule.
func ruleWord(w *words, rule *host.Rule) {
	switch word := w.next(); word {
	case "not":
		rule.Invert = true
	case "from":
		rule.From = w.selector(rule.Family)
	case "to":
		rule.To = w.selector(rule.Family)
	case "iif":
		rule.IIF = host.LinkName(w.next())
	case "oif":
		rule.OIF = host.LinkName(w.next())
	case "fwmark":
		rule.Mark, rule.Mask = w.mark()
	case "tos", "dsfield":
		rule.TOS = w.tos()
	case "ipproto":
		name := w.next()
		p, ok := packet.ParseProto(name)
		if !ok {
			w.fail(name, "the name or number of a protocol")
		}
		rule.Proto = p
	case "sport":
		rule.SPortLo, rule.SPortHi = w.ports()
	case "dport":
		rule.DPortLo, rule.DPortHi = w.ports()
	case "suppress_prefixlength":
		rule.SuppressPrefixLength = int(w.number(8)) + 1
	case "proto", "protocol":
		w.next()
	case "[detached]", "[unresolved]": // no such interface, no such rule to go to
	default:
		ruleAction(w, word, rule)
	}
}

func ruleAction(w *words, word string, rule *host.Rule) {
	switch word {
	case "lookup", "table":
		rule.Action = host.ActionLookup
		if w.peek() == "[l3mdev-table]" {
			rule.L3MDev = w.next() != ""
			return
		}
		rule.Table = w.table()
	case "goto":
		rule.Action, rule.Goto = host.ActionGoto, uint32(w.number(32))
	case "nop":
		rule.Action = host.ActionNop
	case "blackhole":
		rule.Action = host.ActionBlackhole
	case "unreachable":
		rule.Action = host.ActionUnreachable
	case "prohibit":
		rule.Action = host.ActionProhibit
	default:
		opaqueSelector(w, word, rule)
	}
}

// opaqueSelector keeps a selector that is not modelled; what the rule does with
// a packet is then unknown.
func opaqueSelector(w *words, word string, rule *host.Rule) {
	text := word
	switch word {
	case "uidrange", "suppress_ifgroup", "realms", "tun_id", "dscp", "flowlabel", "map-to":
		text += " " + w.next()
	}
	rule.Opaque = strings.TrimSpace(rule.Opaque + " " + text)
	w.report(diag.Warning, quote(text)+" of a policy routing rule is not modelled; where this rule is reached the route is unknown", word)
}

// selector reads a prefix; all is the invalid prefix.
func (w *words) selector(f packet.Family) (p netip.Prefix) {
	if w.peek() == "all" {
		w.next()
		return p
	}
	return w.prefix(f).Masked()
}

func (w *words) mark() (value, mask uint32) {
	word := w.next()
	v, m, masked := strings.Cut(word, "/")
	value64, err := strconv.ParseUint(v, 0, 32)
	mask64 := uint64(0xffffffff)
	if masked && err == nil {
		mask64, err = strconv.ParseUint(m, 0, 32)
	}
	if err != nil {
		w.fail(word, "a mark, as 0x10 or 0x10/0xff")
	}
	return uint32(value64), uint32(mask64)
}

func (w *words) ports() (lo, hi uint16) {
	word := w.next()
	from, to, ranged := strings.Cut(word, "-")
	if !ranged {
		to = from
	}
	l, err1 := strconv.ParseUint(from, 10, 16)
	h, err2 := strconv.ParseUint(to, 10, 16)
	if err1 != nil || err2 != nil || l > h {
		w.fail(word, "a port or a range of ports")
	}
	return uint16(l), uint16(h)
}
