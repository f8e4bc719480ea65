package iptables

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Options say what the text itself may not.
type Options struct {
	// Family of the rules; 0 is guessed for each table from the tool's comment,
	// the rules and the file's name.
	Family packet.Family
	// Backend of the tables; 0 is guessed from the tool's comment, and
	// nf.IptablesLegacy without one.
	Backend nf.Backend
}

// reader reads a file line by line.
type reader struct {
	file  string
	lines []string
	opt   Options
	diags diag.List

	tables []nf.Table
	open   bool // inside of the last table
	skip   bool // inside of a table that is no iptables table
	header string
	family packet.Family
	chains map[nf.ChainName]bool
	line   int // counts from 0
	offset int
}

// Parse reads the output of iptables-save or ip6tables-save; several outputs may
// follow each other. What cannot be read is a finding of severity error, what is
// kept verbatim one of severity warning; the rest is returned.
func Parse(file string, text []byte, opt Options) ([]nf.Table, diag.List) {
	r := &reader{file: file, lines: strings.Split(string(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))), "\n"), opt: opt}
	for i, l := range r.lines {
		r.line = i
		r.readLine(strings.TrimSuffix(l, "\r"))
		r.offset += len(l) + 1
	}
	if r.open {
		r.fail(token{}, "import/missing-commit", "the text ends inside of table %q: expected COMMIT", r.tables[len(r.tables)-1].Name)
	}
	return r.tables, r.diags
}

// add adds a finding about a word of the current line.
func (r *reader) add(sev diag.Severity, t token, code, format string, args ...any) {
	at := func(col int) diag.Pos { return diag.Pos{Line: r.line + 1, Col: col + 1, Byte: r.offset + col} }
	r.diags.Add(diag.Finding{
		Code: code, Severity: sev, Message: fmt.Sprintf(format, args...),
		Span: diag.Span{File: r.file, Start: at(t.start), End: at(max(t.end, t.start))},
	})
}

func (r *reader) fail(t token, code, format string, args ...any) {
	r.add(diag.Error, t, code, format, args...)
}

func (r *reader) readLine(l string) {
	start := len(l) - len(strings.TrimLeft(l, " \t\r"))
	l = strings.TrimRight(l, " \t\r")
	if start >= len(l) {
		return
	}
	whole := token{text: l[start:], start: start, end: len(l)}
	switch body := l[start:]; {
	case body[0] == '#':
		if strings.Contains(body, "tables") && strings.Contains(body, "enerated by") {
			r.header = body
		}
	case body[0] == '*':
		r.openTable(whole)
	case r.skip && body != "COMMIT":
	case body == "COMMIT":
		if !r.open && !r.skip {
			r.fail(whole, "import/unreadable-line", "%q: expected a table before COMMIT", body)
		}
		r.open, r.skip = false, false
	case !r.open:
		r.fail(whole, "import/unreadable-line", "%q: expected *TABLE or a comment", clip(body))
	case body[0] == ':':
		r.chainLine(l, start)
	default:
		r.ruleLine(l, start)
	}
}

// clip shortens text for a message.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// openTable begins a table and looks ahead for its chains.
func (r *reader) openTable(t token) {
	if r.open {
		r.fail(t, "import/missing-commit", "%q: expected COMMIT before the next table", t.text)
	}
	name := nf.TableName(strings.TrimSpace(t.text[1:]))
	r.open, r.skip = true, false
	if nf.IptablesBuiltins(name) == nil {
		r.fail(t, "import/unknown-table", "table %q: expected one of raw, mangle, nat, filter, security", clip(string(name)))
		r.open, r.skip = false, true
		return
	}
	body := r.tableLines()
	r.family = guessFamily(r.opt.Family, r.header, body, r.file)
	tb := nf.Table{Name: name, Family: nf.FamilyIP, Backend: guessBackend(r.opt.Backend, r.header)}
	if r.family == packet.IPv6 {
		tb.Family = nf.FamilyIP6
	}
	r.tables = append(r.tables, tb)
	r.chains = declaredChains(body)
}

// tableLines are the lines up to the end of the table that begins here.
func (r *reader) tableLines() []string {
	rest := r.lines[r.line+1:]
	for i, l := range rest {
		if s := strings.TrimSpace(l); s == "COMMIT" || strings.HasPrefix(s, "*") {
			return rest[:i]
		}
	}
	return rest
}

// declaredChains are the names of the chain lines and of -N lines.
func declaredChains(lines []string) map[nf.ChainName]bool {
	chains := map[nf.ChainName]bool{}
	for _, l := range lines {
		l = strings.Trim(l, " \t\r")
		name := ""
		if in, ok := strings.CutPrefix(l, ":"); ok {
			if toks, _ := tokenize(in, 0); len(toks) == 2 || len(toks) == 3 {
				name = toks[0].text
			}
		} else if toks, _ := tokenize(l, 0); len(toks) == 2 && toks[0].is("-N") {
			name = toks[1].text
		}
		if chainName(name) {
			chains[nf.ChainName(name)] = true
		}
	}
	return chains
}

// chainName reports whether a chain can have that name.
func chainName(s string) bool {
	return s != "" && !strings.ContainsAny(s[:1], "-!:*#") && !strings.ContainsAny(s, "\"'\\ \t\r")
}

func (r *reader) table() *nf.Table { return &r.tables[len(r.tables)-1] }

