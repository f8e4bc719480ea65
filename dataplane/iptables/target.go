package iptables

import (
	"fmt"
	"strings"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// rejectName is the name of an answer in one family; the first name of an answer
// is the one that is printed.
type rejectName struct {
	with nf.RejectWith
	name string
}

var reject4 = []rejectName{
	{nf.RejectNetUnreach, "icmp-net-unreachable"}, {nf.RejectNetUnreach, "net-unreach"},
	{nf.RejectHostUnreach, "icmp-host-unreachable"}, {nf.RejectHostUnreach, "host-unreach"},
	{nf.RejectPortUnreach, "icmp-port-unreachable"}, {nf.RejectPortUnreach, "port-unreach"},
	{nf.RejectProtoUnreach, "icmp-proto-unreachable"}, {nf.RejectProtoUnreach, "proto-unreach"},
	{nf.RejectNetProhib, "icmp-net-prohibited"}, {nf.RejectNetProhib, "net-prohib"},
	{nf.RejectHostProhib, "icmp-host-prohibited"}, {nf.RejectHostProhib, "host-prohib"},
	{nf.RejectTCPReset, "tcp-reset"}, {nf.RejectTCPReset, "tcp-rst"},
	{nf.RejectAdminProhib, "icmp-admin-prohibited"}, {nf.RejectAdminProhib, "admin-prohib"},
}

var reject6 = []rejectName{
	{nf.RejectNoRoute, "icmp6-no-route"}, {nf.RejectNoRoute, "no-route"},
	{nf.RejectAdminProhib, "icmp6-adm-prohibited"}, {nf.RejectAdminProhib, "adm-prohibited"},
	{nf.RejectHostUnreach, "icmp6-addr-unreachable"}, {nf.RejectHostUnreach, "addr-unreach"},
	{nf.RejectPortUnreach, "icmp6-port-unreachable"}, {nf.RejectPortUnreach, "port-unreach"},
	{nf.RejectTCPReset, "tcp-reset"}, {nf.RejectPolicyFail, "icmp6-policy-fail"},
	{nf.RejectPolicyFail, "policy-fail"}, {nf.RejectRejectRoute, "icmp6-reject-route"},
	{nf.RejectRejectRoute, "reject-route"},
}

func rejectNames(f packet.Family) []rejectName {
	if f == packet.IPv6 {
		return reject6
	}
	return reject4
}

func buildReject(g *group) (nf.Stmt, error) {
	o := g.get("--reject-with")
	if o == nil {
		return nf.Reject{With: nf.RejectDefault}, nil
	}
	for _, n := range rejectNames(g.family) {
		if n.name == o.arg() {
			return nf.Reject{With: n.with}, nil
		}
	}
	return nil, expected(o.args[0], "an answer of REJECT in %s", g.family)
}

func rejectText(r nf.Reject, f packet.Family) (string, error) {
	if r.With == nf.RejectDefault {
		return "REJECT", nil
	}
	for _, n := range rejectNames(f) {
		if n.with == r.With {
			return "REJECT --reject-with " + n.name, nil
		}
	}
	return "", fmt.Errorf("no answer number %d of REJECT in %s", r.With, f)
}

func buildSetMark(g *group) (nf.Stmt, error) {
	if len(g.opts) != 1 {
		return nil, expected(g.head, "one option of MARK")
	}
	v, m, err := markChange(&g.opts[0])
	return nf.SetMark{Value: v, Mask: m}, err
}

// markChange turns the ways to say a change of mark into the one of --set-xmark.
func markChange(o *option) (v, m uint32, err error) {
	if o.name == "--set-xmark" || o.name == "--set-mark" {
		v, m, err = valueMask(o.args[0])
		if o.name == "--set-mark" {
			m |= v
		}
		return v, m, err
	}
	n, err := u32(o.args[0])
	switch o.name {
	case "--and-mark":
		return 0, ^n, err
	case "--or-mark":
		return n, n, err
	}
	return n, 0, err // --xor-mark
}

const connmarkOptions = "--set-xmark=1 --set-mark=1 --and-mark=1 --or-mark=1 --xor-mark=1 " +
	"--save-mark --restore-mark --nfmask=1 --ctmask=1 --mask=1"

func buildSetCtMark(g *group) (nf.Stmt, error) {
	m := nf.SetCtMark{NfMask: 0xffffffff, CtMask: 0xffffffff}
	var err error
	for i := range g.opts {
		o := &g.opts[i]
		switch o.name {
		case "--save-mark", "--restore-mark":
			if m.Op != "" {
				return nil, expected(o.at, "one operation of CONNMARK")
			}
			m.Op = strings.TrimSuffix(o.name[2:], "-mark")
		case "--nfmask":
			m.NfMask, err = u32(o.args[0])
		case "--ctmask":
			m.CtMask, err = u32(o.args[0])
		case "--mask":
			m.NfMask, err = u32(o.args[0])
			m.CtMask = m.NfMask
		default:
			if len(g.opts) != 1 {
				return nil, expected(o.at, "one operation of CONNMARK")
			}
			v, k, err := markChange(o)
			return nf.SetCtMark{Op: "set", Value: v, Mask: k}, err
		}
		if err != nil {
			return nil, err
		}
	}
	if m.Op == "" {
		return nil, expected(g.head, "an operation of CONNMARK")
	}
	return m, nil
}

func setCtMarkText(m nf.SetCtMark) (string, error) {
	switch m.Op {
	case "set":
		return fmt.Sprintf("CONNMARK --set-xmark %#x/%#x", m.Value, m.Mask), nil
	case "save", "restore":
		return fmt.Sprintf("CONNMARK --%s-mark --nfmask %#x --ctmask %#x", m.Op, m.NfMask, m.CtMask), nil
	}
	return "", fmt.Errorf("iptables has no change of the connection's mark %q", m.Op)
}

func buildCT(g *group) (nf.Stmt, error) {
	if !g.has("--notrack") {
		return nil, errUnmodelled
	}
	return nf.NoTrack{CT: true}, nil
}

func buildSetDSCP(g *group) (nf.Stmt, error) {
	if len(g.opts) != 1 {
		return nil, expected(g.head, "one of --set-dscp and --set-dscp-class")
	}
	v, err := dscpValue(&g.opts[0])
	return nf.SetDSCP{DSCP: v}, err
}

func setDSCPText(m nf.SetDSCP) (string, error) {
	if m.DSCP > 63 {
		return "", fmt.Errorf("DSCP %d is above 63", m.DSCP)
	}
	return fmt.Sprintf("DSCP --set-dscp 0x%02x", m.DSCP), nil
}

func buildSetElement(g *group) (nf.Stmt, error) {
	m := nf.SetElement{Op: "add", Exist: g.has("--exist")}
	o, del := g.get("--add-set"), g.get("--del-set")
	switch {
	case o != nil && del != nil:
		return nil, errUnmodelled
	case del != nil:
		o, m.Op = del, "delete"
	case o == nil:
		return nil, expected(g.head, "--add-set or --del-set")
	}
	m.Set = nf.SetName(o.arg())
	var err error
	if m.Dirs, err = setDirs(o.args[1]); err != nil {
		return nil, err
	}
	if t := g.get("--timeout"); t != nil {
		n, err := u32(t.args[0])
		if err != nil {
			return nil, err
		}
		if n == 0 { // asks for "no timeout", which the model cannot tell from "not said"
			return nil, errUnmodelled
		}
		m.Timeout = time.Duration(n) * time.Second
	}
	return m, nil
}

func setElementText(m nf.SetElement) (string, error) {
	op := map[string]string{"add": "--add-set", "delete": "--del-set"}[m.Op]
	dirs, err := dirsText(m.Dirs)
	if op == "" || m.Key != nil || m.Timeout%time.Second != 0 {
		return "", fmt.Errorf("iptables has no change of set %q of this kind (%s)", m.Set, m.Op)
	}
	s := "SET " + op + " " + word(string(m.Set)) + " " + dirs
	if m.Exist {
		s += " --exist"
	}
	if m.Timeout != 0 {
		s += fmt.Sprintf(" --timeout %d", m.Timeout/time.Second)
	}
	return s, err
}

func buildInert(g *group) (nf.Stmt, error) { return nf.Inert{Text: g.text()}, nil }
