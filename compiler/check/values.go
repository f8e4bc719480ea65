package check

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
)

// choices are the values of the validator's tags that name a set of words.
var choices = map[string][]string{
	"action":                    {"Allow", "Deny", "Log", "Pass"},
	"policyType":                {"Ingress", "Egress"},
	"ipVersion":                 {"4", "6"},
	"ipIpMode":                  {"Always", "CrossSubnet", "Never"},
	"vxlanMode":                 {"Always", "CrossSubnet", "Never"},
	"assignmentMode":            {"Automatic", "Manual"},
	"assignIPs":                 {"AllServices", "RequestedServicesOnly"},
	"stagedAction":              {"Set", "Delete", "Learn", "Ignore"},
	"logLevel":                  {"Trace", "Debug", "Info", "Warning", "Error", "Fatal"},
	"bpfLogLevel":               {"Debug", "Info", "Off"},
	"bpfServiceMode":            {"Tunnel", "DSR"},
	"dropAcceptReturn":          {"Drop", "Accept", "Return"},
	"acceptReturn":              {"Accept", "Return"},
	"dropReject":                {"Drop", "Reject"},
	"iptablesBackend":           {"Legacy", "NFT", "Auto"},
	"routeSource":               {"WorkloadIPs", "CalicoIPAM"},
	"sourceAddress":             {"UseNodeIP", "None"},
	"filterAction":              {"Accept", "Reject"},
	"matchOperator":             {"Equal", "In", "NotEqual", "NotIn"},
	"createDefaultHostEndpoint": {"Enabled", "Disabled"},
}

// formats are the validator's tags that ask for a form of text.
var formats = map[string]struct {
	re   *regexp.Regexp
	hint string
}{
	"interface":          {regexp.MustCompile(`^(\*|[a-zA-Z0-9_.-]{1,15})$`), "an interface name has at most 15 characters of letters, digits, '_', '.', '-'; or is *"},
	"bgpFilterInterface": {regexp.MustCompile(`^[a-zA-Z0-9_.*-]{1,15}$`), "an interface pattern has at most 15 characters of letters, digits, '_', '.', '-', '*'"},
	"ignoredInterface":   {regexp.MustCompile(`^([a-zA-Z0-9_.-][a-zA-Z0-9_.*-]{0,14}|\*[a-zA-Z0-9_.*-]{1,14})$`), "an interface pattern has at most 15 characters of letters, digits, '_', '.', '-', '*', and is not just *"},
	"ifaceFilter":        {regexp.MustCompile(`^[a-zA-Z0-9:._+-]{1,15}$`), "an interface filter has at most 15 characters of letters, digits, ':', '.', '_', '+', '-'"},
	"prometheusHost":     {regexp.MustCompile(`^[a-zA-Z0-9:._+-]{1,64}$`), "write an address or host name of at most 64 characters"},
	"name":               {nameForm, "a name has lower case letters, digits, '-' and '.'"},
	"keyValueList":       {regexp.MustCompile(`^\s*$|^(\s*\w+=[^,]*)?(,(\s*\w+=[^,]*)?)*$`), "write KEY=VALUE,KEY=VALUE"},
}

// tag checks a value by one word of a validate tag.
func (o on) tag(verb string, n *yamlpos.Node, at path) {
	verb, arg, _ := strings.Cut(verb, "=")
	text := ""
	if n != nil {
		text = n.Text
	}
	if c, ok := choices[verb]; ok {
		o.oneOf(text, c, n, at)
		return
	}
	if f, ok := formats[verb]; ok {
		if !f.re.MatchString(text) {
			o.malformed("value/format", n, at, f.hint)
		}
		return
	}
	switch verb {
	case "oneof":
		o.oneOf(text, strings.Fields(arg), n, at)
	case "required":
		o.report("value/missing", at, "give it a value", "%s is required", dotted(at))
	case "unique":
		o.distinct(n, at)
	case "gt", "gte", "lt", "lte":
		o.compare(verb, arg, text, n, at)
	case "selector":
		o.selectorText(at)
	default:
		o.tagText(verb, text, n, at)
	}
}