// chainLine reads ":NAME POLICY [PACKETS:BYTES]".
func (r *reader) chainLine(l string, start int) {
	toks, _ := tokenize(l, start+1)
	if len(toks) < 2 || len(toks) > 3 || toks[0].quoted || toks[0].start != start+1 {
		r.fail(token{start: start, end: len(l)}, "import/unreadable-line", "%q: expected :CHAIN POLICY [PACKETS:BYTES]", clip(l[start:]))
		return
	}
	c := r.newChain(toks[0], toks[1])
	if c == nil || len(toks) < 3 {
		return
	}
	p, b, ok := counters(toks[2].text)
	if !ok {
		r.fail(toks[2], "import/unreadable-line", "%q: expected [PACKETS:BYTES]", toks[2].text)
		return
	}
	if c.Base != nil {
		c.Packets, c.Bytes = p, b
	}
}

// newChain declares a chain with its policy; a built-in chain has one, others
// have "-".
func (r *reader) newChain(name, policy token) *nf.Chain {
	tb, n := r.table(), nf.ChainName(name.text)
	base, builtin := nf.IptablesBase(tb.Name, n)
	switch {
	case tb.FindChain(n) != nil:
		r.fail(name, "import/duplicate-chain", "chain %q: expected it once in table %s", n, tb.Name)
		return nil
	case !chainName(name.text):
		r.fail(name, "import/unreadable-line", "chain %q: expected a chain's name", n)
		return nil
	case builtin && policy.text == "DROP":
		base.Policy = nf.PolicyDrop
	case builtin && policy.text != "ACCEPT":
		r.fail(policy, "import/unreadable-line", "policy %q of chain %s: expected ACCEPT or DROP", policy.text, n)
	case !builtin && policy.text != "-":
		r.fail(policy, "import/unreadable-line", "policy %q of chain %s: expected \"-\", since table %s has no such built-in chain", policy.text, n, tb.Name)
	}
	c := nf.Chain{Name: n}
	if builtin {
		c.Base = &base
	}
	tb.Chains = append(tb.Chains, c)
	return &tb.Chains[len(tb.Chains)-1]
}

// counters reads "[PACKETS:BYTES]".
func counters(s string) (p, b uint64, ok bool) {
	in, ok1 := strings.CutPrefix(s, "[")
	in, ok2 := strings.CutSuffix(in, "]")
	ps, bs, ok3 := strings.Cut(in, ":")
	p, e1 := strconv.ParseUint(ps, 10, 64)
	b, e2 := strconv.ParseUint(bs, 10, 64)
	return p, b, ok1 && ok2 && ok3 && e1 == nil && e2 == nil
}

// ruleLine reads "[P:B] -A CHAIN …", "-N CHAIN" or "-P CHAIN POLICY".
func (r *reader) ruleLine(l string, start int) {
	toks, closed := tokenize(l, start)
	whole := token{start: start, end: len(l)}
	if !closed {
		r.fail(toks[len(toks)-1], "import/unreadable-line", "%q: expected a closing quote", clip(l[start:]))
		return
	}
	var p, b uint64
	if strings.HasPrefix(toks[0].text, "[") && !toks[0].quoted {
		var ok bool
		if p, b, ok = counters(toks[0].text); !ok {
			r.fail(toks[0], "import/unreadable-line", "%q: expected [PACKETS:BYTES]", clip(toks[0].text))
			return
		}
		toks = toks[1:]
	}
	switch {
	case len(toks) >= 2 && (toks[0].is("-A") || toks[0].is("--append")):
		r.appendRule(toks, p, b)
	case len(toks) == 2 && toks[0].is("-N"):
		r.newChain(toks[1], token{text: "-"})
	case len(toks) == 3 && toks[0].is("-P"):
		r.newChain(toks[1], toks[2])
	default:
		r.fail(whole, "import/unreadable-line", "%q: expected -A CHAIN, a chain line or COMMIT", clip(l[start:]))
	}
}

// appendRule reads one rule and appends it to its chain.
func (r *reader) appendRule(toks []token, p, b uint64) {
	c := r.chainOf(toks[1])
	if c == nil {
		return
	}
	rr := &ruleReader{toks: toks[2:], family: r.family, chains: r.chains, pkts: p, bytes: b}
	rule, err := rr.read()
	if err != nil {
		var re *readError
		if !errors.As(err, &re) {
			re = &readError{toks[0], err.Error()}
		}
		r.fail(re.at, "import/unreadable-rule", "rule of chain %s: %s", c.Name, re)
		return
	}
	rule.Line = r.line + 1
	c.Rules = append(c.Rules, rule)
	for _, g := range rr.opaque {
		kind := "match"
		if g == rr.target {
			kind = "target"
		}
		r.add(diag.Warning, g.head, "import/unmodelled-"+kind, "%s %q is kept but not modelled: its outcome is unknown", kind, clip(g.text()))
	}
}

// chainOf finds the chain of a rule. A built-in chain that was not declared
// exists with policy ACCEPT.
func (r *reader) chainOf(t token) *nf.Chain {
	n := nf.ChainName(t.text)
	if c := r.table().FindChain(n); c != nil {
		return c
	}
	if _, ok := nf.IptablesBase(r.table().Name, n); ok {
		return r.newChain(t, token{text: "ACCEPT"})
	}
	r.fail(t, "import/unknown-chain", "chain %q: expected a chain that table %s declares", clip(t.text), r.table().Name)
	return nil
}
