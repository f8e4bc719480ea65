package nftables

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

// Write returns the text of the tables in nft's own spelling; "nft -f" loads it.
// A statement that nftables does not have is an error.
func Write(tables []nf.Table) ([]byte, error) {
	w := &writer{}
	for i := range tables {
		w.table(&tables[i])
	}
	return w.buf.Bytes(), errors.Join(w.errs...)
}

// RuleText returns a rule as nft prints it. Bare leaves out its comment and the
// numbers of its counters.
func RuleText(r nf.Rule, fam nf.Family, bare bool) string {
	var parts []string
	for _, s := range r.Body {
		if _, ok := s.(nf.Counter); ok && bare {
			continue
		}
		parts = append(parts, StmtText(s, fam))
	}
	if !bare && len(r.Comments) > 0 {
		parts = append(parts, `comment "`+strings.Join(r.Comments, "; ")+`"`)
	}
	return strings.Join(parts, " ")
}

type writer struct {
	buf  bytes.Buffer
	errs []error
}

// line writes one line with its indent, or keeps the error.
func (w *writer) line(indent int, text string, err error) {
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for range indent {
		w.buf.WriteByte('\t')
	}
	w.buf.WriteString(text)
	w.buf.WriteByte('\n')
}

func (w *writer) table(t *nf.Table) {
	if t.Backend != nf.NFTables || familyNames[t.Family.String()] == 0 {
		w.errs = append(w.errs, fmt.Errorf("nftables: table %s is of %s, family %s", t.Name, t.Backend, t.Family))
		return
	}
	head, err := nameText("table "+t.Family.String()+" ", string(t.Name))
	w.line(0, head+" {", err)
	w.comment(1, t.Comment)
	if t.Dormant {
		w.line(1, "flags dormant", nil)
	}
	for _, o := range t.Opaque {
		w.line(1, o, nil)
	}
	for i := range t.Sets {
		w.set(&t.Sets[i])
	}
	for i := range t.Chains {
		w.chain(&t.Chains[i], t.Family)
	}
	w.line(0, "}", nil)
}

func (w *writer) comment(indent int, text string) {
	if text == "" {
		return
	}
	q, err := quoted(text)
	w.line(indent, "comment "+q, err)
}

func (w *writer) chain(c *nf.Chain, fam nf.Family) {
	head, err := nameText("chain ", string(c.Name))
	w.line(1, head+" {", err)
	w.comment(2, c.Comment)
	if c.Base != nil {
		text, err := baseText(c.Base, fam)
		w.line(2, text, err)
	}
	for i, r := range c.Rules {
		text, err := ruleText(r, fam)
		if err != nil {
			err = fmt.Errorf("chain %s, rule %d: %w", c.Name, i+1, err)
		}
		w.line(2, text, err)
	}
	w.line(1, "}", nil)
}

// ruleText writes a rule with its comment.
func ruleText(r nf.Rule, fam nf.Family) (string, error) {
	parts := make([]string, 0, len(r.Body)+1)
	for _, s := range r.Body {
		text, err := stmtText(s, fam)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	if len(r.Comments) > 0 {
		q, err := quoted(strings.Join(r.Comments, "; "))
		if err != nil {
			return "", err
		}
		parts = append(parts, "comment "+q)
	}
	return strings.Join(parts, " "), nil
}

// baseText writes "type filter hook input priority filter; policy accept;".
func baseText(b *nf.Base, fam nf.Family) (string, error) {
	hook := ""
	for name, h := range hookNames {
		if h == b.Hook {
			hook = name
		}
	}
	if hook == "" || chainTypes[b.Type.String()] == 0 || b.Policy < nf.PolicyAccept || b.Policy > nf.PolicyDrop {
		return "", fmt.Errorf("nftables: base chain %+v has no spelling in nft", *b)
	}
	dev, err := devicesText(b.Devices)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("type %s hook %s%s priority %s; policy %s;", b.Type, hook, dev, priorityText(b, fam), b.Policy), nil
}

// devicesText writes the devices of an ingress or egress chain.
func devicesText(devices []string) (string, error) {
	var names []string
	for _, d := range devices {
		q, err := quoted(d)
		if err != nil {
			return "", err
		}
		names = append(names, q)
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return " device " + names[0], nil
	}
	return " devices = { " + strings.Join(names, ", ") + " }", nil
}

// priorityText names a priority that is at most 10 away from a standard one.
func priorityText(b *nf.Base, fam nf.Family) string {
	for _, n := range priorities(fam) {
		if n.hook != 0 && n.hook != b.Hook {
			continue
		}
		switch off := int64(b.Priority) - int64(n.prio); {
		case off == 0:
			return n.name
		case off > 0 && off <= 10:
			return fmt.Sprintf("%s + %d", n.name, off)
		case off < 0 && off >= -10:
			return fmt.Sprintf("%s - %d", n.name, -off)
		}
	}
	return fmt.Sprint(b.Priority)
}