// tagText checks the tags about names, addresses and networks.
func (o on) tagText(verb, text string, n *yamlpos.Node, at path) {
	switch verb {
	case "net", "netv4", "netv6":
		o.network(text, at, verb, true)
	case "cidr", "cidrv4", "cidrv6":
		o.network(text, at, verb, false)
	case "cidrs":
		for i, item := range items(n) {
			o.network(item.Text, at.add(i), "cidr", false)
		}
	case "ip", "ipv4", "ipv6":
		o.address(text, at, verb)
	case "reachableBy":
		o.address(text, at, "ip")
	case "IP:port":
		o.peerAddress(text, at)
	case "portName":
		if !isPortName(text) {
			o.malformed("value/port-name", n, at, portNameHint)
		}
	case "regexp":
		if _, err := regexp.Compile(text); err != nil {
			o.malformed("value/format", n, at, "write a regular expression of Go's syntax: "+err.Error())
		}
	case "labels":
		o.labelMap(n, at)
	case "ifaceFilterSlice":
		for i, item := range items(n) {
			o.tag("ifaceFilter", item, at.add(i))
		}
	case "bpfLogFilters":
		for _, f := range fields(n) {
			if !formats["interface"].re.MatchString(f.Key) || f.Key == "*" {
				o.report("value/format", at.add(f.Key), formats["interface"].hint, "%s: %q is not an interface name", dotted(at), f.Key)
			}
		}
	}
}

func items(n *yamlpos.Node) []*yamlpos.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

func fields(n *yamlpos.Node) []yamlpos.Field {
	if n == nil {
		return nil
	}
	return n.Fields
}

func (o on) oneOf(text string, words []string, n *yamlpos.Node, at path) {
	switch {
	case slices.Contains(words, text):
	case n == nil:
		o.report("value/missing", at, oneOfHint("", words), "%s is missing", dotted(at))
	default:
		o.report("value/not-one-of", at, oneOfHint(text, words), "%s: %q is not a value of this field", dotted(at), text)
	}
}

func (o on) malformed(code string, n *yamlpos.Node, at path, hint string) {
	if n == nil || n.Text == "" {
		o.report("value/missing", at, hint, "%s is missing", dotted(at))
		return
	}
	o.report(code, at, hint, "%s: %q is not a value of this field", dotted(at), n.Text)
}

// oneOfHint lists what a field may be, or names the one that was meant.
func oneOfHint(text string, words []string) string {
	for _, w := range words {
		if strings.EqualFold(w, text) && w != text {
			return fmt.Sprintf("write %s: the case matters", w)
		}
	}
	if near := yamlpos.Nearest(text, words); near != "" && text != "" {
		return fmt.Sprintf("did you mean %s? (one of %s)", near, strings.Join(words, ", "))
	}
	return "write one of " + strings.Join(words, ", ")
}

func patternHint(pattern string) string {
	word := strings.TrimSuffix(strings.TrimPrefix(pattern, "^(?i)("), ")?$")
	switch {
	case len(word) < len(pattern)-6:
		return "write one of " + strings.ReplaceAll(word, "|", ", ")
	case strings.HasSuffix(pattern, "(ms|s|m|h))*$"):
		return "write a duration of whole numbers, as 90s or 1m30s"
	}
	return "it must match " + pattern
}

