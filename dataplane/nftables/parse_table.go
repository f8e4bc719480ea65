package nftables

import (
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

var familyNames = map[string]nf.Family{
	"ip": nf.FamilyIP, "ip6": nf.FamilyIP6, "inet": nf.FamilyInet,
	"arp": nf.FamilyARP, "bridge": nf.FamilyBridge, "netdev": nf.FamilyNetdev,
}

// table reads one table. One that iptables-nft manages is of that backend, and of
// its rules only the note is reported that iptables-save shows them better.
func (p *parser) table() {
	head, ok := p.header()
	fam, known := nf.FamilyIP, len(head) == 2 && ok
	if len(head) == 3 && ok {
		fam = familyNames[head[1].text]
		known = fam != 0
	}
	known = known && head[len(head)-1].kind == tokWord
	if !known {
		p.unreadable(head, &failure{pos: head[0].pos, got: p.source(head), want: "table FAMILY NAME {"})
		return
	}
	name := head[min(2, len(head)-1)].text
	t := nf.Table{Family: fam, Name: nf.TableName(name), Backend: nf.NFTables}
	p.compat = p.managed[fam.String()+" "+name]
	before := len(p.found)
	if !p.tableBody(&t) {
		p.unreadable(head, &failure{pos: p.peek().pos, got: "end of file", want: `"}" of the table`})
	}
	if p.compat && ofIptables(fam) {
		p.found = p.found[:before]
		p.add(codeCompat, diag.Note, p.span(head),
			"table %s %s is managed by iptables-nft; iptables-save shows what it says", fam, name)
		t.Backend = nf.IptablesNFT
	}
	typeMaps(&t)
	p.tables = append(p.tables, t)
}

// ofIptables reports whether iptables-nft or arptables-nft keeps tables of a
// family. In another table an xt expression is one unknown part of one rule.
func ofIptables(f nf.Family) bool {
	return f == nf.FamilyIP || f == nf.FamilyIP6 || f == nf.FamilyARP
}

// tableBody reads up to the closing brace of the table.
func (p *parser) tableBody(t *nf.Table) bool {
	for {
		switch tok := p.peek(); {
		case tok.kind == tokEOF:
			return false
		case tok.is("}"):
			p.next()
			return true
		case tok.kind == tokNewline || tok.kind == tokComment || tok.is(";"):
			p.next()
		case tok.is("chain"):
			p.chain(t)
		case tok.is("set") || tok.is("map"):
			p.set(t)
		case tok.is("comment"):
			p.tableComment(t)
		case tok.is("flags"):
			p.tableFlags(t)
		default:
			toks := p.opaqueObject()
			p.addOpaque(t, toks)
		}
	}
}

func (p *parser) tableComment(t *nf.Table) {
	toks := p.line()
	c := newCursor(toks[1:])
	s, err := c.str("a comment in quotes")
	if err != nil {
		p.unreadable(toks, err)
	}
	t.Comment = s
}

// tableFlags reads "flags dormant"; other flags change nothing for packets and
// are kept as text.
func (p *parser) tableFlags(t *nf.Table) {
	if toks := p.line(); len(toks) == 2 && toks[1].is("dormant") {
		t.Dormant = true
	} else {
		p.addOpaque(t, toks)
	}
}

// addOpaque keeps an object that nf does not model.
func (p *parser) addOpaque(t *nf.Table, toks []token) {
	if len(toks) == 0 {
		p.next()
		return
	}
	text := p.sourceBare(toks)
	t.Opaque = append(t.Opaque, text)
	p.add(codeObject, diag.Warning, p.span(toks), "%q is kept but not modelled", oneLine(text))
}

// namedHeader takes "chain NAME {" or "set NAME {". An object with another header
// is kept as text.
func (p *parser) namedHeader(t *nf.Table, want string) ([]token, bool) {
	start := p.i
	head, ok := p.header()
	if ok && len(head) == 2 && head[1].kind == tokWord {
		return head, true
	}
	p.unreadable(head, &failure{pos: head[0].pos, got: p.source(head), want: want})
	p.i = start
	t.Opaque = append(t.Opaque, p.sourceBare(p.opaqueObject()))
	return nil, false
}

// chain reads one chain.
func (p *parser) chain(t *nf.Table) {
	head, ok := p.namedHeader(t, "chain NAME {")
	if !ok {
		return
	}
	ch := nf.Chain{Name: nf.ChainName(head[1].text)}
	closed := p.block(func(toks []token) {
		if toks[0].kind == tokComment {
			return
		}
		p.chainLine(t, &ch, toks)
	})
	if !closed {
		p.unreadable(head, &failure{pos: p.peek().pos, got: "end of file", want: `"}" of the chain`})
	}
	t.Chains = append(t.Chains, ch)
}

func (p *parser) chainLine(t *nf.Table, ch *nf.Chain, toks []token) {
	var err error
	switch {
	case toks[0].is("type"):
		err = parseHook(newCursor(toks[1:]), t.Family, ch)
	case toks[0].is("policy") && ch.Base != nil:
		err = parsePolicy(newCursor(toks[1:]), ch.Base)
	case toks[0].is("comment") && len(ch.Rules) == 0 && len(toks) == 2 && toks[1].kind == tokString:
		ch.Comment = toks[1].text
	default:
		if r, ok := p.rule(t.Family, toks); ok {
			ch.Rules = append(ch.Rules, r)
		}
	}
	if err != nil {
		p.unreadable(toks, err)
	}
}

func parsePolicy(c *cursor, b *nf.Base) error {
	switch {
	case c.accept("accept"):
		b.Policy = nf.PolicyAccept
	case c.accept("drop"):
		b.Policy = nf.PolicyDrop
	default:
		return c.wanted(`"accept" or "drop"`)
	}
	return nil
}

var chainTypes = map[string]nf.ChainType{"filter": nf.TypeFilter, "nat": nf.TypeNAT, "route": nf.TypeRoute}

var hookNames = map[string]nf.Hook{
	"prerouting": nf.PreRouting, "input": nf.LocalIn, "forward": nf.Forward, "output": nf.LocalOut,
	"postrouting": nf.PostRouting, "ingress": nf.Ingress, "egress": nf.Egress,
}

// parseHook reads "filter hook input device "eth0" priority filter + 10" behind
// "type".
func parseHook(c *cursor, fam nf.Family, ch *nf.Chain) error {
	b := nf.Base{Policy: nf.PolicyAccept, Type: chainTypes[c.peek().text]}
	if b.Type == 0 {
		return c.wanted("a chain type (filter, nat or route)")
	}
	c.next()
	if err := c.expect("hook"); err != nil {
		return err
	}
	if b.Hook = hookNames[c.peek().text]; b.Hook == 0 {
		return c.wanted("a hook")
	}
	c.next()
	if err := parseDevices(c, &b); err != nil {
		return err
	}
	if err := c.expect("priority"); err != nil {
		return err
	}
	prio, err := parsePriority(c, fam, b.Hook)
	if err != nil {
		return err
	}
	b.Priority = prio
	ch.Base = &b
	if !c.done() && c.peek().kind != tokComment {
		return c.wanted("end of line")
	}
	return nil
}

// parseDevices reads "device "eth0"" or "devices = { eth0, eth1 }", if it is there.
func parseDevices(c *cursor, b *nf.Base) error {
	many := c.accept("devices")
	if !many && !c.accept("device") {
		return nil
	}
	if many && !c.accept("=", "{") {
		return c.wanted("devices in braces")
	}
	for {
		dev, err := c.name("a device")
		if err != nil {
			return err
		}
		b.Devices = append(b.Devices, dev)
		if !many || c.accept("}") {
			return nil
		}
		if err := c.expect(","); err != nil {
			return err
		}
	}
}

// priorityName is a name of a priority.
type priorityName struct {
	name string
	prio int32
	hook nf.Hook // 0 is every hook
}

// The names of std_prios and bridge_std_prios in nft's src/rule.c.
var (
	ipPriorities = []priorityName{
		{"raw", nf.PriRaw, 0}, {"mangle", nf.PriMangle, 0}, {"dstnat", nf.PriNATDst, nf.PreRouting},
		{"filter", nf.PriFilter, 0}, {"security", nf.PriSecurity, 0}, {"srcnat", nf.PriNATSrc, nf.PostRouting},
	}
	bridgePriorities = []priorityName{
		{"dstnat", -300, nf.PreRouting}, {"filter", -200, 0}, {"out", 100, nf.LocalOut}, {"srcnat", 300, nf.PostRouting},
	}
	otherPriorities = []priorityName{{"filter", nf.PriFilter, 0}}
)

func priorities(fam nf.Family) []priorityName {
	switch fam {
	case nf.FamilyBridge:
		return bridgePriorities
	case nf.FamilyARP, nf.FamilyNetdev:
		return otherPriorities
	}
	return ipPriorities
}

// parsePriority reads "-110", "filter" or "srcnat + 10".
func parsePriority(c *cursor, fam nf.Family, _ nf.Hook) (int32, error) {
	const want = "a priority"
	w, err := c.word(want)
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(w, 10, 32); err == nil {
		return int32(n), nil
	}
	for _, n := range priorities(fam) {
		if n.name == w {
			return priorityOffset(c, n.prio)
		}
	}
	c.i--
	return 0, c.wanted(want)
}

func priorityOffset(c *cursor, base int32) (int32, error) {
	sign := int32(1)
	switch {
	case c.accept("+"):
	case c.accept("-"):
		sign = -1
	default:
		return base, nil
	}
	t := c.peek()
	n, err := strconv.ParseInt(t.text, 10, 31)
	if err != nil || strings.HasPrefix(t.text, "+") || n < 0 {
		return 0, c.wanted("a number")
	}
	sum := int64(base) + int64(sign)*n
	if sum != int64(int32(sum)) {
		return 0, c.wanted("a priority of 32 bits")
	}
	c.next()
	return int32(sum), nil
}
