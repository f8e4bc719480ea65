package dump

import (
	"net/netip"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/packet"
)

// words are the words of one line of ip's output, read one after the other.
type words struct {
	r    *reader
	file string
	line line
	rest []string
}

func (r *reader) words(s section, l line) *words {
	return &words{r: r, file: s.file, line: l, rest: strings.Fields(l.text)}
}

// next takes one word; "" at the end.
func (w *words) next() string {
	if len(w.rest) == 0 {
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

func (w *words) peek() string {
	if len(w.rest) == 0 {
		return ""
	}
	return w.rest[0]
}

// fail reports that a word is not what was expected.
func (w *words) fail(word, expected string) {
	w.report(diag.Error, "cannot read "+quote(word)+"; expected "+expected, word)
}

// report adds a finding at a word of the line, or at the line for "".
func (w *words) report(s diag.Severity, message, word string) {
	span := spanLine(w.file, w.line.no, w.line.text)
	if w.line.made > 0 {
		pos := diag.Pos{Line: w.line.no, Col: w.line.made}
		w.r.findings.Add(diag.Finding{Code: "dump/line", Severity: s, Span: diag.Span{File: w.file, Start: pos, End: pos}, Message: message})
		return
	}
	if i := strings.Index(w.line.text, word); i >= 0 && word != "" {
		span.Start.Col, span.End.Col = i+1, i+1+len(word)
	}
	w.r.findings.Add(diag.Finding{Code: "dump/line", Severity: s, Span: span, Message: message})
}

func (w *words) addr() netip.Addr {
	word := w.next()
	a, err := netip.ParseAddr(word)
	if err != nil {
		w.fail(word, "an address")
	}
	return a.WithZone("")
}

func (w *words) prefix(f packet.Family) netip.Prefix {
	word := w.next()
	p, ok := parsePrefix(word, f)
	if !ok {
		w.fail(word, "an address or a prefix")
	}
	return p
}

// parsePrefix reads an address, a prefix or, for a known family, one of the
// words default and all.
func parsePrefix(s string, f packet.Family) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	if s != "default" && s != "all" && s != "any" {
		return netip.Prefix{}, false
	}
	switch f {
	case packet.IPv4:
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	case packet.IPv6:
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	}
	return netip.Prefix{}, false
}

// number reads a decimal or 0x number of at most bits bits.
func (w *words) number(bits int) uint64 {
	word := w.next()
	n, err := strconv.ParseUint(word, 0, bits)
	if err != nil {
		w.fail(word, "a number")
	}
	return n
}
