package resolve

import (
	"math/bits"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"tortie/compiler/calico"
	"tortie/dataplane/packet"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

func splitList(v string) []string { return strings.Split(v, ",") }

var prefixList = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,15}(,[a-zA-Z0-9_-]{1,15})*$`)

func setInterfacePrefix(s *Settings, v string) string {
	if !prefixList.MatchString(v) {
		return "a list of interface prefixes"
	}
	s.InterfacePrefixes = splitList(v)
	return ""
}

var (
	excludePattern = regexp.MustCompile(`^/[^\s]+/$`)
	excludeName    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,15}$`)
)

// setInterfaceExclude: "/…/" is a regular expression, anything else a name
// without dots (felix/config/param_types.go, RegexpPatternListParam).
func setInterfaceExclude(s *Settings, v string) string {
	const want = "a list of interface names and /regular expressions/"
	var patterns []string
	for _, item := range splitList(v) {
		pattern := "^" + regexp.QuoteMeta(item) + "$"
		switch {
		case excludePattern.MatchString(item):
			pattern = item[1 : len(item)-1]
		case !excludeName.MatchString(item):
			return want
		}
		if _, err := regexp.Compile(pattern); err != nil {
			return want
		}
		patterns = append(patterns, pattern)
	}
	s.InterfaceExclude = patterns
	return ""
}

func setMarkMask(s *Settings, v string) string {
	n, err := strconv.ParseUint(v, 0, 32)
	if err != nil || bits.OnesCount64(n) < 2 {
		return "a mask of mark bits such as 0xffff0000"
	}
	s.MarkMask = uint32(n)
	return ""
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// maxRegion leaves room for "openstack-region-" in a label of 63 characters.
const maxRegion = 46

// checkRegion reads openstackRegion, which decides no rules but whether Felix
// starts.
func checkRegion(_ *Settings, v string) string {
	if len(v) > maxRegion || !dnsLabel.MatchString(v) {
		return "a DNS label of at most 46 characters"
	}
	return ""
}

var logRate = regexp.MustCompile(`^[1-9][0-9]{0,3}/(second|minute|hour|day)$`)

func setLogRate(s *Settings, v string) string {
	if !logRate.MatchString(v) {
		return `a rate such as "10/second"`
	}
	s.LogRateLimit = v
	return ""
}

func setGoldmane(s *Settings, _ string) string { s.GoldmaneServer = true; return "" }

var hostName = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// setMetadataAddr takes any host's name, of which only an address is of use.
func setMetadataAddr(s *Settings, v string) string {
	if !hostName.MatchString(v) {
		return "a host's name or address"
	}
	s.OpenStackMetaIP, _ = netip.ParseAddr(v)
	return ""
}

// setFeatures reads the overrides of what Felix found out about the kernel; two
// of them change rules (felix/environment).
func setFeatures(s *Settings, v string) string {
	for _, item := range splitList(v) {
		key, value, found := strings.Cut(item, "=")
		on, err := strconv.ParseBool(value)
		switch {
		case item == "":
		case !found:
			return "a list of NAME=true or false"
		case err != nil:
		case strings.TrimSpace(key) == "MASQFullyRandom":
			s.MasqueradeKeepsPort = !on
		case strings.TrimSpace(key) == "SNATFullyRandom":
			s.SNATKeepsPort = !on
		}
	}
	return ""
}

func failsafeParam(field func(*Settings) *[]ProtoPort) param {
	return param{fatal: true, none: func(s *Settings) { *field(s) = nil }, set: func(s *Settings, v string) string {
		var list []ProtoPort
		for _, item := range splitList(v) {
			item = strings.Trim(item, " ")
			if item == "" {
				continue
			}
			p, ok := parseFailsafe(item)
			if !ok {
				return `a list of ports such as "tcp:22" or "tcp:10.0.0.0/8:22" (tcp or udp)`
			}
			list = append(list, p)
		}
		*field(s) = list
		return ""
	}}
}

// parseFailsafe reads PORT, PROTO:PORT or PROTO:NET:PORT. Felix takes no SCTP
// here (felix/config/param_types.go, PortListParam).
func parseFailsafe(item string) (ProtoPort, bool) {
	pp := ProtoPort{Proto: packet.ProtoTCP}
	proto, rest, found := strings.Cut(item, ":")
	if !found {
		proto, rest = "tcp", item
	}
	switch strings.ToLower(proto) {
	case "tcp":
	case "udp":
		pp.Proto = packet.ProtoUDP
	default:
		return pp, false
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		p, ok := calico.ParseNet(strings.Trim(rest[:i], "[]"))
		if !ok {
			return pp, false
		}
		pp.Net, rest = p, rest[i+1:]
	}
	n, err := strconv.Atoi(rest)
	pp.Port = uint16(n)
	return pp, err == nil && n >= 0 && n <= 65535
}

func parsePortRange(v string) (PortRange, bool) {
	lo, hi, found := strings.Cut(v, ":")
	if !found {
		hi = lo
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	return PortRange{uint16(a), uint16(b)}, err1 == nil && err2 == nil && a <= b
}

func setNodePortRanges(s *Settings, v string) string {
	var ranges []PortRange
	for _, item := range splitList(v) {
		r, ok := parsePortRange(item)
		if !ok {
			return `a list of ports and ranges such as "30000:32767"`
		}
		ranges = append(ranges, r)
	}
	s.KubeNodePortRanges = ranges
	return ""
}

func setNATPortRange(s *Settings, v string) string {
	r, ok := parsePortRange(v)
	if !ok {
		return `a range such as "32768:65535"`
	}
	s.NATPortRange = r
	return ""
}

func optionalBool(field func(*Settings) **bool) param {
	return param{none: func(s *Settings) { *field(s) = nil }, set: func(s *Settings, v string) string {
		b, ok := parseBool(v)
		if !ok {
			return "true or false"
		}
		*field(s) = &b
		return ""
	}}
}

// setIstioDSCP reads a number or one of the standard names ("AF11").
func setIstioDSCP(s *Settings, v string) string {
	if n, err := strconv.ParseUint(v, 10, 6); err == nil {
		s.IstioDSCP = uint8(n)
		return ""
	}
	dscp := numorstring.DSCPFromString(v)
	if dscp.Validate() != nil {
		return "a DSCP from 0 to 63 or its name"
	}
	s.IstioDSCP = dscp.ToUint8()
	return ""
}

func setExternalNodes(s *Settings, v string) string {
	var nets []netip.Prefix
	for _, item := range splitList(v) {
		item = strings.Trim(item, " ")
		if item == "" {
			continue
		}
		p, ok := calico.ParseNet(item)
		if !ok {
			return "a list of CIDRs"
		}
		nets = append(nets, p)
	}
	s.ExternalNodes = nets
	return ""
}
