package dump

import (
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// cutter cuts the lines of one file into sections.
type cutter struct {
	file     string
	six      bool // headless tables speak of IPv6
	sections []section
	findings diag.List
	heading  string        // the last comment line outside of rule sets
	inTable  bool          // between * and COMMIT of iptables-save
	depth    int           // open braces of nft
	rules    packet.Family // of the last policy routing rule, 0 before the first
	prio     int           // its priority
}

// line takes the next line; false when the file is no capture.
func (c *cutter) line(l line) bool {
	if c.inside(l) {
		return true
	}
	trimmed := strings.TrimSpace(l.text)
	if trimmed == "" {
		return true
	}
	w := classify(l.text)
	switch {
	case w != whatNone:
		c.begin(w, l)
	case strings.HasPrefix(trimmed, "#"), rePrompt.MatchString(trimmed):
		c.heading = strings.ToLower(trimmed)
	case c.continues(l):
		c.add(l)
	case toolMessage(l.text):
		c.message(l)
	case len(c.sections) == 0:
		return false
	default:
		c.unknown(l)
	}
	return true
}

// inside takes lines that belong to an iptables table or an nft table that is
// still open.
func (c *cutter) inside(l line) bool {
	switch {
	case c.inTable:
		c.add(l)
		c.inTable = strings.TrimSpace(l.text) != "COMMIT"
		return true
	case c.depth > 0:
		c.add(l)
		c.depth += braces(l.text)
		return true
	}
	return false
}

// braces counts opening less closing braces outside of quotes and comments.
func braces(s string) int {
	n, quoted := 0, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '#':
			return n
		case r == '{':
			n++
		case r == '}':
			n--
		}
	}
	return n
}

// begin starts a section, or goes on with the last one if it is of that kind.
func (c *cutter) begin(w what, l line) {
	k := c.kindOf(w, l)
	if n := len(c.sections); n == 0 || c.sections[n-1].kind != k {
		c.sections = append(c.sections, section{kind: k, file: c.file, first: l.no})
	}
	c.add(l)
	switch w {
	case whatIptables:
		c.inTable = strings.HasPrefix(l.text, "*")
	case whatNFT:
		c.depth = braces(l.text)
	}
}

func (c *cutter) add(l line) {
	s := &c.sections[len(c.sections)-1]
	s.lines = append(s.lines, l)
}

// continues reports whether a line that begins nothing belongs to the section
// before it: the indented lines of ip, and what a codec should complain about.
func (c *cutter) continues(l line) bool {
	if len(c.sections) == 0 {
		return false
	}
	switch c.sections[len(c.sections)-1].what {
	case whatIptables, whatNFT, whatIPSet:
		return true
	case whatAddr, whatRoute:
		return l.text[0] == ' ' || l.text[0] == '\t'
	}
	return false
}

