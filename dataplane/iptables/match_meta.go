package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

func buildMark(g *group) (nf.Stmt, error) {
	v, m, inv, err := markOption(g)
	return nf.MatchMark{Value: v, Mask: m, Invert: inv}, err
}

func buildConnmark(g *group) (nf.Stmt, error) {
	v, m, inv, err := markOption(g)
	return nf.MatchConnmark{Value: v, Mask: m, Invert: inv}, err
}

func markOption(g *group) (v, m uint32, inv bool, err error) {
	o := g.get("--mark")
	if o == nil {
		return 0, 0, false, expected(g.head, "--mark")
	}
	v, m, err = valueMask(o.args[0])
	return v, m, o.inv, err
}

func markText(module string, v, m uint32, inv bool) string {
	s := fmt.Sprintf("-m %s %s--mark %#x", module, bang(inv), v)
	if m != 0xffffffff {
		s += fmt.Sprintf("/%#x", m)
	}
	return s
}

const setOptions = "--match-set=2! --return-nomatch --update-counters! --update-subcounters! " +
	"--packets-eq=1! --packets-lt=1 --packets-gt=1 --bytes-eq=1! --bytes-lt=1 --bytes-gt=1"

func buildSet(g *group) (nf.Stmt, error) {
	o := g.get("--match-set")
	if o == nil {
		return nil, expected(g.head, "--match-set")
	}
	dirs, err := setDirs(o.args[1])
	if err != nil {
		return nil, err
	}
	m := nf.MatchSet{Set: nf.SetName(o.arg()), Dirs: dirs, Invert: o.inv}
	var rest []string
	for _, x := range g.opts {
		switch x.name {
		case "--match-set":
		case "--return-nomatch":
			m.ReturnNomatch = true
		default:
			s := bang(x.inv) + x.name
			for _, a := range x.args {
				if _, ok := number(a.text, 64); !ok {
					return nil, expected(a, "a number")
				}
				s += " " + a.text
			}
			rest = append(rest, s)
		}
	}
	m.Options = strings.Join(rest, " ")
	return m, nil
}

func setDirs(t token) ([]nf.Dir, error) {
	var dirs []nf.Dir
	for _, s := range strings.Split(t.text, ",") {
		switch s {
		case "src":
			dirs = append(dirs, nf.Src)
		case "dst":
			dirs = append(dirs, nf.Dst)
		default:
			return nil, expected(t, "a list of src and dst")
		}
	}
	if len(dirs) > 6 {
		return nil, expected(t, "at most six dimensions")
	}
	return dirs, nil
}

func dirsText(dirs []nf.Dir) (string, error) {
	var out []string
	for _, d := range dirs {
		if d != nf.Src && d != nf.Dst {
			return "", fmt.Errorf("set dimension %s: iptables knows src and dst", d)
		}
		out = append(out, d.String())
	}
	if len(out) < 1 || len(out) > 6 {
		return "", fmt.Errorf("set with %d dimensions: iptables takes 1 to 6", len(out))
	}
	return strings.Join(out, ","), nil
}

func setText(m nf.MatchSet) (string, error) {
	dirs, err := dirsText(m.Dirs)
	s := "-m set " + bang(m.Invert) + "--match-set " + word(string(m.Set)) + " " + dirs
	if m.ReturnNomatch {
		s += " --return-nomatch"
	}
	if m.Options != "" {
		s += " " + m.Options
	}
	return s, err
}

const addrTypeOptions = "--src-type=1! --dst-type=1! --limit-iface-in --limit-iface-out"

var addrTypeNames = []flagName[nf.AddrType]{
	{"UNSPEC", nf.AddrUnspec}, {"UNICAST", nf.AddrUnicast}, {"LOCAL", nf.AddrLocal}, {"BROADCAST", nf.AddrBroadcast},
	{"ANYCAST", nf.AddrAnycast}, {"MULTICAST", nf.AddrMulticast}, {"BLACKHOLE", nf.AddrBlackhole},
	{"UNREACHABLE", nf.AddrUnreachable}, {"PROHIBIT", nf.AddrProhibit},
}

func buildAddrType(g *group) (nf.Stmt, error) {
	m := nf.MatchAddrType{LimitIn: g.has("--limit-iface-in"), LimitOut: g.has("--limit-iface-out")}
	src, dst := g.get("--src-type"), g.get("--dst-type")
	if src == nil && dst == nil || m.LimitIn && m.LimitOut {
		return nil, expected(g.head, "--src-type or --dst-type, and at most one limit")
	}
	for _, o := range []*option{src, dst} {
		if o == nil {
			continue
		}
		set, err := readFlags(o.args[0], addrTypeNames)
		if err != nil {
			return nil, addrTypeError(o, err)
		}
		if o == src {
			m.SrcType, m.SrcInvert = set, o.inv
		} else {
			m.DstType, m.DstInvert = set, o.inv
		}
	}
	return m, nil
}

// addrTypeError keeps the types that iptables knows and the model does not.
func addrTypeError(o *option, err error) error {
	for _, n := range []string{"THROW", "NAT", "XRESOLVE"} {
		if strings.Contains(strings.ToUpper(o.arg()), n) {
			return errUnmodelled
		}
	}
	return err
}

func addrTypeText(m nf.MatchAddrType) (string, error) {
	var b textBuilder
	b.add("-m addrtype")
	if m.SrcType == 0 && m.DstType == 0 {
		return "", fmt.Errorf("an address type match without a type")
	}
	if m.SrcType != 0 {
		s, err := writeFlags(m.SrcType, addrTypeNames)
		b.opt(m.SrcInvert, "--src-type", s, err)
	}
	if m.DstType != 0 {
		s, err := writeFlags(m.DstType, addrTypeNames)
		b.opt(m.DstInvert, "--dst-type", s, err)
	}
	b.flag(m.LimitIn, "--limit-iface-in")
	b.flag(m.LimitOut, "--limit-iface-out")
	return b.result()
}

func buildRPFilter(g *group) (nf.Stmt, error) {
	return nf.MatchRPFilter{Loose: g.has("--loose"), ValidMark: g.has("--validmark"),
		AcceptLocal: g.has("--accept-local"), Invert: g.has("--invert")}, nil
}

func rpfilterText(m nf.MatchRPFilter) string {
	var b textBuilder
	b.add("-m rpfilter")
	b.flag(m.Loose, "--loose")
	b.flag(m.ValidMark, "--validmark")
	b.flag(m.AcceptLocal, "--accept-local")
	b.flag(m.Invert, "--invert")
	s, _ := b.result()
	return s
}
