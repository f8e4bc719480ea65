package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tortie/dataplane/packet"
)

// endKind is the way in which the user named an end of a connection.
type endKind uint8

const (
	endAddr    endKind = iota + 1 // an address, owned by someone or outside
	endPod                        // namespace/pod
	endDeploy                     // namespace/deploy/name
	endService                    // svc:namespace/name
	endNode                       // node:NAME
)

// end is one end of a connection as the user named it.
type end struct {
	kind  endKind
	text  string // as written, without port and protocol
	name  string // namespace/pod, namespace/name or the node's name
	class string // of endDeploy: deploy, statefulset …
	addr  netip.Addr
	// node and iface are where an outside address enters ("IP@NODE/IFACE").
	node, iface string

	port     uint16
	portName string // of a pod or a service, in place of a number
	proto    packet.Proto
	icmp     icmpQuery
}

// icmpQuery is the type and code of "/icmp"; echo request when not said.
type icmpQuery struct {
	set       bool
	typ, code uint8
}

const endForms = `an end of a connection is ns/pod, ns/deploy/NAME, svc:ns/NAME, node:NAME, an IP address or IP@NODE/IFACE; a destination adds :PORT and /tcp, /udp, /sctp, /icmp or /proto-NUMBER ("shop/web-1:8080/tcp", "node:edge-1:30080", "[2001:db8::1]:53/udp", "10.0.0.1:8/0/icmp")`

// parseEnd reads an end. With dest, a port and a protocol may follow; TCP is the
// default.
func parseEnd(s string, dest bool) (end, error) {
	e := end{}
	rest := s
	if dest {
		var err error
		if rest, err = e.cutProto(s); err != nil {
			return e, err
		}
		if rest, err = e.cutPort(rest); err != nil {
			return e, err
		}
	}
	if err := e.parseName(rest); err != nil {
		return e, fmt.Errorf("%q: %w\n%s", s, err, endForms)
	}
	return e, nil
}

// cutProto takes "/tcp" and its like off the end of s.
func (e *end) cutProto(s string) (string, error) {
	e.proto = packet.ProtoTCP
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, nil
	}
	word := strings.ToLower(s[i+1:])
	switch word {
	case "tcp", "udp", "sctp", "icmp", "icmpv6", "icmp6", "udplite":
		e.proto, _ = packet.ParseProto(word)
		return s[:i], nil
	}
	if n, ok := strings.CutPrefix(word, "proto-"); ok {
		num, err := strconv.ParseUint(n, 10, 8)
		if err != nil || num == 0 {
			return s, fmt.Errorf("%q: protocol number %q is not from 1 to 255", s, n)
		}
		e.proto = packet.Proto(num)
		return s[:i], nil
	}
	if e.behindPort(s[:i]) {
		return s, fmt.Errorf("%q: protocol %q is none of tcp, udp, sctp, icmp, icmpv6, udplite and proto-NUMBER", s, s[i+1:])
	}
	return s, nil
}

