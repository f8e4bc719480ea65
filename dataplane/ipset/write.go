package ipset

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Write prints sets as input of ipset restore, all create lines before the
// elements that belong to them. Lists of sets come last, since their members
// must exist. Double quotes in comments become single ones: ipset cannot write
// them.
func Write(sets []nf.Set) []byte {
	var out bytes.Buffer
	for _, lists := range []bool{false, true} {
		for i := range sets {
			if s := &sets[i]; (s.Type == "list:set") == lists {
				writeSet(&out, s)
			}
		}
	}
	return out.Bytes()
}

func writeSet(out *bytes.Buffer, s *nf.Set) {
	fmt.Fprintf(out, "create %s %s", word(string(s.Name)), s.Type)
	switch s.Family {
	case packet.IPv4:
		out.WriteString(" family inet")
	case packet.IPv6:
		out.WriteString(" family inet6")
	}
	for _, o := range s.Options {
		out.WriteString(" " + o)
	}
	if hasTimeout(s) {
		fmt.Fprintf(out, " timeout %d", s.Timeout/time.Second)
	}
	out.WriteByte('\n')
	for i := range s.Elements {
		writeElement(out, s, &s.Elements[i])
	}
}

func hasTimeout(s *nf.Set) bool { return s.HasTimeout || s.Timeout != 0 }

func writeElement(out *bytes.Buffer, s *nf.Set, e *nf.Element) {
	fmt.Fprintf(out, "add %s %s", word(string(s.Name)), word(keyText(s, e.Key)))
	if hasTimeout(s) {
		fmt.Fprintf(out, " timeout %d", e.Timeout/time.Second)
	}
	if e.HasCounter {
		fmt.Fprintf(out, " packets %d bytes %d", e.Packets, e.Bytes)
	}
	if e.Comment != "" {
		out.WriteString(" comment " + quote(e.Comment))
	}
	for _, o := range e.Options {
		out.WriteString(" " + o)
	}
	if e.Nomatch {
		out.WriteString(" nomatch")
	}
	out.WriteByte('\n')
}

// ElementText prints an element's key as ipset does: "10.0.0.0/8,tcp:80".
func ElementText(s *nf.Set, e *nf.Element) string { return keyText(s, e.Key) }

func keyText(s *nf.Set, key []nf.Datum) string {
	var parts []string
	dims := types[s.Type]
	for i, d := range key {
		kind := dim("")
		if i < len(dims) {
			kind = dims[i]
		}
		parts = append(parts, datumText(kind, d))
	}
	return strings.Join(parts, ",")
}

func datumText(kind dim, d nf.Datum) string {
	switch {
	case d.Addr.IsValid():
		return addrText(d)
	case d.MAC != "":
		return d.MAC
	case d.Name != "":
		return d.Name
	case kind == "mark":
		return fmt.Sprintf("0x%08x", d.Num)
	case d.Proto.IsICMP():
		return fmt.Sprintf("%s:%d/%d", protoText(d.Proto), d.Num>>8, d.Num&0xff)
	}
	s := strconv.FormatUint(d.Num, 10)
	if d.NumTo > d.Num {
		s += "-" + strconv.FormatUint(d.NumTo, 10)
	}
	if kind == "port" {
		return protoText(d.Proto) + ":" + s
	}
	return s
}

// protoText prints a protocol as ipset reads it without /etc/protocols.
func protoText(p packet.Proto) string {
	switch p {
	case packet.ProtoAny, packet.ProtoTCP:
		return "tcp"
	case packet.ProtoICMPv6:
		return "icmpv6"
	case packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoICMP:
		return p.String()
	}
	return strconv.Itoa(int(p))
}

func addrText(d nf.Datum) string {
	if d.Addr == d.AddrTo || !d.AddrTo.IsValid() {
		return d.Addr.String()
	}
	if p, ok := d.Prefix(); ok {
		return p.String()
	}
	return d.Addr.String() + "-" + d.AddrTo.String()
}
