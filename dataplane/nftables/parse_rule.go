package nftables

import (
	"errors"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// rule reads one line of a chain. What it cannot read stays in the rule as an
// opaque statement, so that no rule is ever left out. It reports false for a line
// without a statement.
func (p *parser) rule(fam nf.Family, toks []token) (nf.Rule, bool) {
	r := nf.Rule{Line: toks[0].pos.Line}
	toks = p.ruleTail(&r, toks)
	if len(toks) == 0 {
		return r, false
	}
	c := newCursor(toks)
	for !c.done() {
		start := c.i
		s, err := parseStmt(c, fam)
		if err == nil {
			r.Body = append(r.Body, s)
			if f := askedFamily(s); f != 0 && fam == nf.FamilyInet {
				c.asked = f
			}
			continue
		}
		if s, next := p.opaque(toks, start, err); next > start {
			r.Body = append(r.Body, s)
			c.i = next
		}
	}
	return r, true
}

// ruleTail takes the handle and the comment from the end of a rule.
func (p *parser) ruleTail(r *nf.Rule, toks []token) []token {
	if n := len(toks); n > 0 && toks[n-1].kind == tokComment {
		f := strings.Fields(toks[n-1].text)
		if len(f) == 2 && f[0] == "handle" {
			r.Handle, _ = strconv.ParseUint(f[1], 10, 64)
		}
		p.compat = p.compat || strings.HasPrefix(strings.TrimSpace(toks[n-1].text), "xt_")
		toks = toks[:n-1]
	}
	if n := len(toks); n >= 2 && toks[n-2].is("comment") && toks[n-1].kind == tokString {
		r.Comments = []string{toks[n-1].text}
		toks = toks[:n-2]
	}
	return toks
}

// opaque keeps the statement at start that could not be read, and says where the
// next one begins. A match ends where a statement begins that cannot belong to
// it; anything else takes the rest of the rule.
func (p *parser) opaque(toks []token, start int, err error) (nf.Stmt, int) {
	if toks[start].is("xt") {
		p.compat = true
	}
	end := len(toks)
	match := false
	var f *failure
	if unmodelled := errors.As(err, &f) && f.unmodelled && statementWords[toks[start].text]; unmodelled {
		if e, ok := matchEnd(toks, start); ok {
			end, match = e, true
		}
		text := p.source(toks[start:end])
		p.add(codeStatement, diag.Warning, p.span(toks[start:end]), "%q is kept but not modelled", oneLine(text))
	} else {
		p.unreadable(toks, err)
	}
	text := p.source(toks[start:end])
	if match {
		return nf.OpaqueMatch{Text: text}, end
	}
	return nf.OpaqueTarget{Text: text}, end
}

// matchEnd finds where an unmodelled match ends: in front of the next statement
// whose first words begin nothing else. It reports false when the text is no
// match.
func matchEnd(toks []token, start int) (int, bool) {
	if !matchWords[toks[start].text] {
		return 0, false
	}
	depth := 0
	for i := start; i < len(toks); i++ {
		switch t := toks[i]; {
		case t.is("{") || t.is("("):
			depth++
		case t.is("}") || t.is(")"):
			depth--
		case depth > 0:
		case t.is("set") || t.is("vmap") || t.is("map"):
			return 0, false
		case i > start && t.kind == tokWord && cleanStart[t.text], i > start+1 && beginsKey(toks, i):
			return i, true
		}
	}
	return 0, false
}

// beginsKey reports whether a match of its own begins at i: two words that name
// a key, and are no part of a concatenation or of a connection's tuple.
func beginsKey(toks []token, i int) bool {
	if before := toks[i-1]; before.is(".") || before.is("original") || before.is("reply") || i+1 == len(toks) {
		return false
	}
	return matchStart[toks[i].text+" "+toks[i+1].text]
}

var matchStart = map[string]bool{"ip saddr": true, "ip daddr": true, "ip6 saddr": true, "ip6 daddr": true, "tcp sport": true, "tcp dport": true,
	"udp sport": true, "udp dport": true, "th sport": true, "th dport": true, "ct state": true, "meta l4proto": true, "meta mark": true}

// cleanStart are words that only begin statements.
var cleanStart = wordSet("counter accept drop return continue jump goto reject log limit masquerade dnat snat notrack")

// matchWords are the words that expressions begin with.
var matchWords = wordSet("ip ip6 tcp udp udplite sctp dccp th icmp icmpv6 igmp arp ether vlan ah esp comp meta ct " +
	"fib rt socket osf exthdr hbh frag dst mh srh gre geneve gretap vxlan iif oif iifname oifname iiftype oiftype " +
	"iifgroup oifgroup mark skuid skgid pkttype rtclassid cpu cgroup ibrname obrname ipsec numgen jhash symhash " +
	"protocol l4proto nfproto length random priority time day hour dccp")

// statementWords are all words that a statement of nft can begin with. Another
// first word is an error, not a form that nf does not model.
var statementWords = func() map[string]bool {
	m := wordSet("xt queue dup fwd tproxy synproxy flow add update delete quota limit counter last redirect reset set " +
		"dnat snat masquerade reject log notrack tcp @ { (")
	for w := range matchWords {
		m[w] = true
	}
	return m
}()

func wordSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}
