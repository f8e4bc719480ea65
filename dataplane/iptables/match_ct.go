package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

const conntrackOptions = "--ctstate=1! --ctproto=1! --ctorigsrc=1! --ctorigdst=1! --ctreplsrc=1! --ctrepldst=1! " +
	"--ctorigsrcport=1! --ctorigdstport=1! --ctreplsrcport=1! --ctrepldstport=1! --ctstatus=1! --ctexpire=1! --ctdir=1"

// stateNames in the order of iptables-save.
var stateNames = []flagName[nf.CtState]{
	{"INVALID", nf.CtInvalid}, {"NEW", nf.CtNew}, {"RELATED", nf.CtRelated}, {"ESTABLISHED", nf.CtEstablished},
	{"UNTRACKED", nf.CtUntracked}, {"SNAT", nf.CtSNAT}, {"DNAT", nf.CtDNAT},
}

var statusNames = []flagName[nf.CtStatus]{
	{"EXPECTED", nf.CtStatusExpected}, {"SEEN_REPLY", nf.CtStatusSeenReply}, {"ASSURED", nf.CtStatusAssured},
	{"CONFIRMED", nf.CtStatusConfirmed},
}

// flagName is the name of one bit.
type flagName[T any] struct {
	name string
	bit  T
}

// readFlags reads a comma list of names.
func readFlags[T ~uint8 | ~uint16 | ~uint32](t token, names []flagName[T]) (T, error) {
	var set T
next:
	for _, s := range strings.Split(t.text, ",") {
		for _, n := range names {
			if strings.EqualFold(n.name, s) {
				set |= n.bit
				continue next
			}
		}
		var known []string
		for _, n := range names {
			known = append(known, n.name)
		}
		return 0, expected(t, "a list of %s", strings.Join(known, ", "))
	}
	return set, nil
}

// writeFlags prints a set of bits; bits without a name are an error.
func writeFlags[T ~uint8 | ~uint16 | ~uint32](set T, names []flagName[T]) (string, error) {
	var out []string
	rest := set
	for _, n := range names {
		if set&n.bit != 0 {
			out = append(out, n.name)
			rest &^= n.bit
		}
	}
	if rest != 0 || set == 0 {
		return "", fmt.Errorf("iptables has no name for the flags %#x", uint64(rest))
	}
	return strings.Join(out, ","), nil
}

func buildState(g *group) (nf.Stmt, error) {
	o := g.get("--state")
	if o == nil {
		return nil, expected(g.head, "--state")
	}
	set, err := readFlags(o.args[0], stateNames[:5])
	return nf.MatchConntrack{States: set, StatesInvert: o.inv, StateModule: true}, err
}

