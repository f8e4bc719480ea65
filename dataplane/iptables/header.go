package iptables

import (
	"errors"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// headerOptions are the options of a rule that belong to no module.
var headerOptions = map[string]string{
	"-s": "-s", "--source": "-s", "--src": "-s", "-d": "-d", "--destination": "-d", "--dst": "-d",
	"-i": "-i", "--in-interface": "-i", "-o": "-o", "--out-interface": "-o",
	"-p": "-p", "--protocol": "-p", "--proto": "-p", "-f": "-f", "--fragment": "-f", "--fragments": "-f",
	"-m": "-m", "--match": "-m", "-j": "-j", "--jump": "-j", "-g": "-g", "--goto": "-g",
	"-c": "-c", "--set-counters": "-c", "-4": "-4", "--ipv4": "-4", "-6": "-6", "--ipv6": "-6",
}

// header holds the statements of a rule's IP header part. The kernel looks at
// them before any module, so they stand first whatever the order of the text.
type header struct {
	src, dst, in, out, frag nf.Stmt
	proto                   *nf.MatchProto
}

// stmts returns the statements in the order of iptables-save.
func (h *header) stmts() []nf.Stmt {
	var out []nf.Stmt
	for _, s := range []nf.Stmt{h.src, h.dst, h.in, h.out} {
		if s != nil {
			out = append(out, s)
		}
	}
	if h.proto != nil {
		out = append(out, *h.proto)
	}
	if h.frag != nil {
		out = append(out, h.frag)
	}
	return out
}

// implicitModule is the match module that iptables loads for -p without -m.
func (h *header) implicitModule() string {
	if h.proto == nil || h.proto.Invert {
		return ""
	}
	switch h.proto.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoICMP:
		return h.proto.Proto.String()
	case packet.ProtoICMPv6:
		return "icmp6"
	}
	return ""
}

// headerOption reads the value of a header option.
func (r *ruleReader) headerOption(name string, t token, inv bool) error {
	if r.i < len(r.toks) && r.toks[r.i].is("!") && strings.Contains("-s-d-i-o-p", name) {
		inv = !inv
		r.i++
	}
	if inv && !strings.Contains("-s-d-i-o-p-f", name) {
		return expected(t, "an option that can be negated")
	}
	switch name {
	case "-s":
		return r.address(&r.header.src, nf.Src, t, inv)
	case "-d":
		return r.address(&r.header.dst, nf.Dst, t, inv)
	case "-i":
		return r.iface(&r.header.in, nf.Src, t, inv)
	case "-o":
		return r.iface(&r.header.out, nf.Dst, t, inv)
	case "-p":
		return r.protocol(t, inv)
	case "-f":
		if r.family != packet.IPv4 || r.header.frag != nil {
			return expected(t, "-f once and for IPv4 only")
		}
		r.header.frag = nf.MatchFragment{Invert: inv}
	case "-m":
		return r.openMatch(t)
	case "-j", "-g":
		return r.openTarget(name, t)
	case "-c":
		return r.counters()
	case "-4", "-6":
		if (name == "-4") != (r.family == packet.IPv4) {
			return expected(t, "a rule of %s", r.family)
		}
	}
	return nil
}

func (r *ruleReader) address(to *nf.Stmt, d nf.Dir, t token, inv bool) error {
	v, err := r.next("an address")
	if err != nil {
		return err
	}
	if *to != nil {
		return expected(t, "%s once", t.text)
	}
	p, err := prefix(v, r.family)
	switch {
	case errors.Is(err, errUnmodelled):
		text := bang(inv) + t.text + " " + plain(v)
		*to = nf.OpaqueMatch{Text: text}
		r.opaque = append(r.opaque, &group{module: t.text, head: t, words: []string{text}})
		return nil
	case err != nil:
		return err
	}
	*to = nf.MatchAddr{Dir: d, Prefix: p, Invert: inv}
	return nil
}

func (r *ruleReader) iface(to *nf.Stmt, d nf.Dir, t token, inv bool) error {
	v, err := r.next("an interface name")
	if err != nil {
		return err
	}
	if *to != nil {
		return expected(t, "%s once", t.text)
	}
	name, wild := strings.CutSuffix(v.text, "+")
	if len(v.text) > 15 || v.text == "" || strings.ContainsAny(v.text, " \t\r/") {
		return expected(v, "an interface name of at most 15 bytes")
	}
	*to = nf.MatchIface{Dir: d, Name: name, Wildcard: wild, Invert: inv}
	return nil
}

func (r *ruleReader) protocol(t token, inv bool) error {
	v, err := r.next("a protocol")
	if err != nil {
		return err
	}
	p, err := proto(v)
	if err != nil {
		return err
	}
	if r.header.proto != nil || inv && p == 0 {
		return expected(t, "-p once, and not the negation of every protocol")
	}
	r.header.proto = &nf.MatchProto{Proto: p, Invert: inv}
	return nil
}

func (r *ruleReader) counters() error {
	for _, to := range []*uint64{&r.pkts, &r.bytes} {
		v, err := r.next("a counter")
		if err != nil {
			return err
		}
		n, ok := number(v.text, 64)
		if !ok {
			return expected(v, "a counter")
		}
		*to = n
	}
	return nil
}

// openMatch begins a module. An unknown one takes every word up to the next
// header option.
func (r *ruleReader) openMatch(t token) error {
	v, err := r.next("a match module")
	if err != nil {
		return err
	}
	g := &group{module: v.text, head: t, family: r.family, words: []string{"-m", plain(v)}}
	r.groups = append(r.groups, g)
	if _, ok := matches[v.text]; !ok {
		r.takeAll(g)
	}
	return nil
}

// takeAll gives an unknown module all words up to the next header option.
func (r *ruleReader) takeAll(g *group) {
	g.opaque = true
	for ; r.i < len(r.toks); r.i++ {
		t := r.toks[r.i]
		if t.is("!") && r.i+1 < len(r.toks) && r.isHeader(r.toks[r.i+1]) || r.isHeader(t) {
			return
		}
		g.addWords(false, t)
	}
}

func (r *ruleReader) isHeader(t token) bool {
	_, ok := headerOptions[t.text]
	return ok && !t.quoted
}

// openTarget reads -j or -g: a verdict, a chain of the table, or a target.
func (r *ruleReader) openTarget(name string, t token) error {
	v, err := r.next("a target or chain")
	if err != nil {
		return err
	}
	if r.jump != nil || r.target != nil {
		return expected(t, "one target")
	}
	chain := nf.ChainName(v.text)
	switch {
	case r.chains[chain] && name == "-g":
		r.jump = nf.Goto{Chain: chain}
	case r.chains[chain]:
		r.jump = nf.Jump{Chain: chain}
	case name == "-g":
		return expected(v, "a chain of this table")
	case v.text == "ACCEPT":
		r.jump = nf.Accept{}
	case v.text == "DROP":
		r.jump = nf.Drop{}
	case v.text == "RETURN":
		r.jump = nf.Return{}
	default:
		r.target = &group{module: v.text, head: t, family: r.family, words: []string{plain(v)}}
		if _, ok := targets[v.text]; !ok {
			r.takeAll(r.target)
		}
	}
	return nil
}