// behindPort reports whether s is an end that nothing but a protocol can follow:
// an address, or one with a port.
func (e *end) behindPort(s string) bool {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	host, word, ok := cutLast(s, ':')
	_, err := strconv.ParseUint(word, 10, 16)
	return ok && err == nil && host != ""
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// cutPort takes ":PORT" or, for ICMP, ":TYPE/CODE" off the end of s. Ports of pods
// and services may go by their names.
func (e *end) cutPort(s string) (string, error) {
	host, word, found := cutLast(s, ':')
	if !found || host == "node" || host == "svc" || strings.HasSuffix(s, "]") {
		return s, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return s, nil // a bare IPv6 address
	}
	if e.proto.IsICMP() {
		return host, e.parseICMP(s, word)
	}
	n, err := strconv.ParseUint(word, 10, 16)
	switch {
	case err == nil && n > 0 && e.proto.HasPorts():
		e.port = uint16(n)
	case err == nil && n > 0:
		return s, fmt.Errorf("%q: protocol %s has no ports", s, e.proto)
	case e.proto.HasPorts() && strings.Contains(host, "/") && isPortName(word):
		e.portName = word
	default:
		return s, fmt.Errorf("%q: port %q is not a number from 1 to 65535", s, word)
	}
	return host, nil
}

var portName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// isPortName reports whether a word can be the name of a port of a pod or a
// service.
func isPortName(s string) bool {
	return len(s) <= 63 && portName.MatchString(s) && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz")
}

// noPort says that a port is missing.
func (e *end) noPort() string {
	text := e.text
	if e.kind == endAddr && e.addr.Is6() {
		text = "[" + e.addr.String() + "]"
		if host, word, _ := cutLast(e.text, ':'); !strings.HasPrefix(e.text, "[") && len(word) > 0 {
			if a, err := netip.ParseAddr(host); err == nil {
				return fmt.Sprintf("%q is an IPv6 address without a port; write %s:PORT/%s, or [%s]:%s/%s if %s is the port", e.text, text, e.proto, a, word, e.proto, word)
			}
		}
	}
	return fmt.Sprintf("%q names no port; write %s:PORT/%s", e.text, text, e.proto)
}

// noPortHint says how to write the end with a port, as a finding has it.
func (e *end) noPortHint() string {
	what, hint, _ := strings.Cut(e.noPort(), "; ")
	return what + "\n" + hint
}

// icmpFor makes ICMP that of the family.
func (e *end) icmpFor(f packet.Family) error {
	switch {
	case e.proto == packet.ProtoICMPv6 && f == packet.IPv4:
		return fmt.Errorf("%s has an IPv4 address, which /icmp belongs to, not /icmpv6", e.text)
	case e.proto == packet.ProtoICMP && f == packet.IPv6 && e.icmp.set:
		return fmt.Errorf("%s has an IPv6 address: its types are of /icmpv6, where an echo request is :128/0/icmpv6", e.text)
	case e.proto == packet.ProtoICMP && f == packet.IPv6:
		e.proto = packet.ProtoICMPv6
	}
	return nil
}

func (e *end) parseICMP(s, word string) error {
	t, c, _ := strings.Cut(word, "/")
	if c == "" {
		c = "0"
	}
	tn, err1 := strconv.ParseUint(t, 10, 8)
	cn, err2 := strconv.ParseUint(c, 10, 8)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%q: %q is not an ICMP type and code such as 8/0", s, word)
	}
	e.icmp = icmpQuery{true, uint8(tn), uint8(cn)}
	return nil
}

func (e *end) parseName(s string) error {
	e.text = s
	switch {
	case s == "":
		return fmt.Errorf("nothing is named")
	case strings.HasPrefix(s, "node:"):
		e.kind, e.name = endNode, s[len("node:"):]
	case strings.HasPrefix(s, "svc:"):
		e.kind, e.name = endService, s[len("svc:"):]
	default:
		return e.parseAddrOrPod(s)
	}
	if e.name == "" {
		return fmt.Errorf("the name is empty")
	}
	return nil
}

func (e *end) parseAddrOrPod(s string) error {
	addr, at, entered := strings.Cut(s, "@")
	bare := strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
	if a, err := netip.ParseAddr(bare); err == nil {
		e.kind, e.addr = endAddr, a.Unmap()
		if entered {
			var ok bool
			if e.node, e.iface, ok = strings.Cut(at, "/"); !ok || e.node == "" || e.iface == "" {
				return fmt.Errorf("%q is not NODE/IFACE", at)
			}
		}
		return nil
	}
	parts := strings.Split(s, "/")
	switch {
	case entered:
		return fmt.Errorf("%q is not an IP address", addr)
	case len(parts) == 2 && parts[0] != "" && parts[1] != "":
		e.kind, e.name = endPod, s
	case len(parts) == 3 && slices.Contains([]string{"svc", "service", "services", "pod", "pods", "po", "node"}, parts[0]):
		return fmt.Errorf("no such spelling; a service is svc:%s/%s, a pod %s/%s", parts[1], parts[2], parts[1], parts[2])
	case len(parts) == 3 && parts[0] != "" && parts[2] != "":
		e.kind, e.name, e.class = endDeploy, parts[0]+"/"+parts[2], parts[1]
	case strings.Contains(s, ".svc"):
		return fmt.Errorf("a name that DNS would resolve; a service is svc:NAMESPACE/NAME")
	default:
		return fmt.Errorf("neither an IP address nor NAMESPACE/POD")
	}
	return nil
}
