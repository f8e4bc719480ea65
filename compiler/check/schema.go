package check

import (
	_ "embed"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tortie/compiler/yamlpos"
)

//go:embed schema.txt
var schemaText string

// constraint is one line of schema.txt: what a schema asks of a field.
type constraint struct {
	path    []string
	verb    string
	args    []string
	pattern *regexp.Regexp
}

// schemas are the constraints by kind.
var schemas = readSchemas(schemaText)

var macros = map[string][]string{
	"RULE":    {"spec.ingress[]", "spec.egress[]"},
	"END":     {"spec.ingress[].source", "spec.ingress[].destination", "spec.egress[].source", "spec.egress[].destination"},
	"FILTER":  {"spec.importV4[]", "spec.exportV4[]", "spec.importV6[]", "spec.exportV6[]"},
	"FILTER4": {"spec.importV4[]", "spec.exportV4[]"},
	"FILTER6": {"spec.importV6[]", "spec.exportV6[]"},
	"PEER":    {"spec.ingress[].from[]", "spec.egress[].to[]"},
	"PORTS": {
		"spec.ingress[].protocols[].tcp", "spec.ingress[].protocols[].udp", "spec.ingress[].protocols[].sctp",
		"spec.egress[].protocols[].tcp", "spec.egress[].protocols[].udp", "spec.egress[].protocols[].sctp",
	},
	"SUBJECTS": {
		"spec.subject.namespaces", "spec.subject.pods.namespaceSelector", "spec.subject.pods.podSelector",
		"spec.ingress[].from[].namespaces", "spec.ingress[].from[].pods.namespaceSelector", "spec.ingress[].from[].pods.podSelector",
		"spec.egress[].to[].namespaces", "spec.egress[].to[].pods.namespaceSelector", "spec.egress[].to[].pods.podSelector", "spec.egress[].to[].nodes",
	},
	"PODS": {"spec.podSelector", "spec.ingress[].from[].podSelector", "spec.ingress[].from[].namespaceSelector", "spec.egress[].to[].podSelector", "spec.egress[].to[].namespaceSelector"},
}

const policyKinds = "GlobalNetworkPolicy,NetworkPolicy,StagedGlobalNetworkPolicy,StagedNetworkPolicy"

func readSchemas(text string) map[string][]constraint {
	out := map[string][]constraint{}
	var kinds []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			kinds = strings.Split(strings.ReplaceAll(line, "POLICY", policyKinds), ",")
		default:
			for _, k := range kinds {
				out[k] = append(out[k], readConstraint(strings.TrimSpace(line))...)
			}
		}
	}
	return out
}

func readConstraint(line string) []constraint {
	where, rest, _ := strings.Cut(line, " ")
	verb, args, _ := strings.Cut(rest, " ")
	first, more, dotted := strings.Cut(where, ".")
	heads, ok := macros[first]
	if !ok {
		heads = []string{first}
	}
	var out []constraint
	for _, h := range heads {
		if dotted {
			h += "." + more
		}
		c := constraint{path: strings.Split(strings.ReplaceAll(h, "[]", ".[]"), "."), verb: verb}
		if verb == "pattern" {
			c.pattern = regexp.MustCompile(args)
		} else {
			c.args = strings.Fields(args)
		}
		out = append(out, c)
	}
	return out
}

// schema checks an object against the constraints of its kind.
func (o on) schema() {
	if o.src.Kind != "IPAMBlock" { // free addresses are null there
		o.nulls(o.node(path{"spec"}), path{"spec"})
	}
	for _, c := range schemas[o.src.Kind] {
		o.constraint(c, o.src.Node, nil, c.path)
	}
}

// nulls reports items of lists that are null; the API server leaves null fields
// out, but not items.
func (o on) nulls(n *yamlpos.Node, at path) {
	for i, item := range items(n) {
		if item.Kind == yamlpos.Null {
			o.reportAt("yaml/wrong-type", o.src.At(at.add(i)...), "remove the item, or fill it in", "%s is null", dotted(at.add(i)))
			continue
		}
		o.nulls(item, at.add(i))
	}
	for _, f := range fields(n) {
		if len(f.Value.Items)+len(f.Value.Fields) > 0 {
			o.nulls(f.Value, at.add(f.Key))
		}
	}
}

// constraint walks to every node that the rest of a constraint's path leads to.
func (o on) constraint(c constraint, n *yamlpos.Node, at path, rest []string) {
	switch {
	case n == nil || n.Kind == yamlpos.Null:
	case len(rest) == 0:
		o.satisfy(c, n, at)
	case rest[0] == "[]":
		for i, item := range n.Items {
			o.constraint(c, item, at.add(i), rest[1:])
		}
	default:
		if v := n.Get(rest[0]); v != nil {
			o.constraint(c, v, at.add(rest[0]), rest[1:])
		}
	}
}