func (o on) compare(verb, arg, text string, n *yamlpos.Node, at path) {
	limit, err := strconv.ParseFloat(arg, 64)
	if err != nil {
		return
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && n != nil {
		return
	}
	ok := map[string]bool{"gt": v > limit, "gte": v >= limit, "lt": v < limit, "lte": v <= limit}[verb]
	if !ok {
		word := map[string]string{"gt": "above", "gte": "at least", "lt": "below", "lte": "at most"}[verb]
		o.report("value/range", at, fmt.Sprintf("give a number %s %s", word, arg), "%s: %s is out of range", dotted(at), text)
	}
}

// selectorText reports a selector that does not parse, at the part of its text
// that is wrong.
func (o on) selectorText(at path) {
	_, err := selector.Parse(o.text(at))
	bad, ok := err.(*selector.Error)
	if !ok {
		return
	}
	f := bad.Finding(func(from, to int) diag.Span { return o.src.Text(from, to, at...) })
	f.Code, f.Severity = "selector/syntax", diag.Error
	f.Message = dotted(at) + ": " + f.Message
	if f.Hint == "" {
		f.Hint = "a selector is like app == 'web' && has(tier); tortie explain selector/syntax lists what there is"
	}
	o.add(f, o.text(at))
}

// network checks a network or an address; strict asks that no bits below the
// prefix are set.
func (o on) network(text string, at path, verb string, strict bool) {
	if text == "" && o.node(at) != nil {
		o.report("odd/empty-network", at, "remove it", "%s is empty", dotted(at))
		return
	}
	prefix, host, err := parseNet(text)
	if err != nil {
		o.report("value/net", at, netHint(text), "%s: %q is not a network", dotted(at), text)
		return
	}
	if v4 := prefix.Addr().Is4(); strings.HasSuffix(verb, "v4") && !v4 || strings.HasSuffix(verb, "v6") && v4 {
		o.report("value/family", at, "give a network of IP"+verb[len(verb)-2:], "%s: %s is of the other family", dotted(at), text)
		return
	}
	if strict && host != prefix.Addr() {
		o.report("value/host-bits", at, fmt.Sprintf("write %s", prefix), "%s: %s has bits set beyond its prefix length", dotted(at), text)
	}
}

// parseNet reads a network or a single address as Calico does: the network, and
// the address as written.
func parseNet(text string) (prefix netip.Prefix, host netip.Addr, err error) {
	ip, n, err := net.ParseCIDR(text)
	if err != nil {
		ip = net.ParseIP(text)
		if ip == nil {
			return prefix, host, err
		}
		host, _ = netip.AddrFromSlice(ip)
		host = host.Unmap()
		return netip.PrefixFrom(host, host.BitLen()), host, nil
	}
	host, _ = netip.AddrFromSlice(ip)
	base, _ := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if base.Is4In6() && ones >= 96 {
		return netip.PrefixFrom(base.Unmap(), ones-bits+32), host.Unmap(), nil
	}
	return netip.PrefixFrom(base, ones), host.Unmap(), nil
}

func netHint(text string) string {
	addr, bits, _ := strings.Cut(text, "/")
	ip := net.ParseIP(addr)
	switch {
	case ip == nil && strings.Contains(text, "-"):
		return "ranges are not possible; write networks as 10.0.0.0/8"
	case ip == nil:
		return "write an address and a prefix length, as 10.0.0.0/8 or fd00::/8"
	case bits != "" && ip.To4() != nil:
		return "the prefix length of an IPv4 network is from 0 to 32"
	case bits != "":
		return "the prefix length of an IPv6 network is from 0 to 128"
	}
	return "write an address and a prefix length, as 10.0.0.0/8 or fd00::/8"
}

func (o on) address(text string, at path, verb string) {
	ip := net.ParseIP(text)
	switch {
	case ip == nil:
		hint := "write an address, as 10.0.0.1 or fd00::1"
		if strings.Contains(text, "/") {
			hint = "leave the prefix length out"
		}
		o.report("value/address", at, hint, "%s: %q is not an address", dotted(at), text)
	case verb == "ipv4" && ip.To4() == nil, verb == "ipv6" && ip.To4() != nil:
		o.report("value/family", at, "give an address of IP"+verb[2:], "%s: %s is of the other family", dotted(at), text)
	}
}