// toolMessage reports whether a line is what ip, sysctl or iptables say on their
// error output, which captures made with 2>&1 contain.
func toolMessage(text string) bool {
	for _, p := range []string{"Error: ", "Warning: ", "RTNETLINK answers: ", "sysctl: ", "Dump terminated"} {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

func (c *cutter) message(l line) {
	c.findings.Add(diag.Finding{
		Code: "dump/tool-message", Severity: diag.Warning, Span: spanLine(c.file, l.no, l.text),
		Message: "the capturing tool complained: " + quote(l.text) + "; the capture may be incomplete",
	})
}

func (c *cutter) unknown(l line) {
	c.findings.Add(diag.Finding{
		Code: "dump/unknown-line", Severity: diag.Error, Span: spanLine(c.file, l.no, l.text),
		Message: "cannot read " + quote(l.text) + "; expected another line of " + c.sections[len(c.sections)-1].kind.String() +
			" or the beginning of another capture",
	})
}

func (c *cutter) kindOf(w what, l line) kind {
	switch w {
	case whatIptables:
		return c.iptablesKind(l)
	case whatRoute:
		return kind{what: w, family: routeFamily(l.text)}
	case whatRule:
		c.rules = c.ruleFamily(l)
		return kind{what: w, family: c.rules}
	}
	return kind{what: w}
}

// iptablesKind reads family and backend from the header of iptables-save. A
// table without one belongs to the section before it, or is named by the file;
// its rules may tell that it is of IPv6.
func (c *cutter) iptablesKind(l line) kind {
	if !strings.HasPrefix(l.text, "# Generated") {
		if n := len(c.sections); n > 0 && c.sections[n-1].what == whatIptables {
			return c.sections[n-1].kind
		}
		k := namedIptables(path.Base(c.file) + " " + c.heading)
		if c.six {
			k.family = packet.IPv6
		}
		return k
	}
	k := kind{whatIptables, packet.IPv4, nf.IptablesLegacy}
	if strings.Contains(l.text, "ip6tables") {
		k.family = packet.IPv6
	}
	if strings.Contains(l.text, "nf_tables") || strings.Contains(l.text, "-nft-save") {
		k.backend = nf.IptablesNFT
	}
	return k
}

// reRule6 finds what only rules of IPv6 say.
var reRule6 = regexp.MustCompile(`(?m)^-A .*( -[sd] [0-9a-fA-F]*:[0-9a-fA-F:.]*(/\d+)? | -p (ipv6-icmp|icmpv6) | --reject-with icmp6-| -m (icmp6|hl) )`)

func namedIptables(hint string) kind {
	k := kind{whatIptables, packet.IPv4, nf.IptablesLegacy}
	if strings.Contains(hint, "ip6") {
		k.family = packet.IPv6
	}
	if strings.Contains(hint, "nft") || strings.Contains(hint, "nf_tables") {
		k.backend = nf.IptablesNFT
	}
	return k
}

// routeFamily reads the family of a route: that of its addresses; of a default
// route without a gateway, IPv6 when it shows a router preference, which only
// IPv6 routes have.
func routeFamily(text string) packet.Family {
	for _, w := range strings.Fields(text) {
		if p, ok := parsePrefix(w, 0); ok {
			return packet.FamilyOf(p.Addr())
		}
	}
	if strings.Contains(text, " pref ") {
		return packet.IPv6
	}
	return packet.IPv4
}

// reSix finds IPv6 in the name of a file: "ip-6-rule.txt", "ip6rule", "rules-v6".
var reSix = regexp.MustCompile(`(?i)(ip[-_]?v?6|rules?[-_]?v?6|inet6|[-_]v?6\b)`)

// ruleFamily reads the family of a policy routing rule: of its addresses, the
// heading or the file; IPv6 when the list of IPv4 rules has ended and the priorities
// begin again.
func (c *cutter) ruleFamily(l line) packet.Family {
	last := c.prio
	c.prio, _ = strconv.Atoi(l.text[:strings.IndexByte(l.text, ':')])
	for _, w := range strings.Fields(l.text) {
		if p, err := netip.ParsePrefix(w); err == nil {
			return packet.FamilyOf(p.Addr())
		}
		if a, err := netip.ParseAddr(w); err == nil {
			return packet.FamilyOf(a)
		}
	}
	if strings.Contains(c.heading, "-6") || strings.Contains(c.heading, "ipv6") || reSix.MatchString(path.Base(c.file)) {
		return packet.IPv6
	}
	const lastOwn = 32766 // the kernel's own rule of table main, the last one of IPv6
	switch {
	case c.rules == packet.IPv6:
		return packet.IPv6
	case c.rules == 0 || c.prio >= last:
	case c.prio == 0 || last >= lastOwn:
		return packet.IPv6
	default:
		c.findings.Add(diag.Finding{
			Code: "dump/rule-order", Severity: diag.Warning, Span: spanLine(c.file, l.no, l.text),
			Message: "the priority " + strconv.Itoa(c.prio) + " comes behind " + strconv.Itoa(last) + ", and ip rule lists rules by priority; they are asked in that order",
			Hint:    "was the capture changed, or joined with another node's? Give the output as it is",
		})
	}
	return packet.IPv4
}

// merge joins the sections of one kind in one file: iptables-nft-save writes a
// header for each table, and routes of both families may alternate.
func merge(in []section) []section {
	var out []section
	at := map[kind]int{}
	for _, s := range in {
		if i, ok := at[s.kind]; ok {
			out[i].lines = append(out[i].lines, s.lines...)
			continue
		}
		at[s.kind] = len(out)
		out = append(out, s)
	}
	return out
}

// rePrompt finds the command that a shell shows before its output: "$ ip addr",
// "root@node1:~# nft list ruleset".
var rePrompt = regexp.MustCompile(`^(\S*@\S*\s?)?\S*[$#%>]\s*(sudo\s+)?(/\S*/)?(ip6?tables\S*|ip|nft|ipset|sysctl|bridge|ipvsadm|uname|cat|kubectl|docker)\s`)

// quote is the text of a line, cut, and with escapes where it does not print.
func quote(s string) string {
	const most = 80
	more := ""
	if s = strings.TrimSpace(s); len(s) > most {
		s, more = strings.ToValidUTF8(s[:most], "?"), "…"
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' }) {
		return strconv.Quote(s) + more
	}
	return "\"" + s + more + "\""
}