func (o on) satisfy(c constraint, n *yamlpos.Node, at path) {
	switch c.verb {
	case "enum":
		if !slices.Contains(c.args, n.Text) {
			o.report("value/not-one-of", at, oneOfHint(n.Text, c.args), "%s: %q is not a value of this field", dotted(at), n.Text)
		}
	case "string":
		if n.Kind != yamlpos.String {
			o.report("yaml/wrong-type", at, "write a text", "%s: expected a string, found a %s", dotted(at), n.Kind)
		}
	case "duration":
		if _, err := time.ParseDuration(n.Text); err != nil {
			o.report("yaml/bad-value", at, "write a duration, as 90s or 1m30s", "%s: %q is not a duration", dotted(at), n.Text)
		}
	case "pattern":
		if !c.pattern.MatchString(n.Text) {
			o.report("value/pattern", at, patternHint(c.pattern.String()), "%s: %q does not have the form of this field", dotted(at), n.Text)
		}
	case "range":
		o.inRange(n, at, c.args)
	case "integer":
		if n.Kind != yamlpos.Int {
			o.report("yaml/wrong-type", at, "give a number "+rangeWords(c.args), "%s: expected an integer, found %q", dotted(at), n.Text)
		}
		o.inRange(n, at, c.args)
	case "dscp":
		o.dscp(n, at)
	case "length":
		o.size("value/length", at, utf8.RuneCountInString(n.Text), c.args, "characters")
	case "items":
		o.size("value/items", at, len(n.Items), c.args, "items")
	case "set":
		o.distinct(n, at)
	case "cidr":
		if _, _, err := net.ParseCIDR(n.Text); err != nil {
			o.report("value/net", at, netHint(n.Text), "%s: %q is not a network", dotted(at), n.Text)
		}
	case "required":
		o.required(n, at, c.args)
	default:
		o.satisfyShape(c, n, at)
	}
}

// satisfyShape checks what is asked of a mapping as a whole, and of networks in
// Kubernetes' own cluster-wide policies.
func (o on) satisfyShape(c constraint, n *yamlpos.Node, at path) {
	switch c.verb {
	case "properties":
		given := 0
		for _, f := range n.Fields {
			if f.Value.Kind != yamlpos.Null {
				given++
			}
		}
		if n.Kind == yamlpos.Map {
			o.size("value/fields", at, given, c.args, "fields")
		}
	case "rising":
		start, end := o.number(at.add("start")), o.number(at.add("end"))
		if start >= end && o.node(at.add("start")) != nil && o.node(at.add("end")) != nil {
			o.report("value/range", at.add("end"), "start is below end; for one port give number", "%s: the range %d to %d is not possible", dotted(at), start, end)
		}
	case "prefix":
		if p, err := netip.ParsePrefix(n.Text); err != nil || p.Addr().Is4In6() {
			o.report("value/net", at, netHint(n.Text), "%s: %q is not a network", dotted(at), n.Text)
		}
	}
}

func (o on) required(n *yamlpos.Node, at path, fields []string) {
	if n.Kind != yamlpos.Map {
		return
	}
	for _, f := range fields {
		if v := n.Get(f); v == nil || v.Kind == yamlpos.Null {
			o.report("value/missing", at, "add "+f, "%s has no %s", dotted(at), f)
		}
	}
}

func (o on) inRange(n *yamlpos.Node, at path, args []string) {
	v, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || len(args) != 2 {
		return
	}
	low, errLow := strconv.ParseFloat(args[0], 64)
	high, errHigh := strconv.ParseFloat(args[1], 64)
	if errLow == nil && v < low || errHigh == nil && v > high {
		o.report("value/range", at, "give a number "+rangeWords(args), "%s: %s is out of range", dotted(at), n.Text)
	}
}

func (o on) size(code string, at path, n int, args []string, what string) {
	if len(args) != 2 {
		return
	}
	low, _ := strconv.Atoi(args[0])
	high, err := strconv.Atoi(args[1])
	switch {
	case n < low && n == 0:
		o.report(code, at, "leave the field out, or fill it in", "%s is empty", dotted(at))
	case n < low || err == nil && n > high:
		o.report(code, at, fmt.Sprintf("give %s %s", rangeWords(args), what), "%s has %d %s", dotted(at), n, what)
	}
}

// dscp asks for a number of 8 bits or a text, as the type of DSCP values does.
func (o on) dscp(n *yamlpos.Node, at path) {
	_, err := strconv.ParseUint(n.Text, 10, 8)
	if n.Kind != yamlpos.String && (n.Kind != yamlpos.Int || err != nil) {
		o.report("yaml/bad-value", at, "give a number from 0 to 63, or a name as EF", "%s: %q is not a value of DSCP", dotted(at), n.Text)
	}
}

// distinct asks that no item of a list comes twice.
func (o on) distinct(n *yamlpos.Node, at path) {
	seen := map[string]bool{}
	for i, item := range items(n) {
		if seen[item.Text] {
			o.report("value/duplicate", at.add(i), "remove it", "%s: %q is in the list already", dotted(at.add(i)), item.Text)
		}
		seen[item.Text] = true
	}
}

func rangeWords(args []string) string {
	switch {
	case len(args) != 2:
		return "that fits"
	case args[0] == args[1]:
		return args[0]
	case args[1] == "-":
		return "from " + args[0] + " up"
	case args[0] == "-":
		return "up to " + args[1]
	}
	return "from " + args[0] + " to " + args[1]
}

// dotted writes a path as people do: spec.ingress[0].action.
func dotted(p path) string {
	var b strings.Builder
	for _, step := range p {
		switch s := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}
