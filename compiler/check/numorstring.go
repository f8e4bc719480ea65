package check

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/yamlpos"
)

var protocolNames = []string{"TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite"}

const portNameHint = "the name of a port has at most 15 lower case letters, digits and single dashes inside, with at least one letter"

var portNameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// isPortName says that a text is an IANA service name, as Kubernetes asks.
func isPortName(s string) bool {
	return len(s) <= 15 && portNameForm.MatchString(s) && !strings.Contains(s, "--") && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz")
}

// numOrString checks a value that is a number or a word: a protocol or a port.
func (o on) numOrString(typ string, n *yamlpos.Node, at path) {
	switch typ {
	case "Protocol":
		o.protocol(n, at)
	case "Port":
		o.port(n, at)
	}
}

func (o on) protocol(n *yamlpos.Node, at path) {
	if n == nil {
		o.report("value/missing", at, "write one of "+strings.Join(protocolNames, ", "), "%s is missing", dotted(at))
		return
	}
	if v, err := strconv.ParseUint(n.Text, 10, 8); err == nil {
		if v == 0 {
			o.report("value/protocol", at, "give a number from 1 to 255, or a name", "%s: protocol 0 cannot be matched", dotted(at))
		}
		return
	}
	if !slices.Contains(protocolNames, n.Text) {
		o.report("value/protocol", at, oneOfHint(n.Text, protocolNames), "%s: %q is not a protocol", dotted(at), n.Text)
	}
}

func (o on) port(n *yamlpos.Node, at path) {
	if n == nil {
		return
	}
	first, _, _ := strings.Cut(n.Text, ":")
	if v, err := strconv.ParseUint(first, 10, 16); err == nil {
		if v == 0 {
			o.report("value/port", at, "ports are from 1 to 65535", "%s: %q is not a port", dotted(at), n.Text)
		}
		return
	}
	if !isPortName(n.Text) {
		hint := portNameHint
		if dashedRange.MatchString(n.Text) {
			hint = "a range is written with a colon: '" + strings.Replace(n.Text, "-", ":", 1) + "'"
		}
		o.report("value/port-name", at, hint, "%s: %q is neither a port nor the name of one", dotted(at), n.Text)
	}
}

// dashedRange is how other tools write ranges of ports.
var dashedRange = regexp.MustCompile(`^[0-9]+-[0-9]+$`)
