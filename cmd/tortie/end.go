package main

import (
	"fmt"
	"net/netip"
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

	port  uint16
	proto packet.Proto
	icmp  icmpQuery
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
	return s, nil
}

// cutPort takes ":PORT" or, for ICMP, ":TYPE/CODE" off the end of s.
func (e *end) cutPort(s string) (string, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasPrefix(s, "node:") && i == len("node") || strings.HasPrefix(s, "svc:") && i == len("svc") {
		return s, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return s, nil // a bare IPv6 address
	}
	host, word := s[:i], s[i+1:]
	if e.proto.IsICMP() {
		return host, e.parseICMP(s, word)
	}
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil || n == 0 {
		return s, fmt.Errorf("%q: port %q is not a number from 1 to 65535", s, word)
	}
	e.port = uint16(n)
	return host, nil
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
	case len(parts) == 3 && parts[0] != "" && parts[2] != "":
		e.kind, e.name, e.class = endDeploy, parts[0]+"/"+parts[2], parts[1]
	default:
		return fmt.Errorf("neither an IP address nor NAMESPACE/POD")
	}
	return nil
}