func buildConntrack(g *group) (nf.Stmt, error) {
	if len(g.opts) == 0 {
		return nil, expected(g.head, "an option of -m conntrack")
	}
	var m nf.MatchConntrack
	for i := range g.opts {
		if err := conntrackOption(&m, g, &g.opts[i]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func conntrackOption(m *nf.MatchConntrack, g *group, o *option) (err error) {
	t := o.args[0]
	if a := ctAddrField(m, o.name); a != nil {
		p, err := prefix(t, g.family)
		*a = &nf.CtAddr{Prefix: p, Invert: o.inv}
		return err
	}
	if p := ctPortField(m, o.name); p != nil {
		r, err := portRange(t, t.text, ":", true)
		*p = &nf.CtPort{PortRange: r, Invert: o.inv}
		return err
	}
	switch o.name {
	case "--ctstate":
		m.States, err = readFlags(t, stateNames)
		m.StatesInvert = o.inv
	case "--ctproto":
		m.Proto, err = proto(t)
		m.ProtoInvert = o.inv
		if err == nil && m.Proto == 0 {
			return expected(t, "a protocol")
		}
	case "--ctstatus":
		m.StatusInvert = o.inv
		if m.StatusNone = strings.EqualFold(t.text, "NONE"); !m.StatusNone {
			m.Status, err = readFlags(t, statusNames)
		}
	case "--ctexpire":
		err = ctExpire(m, t)
		m.ExpireInvert = o.inv
	case "--ctdir":
		switch strings.ToUpper(t.text) {
		case "ORIGINAL":
			m.Direction = nf.Src
		case "REPLY":
			m.Direction = nf.Dst
		default:
			return expected(t, "ORIGINAL or REPLY")
		}
	}
	return err
}

func ctExpire(m *nf.MatchConntrack, t token) error {
	lo, hi, isRange := strings.Cut(t.text, ":")
	if !isRange {
		hi = lo
	}
	a, ok := number(lo, 32)
	b, bok := number(hi, 32)
	if !ok || !bok || a > b {
		return expected(t, "SECONDS or FROM:TO")
	}
	m.HasExpire, m.ExpireLo, m.ExpireHi = true, uint32(a), uint32(b)
	return nil
}

func ctAddrField(m *nf.MatchConntrack, name string) **nf.CtAddr {
	switch name {
	case "--ctorigsrc":
		return &m.OrigSrc
	case "--ctorigdst":
		return &m.OrigDst
	case "--ctreplsrc":
		return &m.ReplSrc
	case "--ctrepldst":
		return &m.ReplDst
	}
	return nil
}

func ctPortField(m *nf.MatchConntrack, name string) **nf.CtPort {
	switch name {
	case "--ctorigsrcport":
		return &m.OrigSrcPort
	case "--ctorigdstport":
		return &m.OrigDstPort
	case "--ctreplsrcport":
		return &m.ReplSrcPort
	case "--ctrepldstport":
		return &m.ReplDstPort
	}
	return nil
}

func conntrackText(m nf.MatchConntrack) (string, error) {
	var b textBuilder
	if m.StateModule {
		s, err := writeFlags(m.States, stateNames[:5])
		return "-m state " + bang(m.StatesInvert) + "--state " + s, err
	}
	b.add("-m conntrack")
	if m.States != 0 {
		s, err := writeFlags(m.States, stateNames)
		b.opt(m.StatesInvert, "--ctstate", s, err)
	}
	if m.Proto != 0 {
		b.opt(m.ProtoInvert, "--ctproto", fmt.Sprint(uint8(m.Proto)), nil)
	}
	for _, name := range []string{"--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"} {
		if a := *ctAddrField(&m, name); a != nil {
			b.opt(a.Invert, name, a.Prefix.String(), nil)
		}
	}
	for _, name := range []string{"--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport"} {
		if p := *ctPortField(&m, name); p != nil {
			b.opt(p.Invert, name, rangeText(p.PortRange, ":"), nil)
		}
	}
	switch {
	case m.StatusNone:
		b.opt(m.StatusInvert, "--ctstatus", "NONE", nil)
	case m.Status != 0:
		s, err := writeFlags(m.Status, statusNames)
		b.opt(m.StatusInvert, "--ctstatus", s, err)
	}
	if m.HasExpire {
		s := fmt.Sprint(m.ExpireLo)
		if m.ExpireHi != m.ExpireLo {
			s = fmt.Sprintf("%d:%d", m.ExpireLo, m.ExpireHi)
		}
		b.opt(m.ExpireInvert, "--ctexpire", s, nil)
	}
	switch m.Direction {
	case nf.Src:
		b.opt(false, "--ctdir", "ORIGINAL", nil)
	case nf.Dst:
		b.opt(false, "--ctdir", "REPLY", nil)
	}
	return b.result()
}

// textBuilder joins options and keeps the first error.
type textBuilder struct {
	words []string
	err   error
}

func (b *textBuilder) add(words ...string) { b.words = append(b.words, words...) }

func (b *textBuilder) flag(on bool, name string) {
	if on {
		b.add(name)
	}
}

func (b *textBuilder) opt(inv bool, name, value string, err error) {
	if err != nil && b.err == nil {
		b.err = err
	}
	b.add(bang(inv)+name, value)
}

func (b *textBuilder) result() (string, error) { return strings.Join(b.words, " "), b.err }
