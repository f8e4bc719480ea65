package iptables

import (
	"bytes"
	"fmt"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// WriteOptions choose what Write prints.
type WriteOptions struct {
	// Counters prints packet and byte counters of chains and rules.
	Counters bool
}

// Write prints the iptables tables of a family as input of iptables-restore.
// Tables of other families and native nftables tables are left out. A statement
// that iptables cannot express is an error that names its rule.
func Write(tables []nf.Table, family packet.Family, opt WriteOptions) ([]byte, error) {
	want := nf.FamilyIP
	if family == packet.IPv6 {
		want = nf.FamilyIP6
	}
	var out bytes.Buffer
	for i := range tables {
		if t := &tables[i]; t.Family == want && t.Backend.Iptables() {
			if err := writeTable(&out, t, family, opt); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}

func writeTable(out *bytes.Buffer, t *nf.Table, family packet.Family, opt WriteOptions) error {
	fmt.Fprintf(out, "*%s\n", t.Name)
	writeChains(out, t, opt)
	if err := writeRules(out, t, family, opt); err != nil {
		return err
	}
	out.WriteString("COMMIT\n")
	return nil
}

func writeChains(out *bytes.Buffer, t *nf.Table, opt WriteOptions) {
	for i := range t.Chains {
		c := &t.Chains[i]
		policy := "-"
		if c.Base != nil {
			if policy = "ACCEPT"; c.Base.Policy == nf.PolicyDrop {
				policy = "DROP"
			}
		}
		p, b := c.Packets, c.Bytes
		if !opt.Counters {
			p, b = 0, 0
		}
		fmt.Fprintf(out, ":%s %s [%d:%d]\n", c.Name, policy, p, b)
	}
}

func writeRules(out *bytes.Buffer, t *nf.Table, family packet.Family, opt WriteOptions) error {
	for i := range t.Chains {
		c := &t.Chains[i]
		for n := range c.Rules {
			r := &c.Rules[n]
			s, err := RuleTextFor(*r, family, true)
			if err != nil {
				return fmt.Errorf("iptables: table %s, chain %s, rule %d: %w", t.Name, c.Name, n+1, err)
			}
			if opt.Counters {
				fmt.Fprintf(out, "[%d:%d] ", r.Packets, r.Bytes)
			}
			out.WriteString(strings.TrimRight("-A "+string(c.Name)+" "+s, " ") + "\n")
		}
	}
	return nil
}

// RuleText prints one rule without "-A CHAIN", with its comments. A statement
// that iptables cannot express is printed between question marks.
func RuleText(r nf.Rule) string {
	s, err := RuleTextFor(r, ruleFamily(r), true)
	if err != nil {
		return "?" + err.Error() + "?"
	}
	return s
}

// ruleFamily is the family that a rule's addresses show, IPv4 without any.
func ruleFamily(r nf.Rule) packet.Family {
	for _, s := range r.Body {
		switch m := s.(type) {
		case nf.MatchAddr:
			return packetFamily(m.Prefix.Addr())
		case nf.MatchICMP:
			return m.Family
		case nf.MatchProto:
			if m.Proto == packet.ProtoICMPv6 {
				return packet.IPv6
			}
		}
	}
	return packet.IPv4
}

// RuleTextFor prints one rule of a family without "-A CHAIN", with or without
// its comments.
func RuleTextFor(r nf.Rule, f packet.Family, comments bool) (string, error) {
	parts, err := split(r.Body)
	if err != nil {
		return "", err
	}
	var words []string
	for _, s := range parts.header.stmts() {
		t, err := StmtTextFor(s, f)
		if err != nil {
			return "", err
		}
		words = append(words, t)
	}
	if comments {
		for _, c := range r.Comments {
			words = append(words, "-m comment --comment "+quote(c))
		}
	}
	for _, s := range parts.rest {
		t, err := StmtTextFor(s, f)
		if err != nil {
			return "", err
		}
		if t != "" {
			words = append(words, t)
		}
	}
	return strings.Join(words, " "), nil
}

// parts is a rule's body as iptables has it.
type parts struct {
	header header
	rest   []nf.Stmt
}

// split separates the header statements and checks what iptables demands of the
// whole: each header option once, one target, as the last statement.
func split(body []nf.Stmt) (parts, error) {
	var p parts
	if msg := misplaced(body); msg != "" {
		return p, fmt.Errorf("iptables needs %s", msg)
	}
	for i, s := range body {
		slot := p.header.slot(s)
		switch _, isTarget := s.(nf.Target); {
		case isTarget && i != len(body)-1:
			return p, fmt.Errorf("%s is not the last statement; an iptables rule has one target", nf.KindName(s))
		case slot == nil:
			p.rest = append(p.rest, s)
		case *slot != nil:
			return p, fmt.Errorf("two conditions of kind %s in one rule header", nf.KindName(s))
		default:
			*slot = s
		}
		if m, ok := s.(nf.MatchProto); ok {
			if p.header.proto != nil {
				return p, fmt.Errorf("two protocols in one rule")
			}
			p.header.proto, p.rest = &m, p.rest[:len(p.rest)-1]
		}
	}
	return p, nil
}

// slot is the place in the header for a statement, nil if it has none (or is the
// protocol).
func (h *header) slot(s nf.Stmt) *nf.Stmt {
	switch m := s.(type) {
	case nf.MatchAddr:
		if m.Dir == nf.Src {
			return &h.src
		}
		return &h.dst
	case nf.MatchIface:
		if m.Dir == nf.Src {
			return &h.in
		}
		return &h.out
	case nf.MatchFragment:
		return &h.frag
	case nf.OpaqueMatch:
		switch {
		case opensWith(m.Text, "-s", "--source", "--src"):
			return &h.src
		case opensWith(m.Text, "-d", "--destination", "--dst"):
			return &h.dst
		}
	}
	return nil
}

// opensWith reports whether a text's first word, apart from "!", is one of the
// options.
func opensWith(text string, options ...string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "! "), " ")
	for _, o := range options {
		if first == o {
			return true
		}
	}
	return false
}
