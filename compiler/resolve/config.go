package resolve

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"tortie/dataplane/packet"
)

// Config is one source of Felix's configuration: parameter names in lower case,
// as FELIX_… variables have them behind the prefix, to raw values.
type Config map[string]string

// ConfigProblem is a parameter whose value Felix would not take.
type ConfigProblem struct {
	Name, Value, Want string
	// Fatal says that Felix does not start with such a value (die-on-fail); else
	// it logs and takes the default.
	Fatal bool
}

// EnvConfig takes Felix's parameters out of environment variables: the names
// that begin with FELIX_ in any case.
func EnvConfig(env map[string]string) Config {
	c := Config{}
	for k, v := range env {
		if name, ok := strings.CutPrefix(strings.ToLower(k), "felix_"); ok {
			c[name] = v
		}
	}
	return c
}

// ParseSettings merges the sources over Felix's defaults, later sources winning
// (felix/config: defaults, the FelixConfiguration "default", the one of the node,
// the environment), and reports values that Felix refuses, sorted by name.
// Parameters that decide no rules are left alone.
func ParseSettings(sources ...Config) (Settings, []ConfigProblem) {
	merged := Config{}
	for _, src := range sources {
		for k, v := range src {
			merged[canonicalParam(k)] = v
		}
	}
	names := make([]string, 0, len(merged))
	for k := range merged {
		names = append(names, k)
	}
	sort.Strings(names)

	s := DefaultSettings()
	s.NFTables = strings.EqualFold(merged["nftablesmode"], "Enabled")
	s.SuppressOverlaps = !strings.EqualFold(merged["nftablesmode"], "Disabled")
	var problems []ConfigProblem
	for _, name := range names {
		p, ok := params[name]
		if !ok || p.nftables != nil && *p.nftables != s.NFTables {
			continue
		}
		if want := p.set(&s, merged[name]); want != "" {
			problems = append(problems, ConfigProblem{Name: name, Value: merged[name], Want: want, Fatal: p.fatal})
		}
	}
	return s, problems
}

// canonicalParam gives the parameters that have two names one.
func canonicalParam(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "ipipenabled":
		return "ipinipenabled"
	case "ipiptunneladdr":
		return "ipiniptunneladdr"
	}
	return name
}

// param reads one parameter; set returns what was wanted instead, or "".
type param struct {
	set   func(*Settings, string) string
	fatal bool
	// nftables limits the parameter to one of the two dataplanes.
	nftables *bool
}

var (
	yes, no    = true, false
	inNFTables = &yes
	inXTables  = &no
)

func flag(field func(*Settings) *bool) param {
	return param{set: func(s *Settings, v string) string {
		b, ok := parseBool(v)
		if !ok {
			return "true or false"
		}
		*field(s) = b
		return ""
	}}
}

// choice makes a parameter of named values; names compare without case.
func choice[T any](field func(*Settings) *T, values map[string]T) param {
	return param{set: func(s *Settings, v string) string {
		for name, value := range values {
			if strings.EqualFold(name, v) {
				*field(s) = value
				return ""
			}
		}
		names := make([]string, 0, len(values))
		for name := range values {
			names = append(names, name)
		}
		sort.Strings(names)
		return strings.Join(names, " or ")
	}}
}

func text(field func(*Settings) *string) param {
	return param{set: func(s *Settings, v string) string { *field(s) = v; return "" }}
}

func port(field func(*Settings) *uint16) param {
	return param{set: func(s *Settings, v string) string {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			return "a port"
		}
		*field(s) = uint16(n)
		return ""
	}}
}

func addr(field func(*Settings) *netip.Addr, family packet.Family) param {
	return param{set: func(s *Settings, v string) string {
		if v == "" {
			*field(s) = netip.Addr{}
			return ""
		}
		a, err := netip.ParseAddr(v)
		if err != nil || packet.FamilyOf(a) != family {
			return "an " + family.String() + " address"
		}
		*field(s) = a
		return ""
	}}
}

func (p param) dies() param               { p.fatal = true; return p }
func (p param) only(nftables *bool) param { p.nftables = nftables; return p }

func parseBool(v string) (value, ok bool) {
	switch strings.ToLower(v) {
	case "true", "1", "yes", "y", "t":
		return true, true
	case "false", "0", "no", "n", "f":
		return false, true
	}
	return false, false
}

func allowAction(field func(*Settings) *bool) param {
	return choice(field, map[string]bool{"Accept": false, "Return": true}).dies()
}

func denyAction(field func(*Settings) *bool) param {
	return choice(field, map[string]bool{"Drop": false, "Reject": true}).dies()
}

// params are the parameters that decide rules, by lower-case name.
var params = map[string]param{
	"nftablesmode":                       choice(func(s *Settings) *bool { return &s.NFTables }, map[string]bool{"Enabled": true, "Disabled": false, "Auto": false}),
	"iptablesbackend":                    choice(func(s *Settings) *bool { return &s.IptablesNFT }, map[string]bool{"nft": true, "legacy": false, "auto": false}),
	"bpfenabled":                         flag(func(s *Settings) *bool { return &s.BPF }),
	"ipv6support":                        flag(func(s *Settings) *bool { return &s.IPv6 }),
	"interfaceprefix":                    {set: setInterfacePrefix, fatal: true},
	"interfaceexclude":                   {set: setInterfaceExclude},
	"chaininsertmode":                    choice(func(s *Settings) *bool { return &s.ChainInsertAppend }, map[string]bool{"Insert": false, "Append": true}).dies(),
	"defaultendpointtohostaction":        choice(func(s *Settings) *HostAction { return &s.EndpointToHost }, map[string]HostAction{"Drop": HostDrop, "Return": HostReturn, "Accept": HostAccept}).dies(),
	"iptablesfilterallowaction":          allowAction(func(s *Settings) *bool { return &s.FilterAllowReturn }).only(inXTables),
	"iptablesmangleallowaction":          allowAction(func(s *Settings) *bool { return &s.MangleAllowReturn }).only(inXTables),
	"iptablesfilterdenyaction":           denyAction(func(s *Settings) *bool { return &s.DenyReject }).only(inXTables),
	"nftablesfilterallowaction":          allowAction(func(s *Settings) *bool { return &s.FilterAllowReturn }).only(inNFTables),
	"nftablesmangleallowaction":          allowAction(func(s *Settings) *bool { return &s.MangleAllowReturn }).only(inNFTables),
	"nftablesfilterdenyaction":           denyAction(func(s *Settings) *bool { return &s.DenyReject }).only(inNFTables),
	"iptablesmarkmask":                   param{set: setMarkMask, fatal: true}.only(inXTables),
	"nftablesmarkmask":                   param{set: setMarkMask, fatal: true}.only(inNFTables),
	"logprefix":                          text(func(s *Settings) *string { return &s.LogPrefix }),
	"logactionratelimit":                 {set: setLogRate},
	"logactionratelimitburst":            {set: setLogBurst},
	"failsafeinboundhostports":           {set: failsafeParam(func(s *Settings) *[]ProtoPort { return &s.FailsafeInbound }), fatal: true},
	"failsafeoutboundhostports":          {set: failsafeParam(func(s *Settings) *[]ProtoPort { return &s.FailsafeOutbound }), fatal: true},
	"disableconntrackinvalidcheck":       flag(func(s *Settings) *bool { return &s.DisableConntrackInvalidCheck }),
	"kubenodeportranges":                 {set: setNodePortRanges},
	"natportrange":                       {set: setNATPortRange},
	"natoutgoingaddress":                 addr(func(s *Settings) *netip.Addr { return &s.NATOutgoingAddress }, packet.IPv4),
	"natoutgoingexclusions":              choice(func(s *Settings) *bool { return &s.NATExcludeHosts }, map[string]bool{"IPPoolsOnly": false, "IPPoolsAndHostIPs": true}),
	"iptablesnatoutgoinginterfacefilter": text(func(s *Settings) *string { return &s.NATOutgoingInterfaceFilter }),
	"ipinipenabled":                      {set: optionalBool(func(s *Settings) **bool { return &s.IPIPConfigured })},
	"ipiniptunneladdr":                   addr(func(s *Settings) *netip.Addr { return &s.IPIPTunnelAddr }, packet.IPv4),
	"ipv4vxlantunneladdr":                addr(func(s *Settings) *netip.Addr { return &s.VXLANTunnelAddr }, packet.IPv4),
	"ipv6vxlantunneladdr":                addr(func(s *Settings) *netip.Addr { return &s.VXLANTunnelAddr6 }, packet.IPv6),
	"vxlanenabled":                       {set: optionalBool(func(s *Settings) **bool { return &s.VXLANConfigured })},
	"vxlanport":                          port(func(s *Settings) *uint16 { return &s.VXLANPort }),
	"allowvxlanpacketsfromworkloads":     flag(func(s *Settings) *bool { return &s.AllowVXLANFromWorkloads }),
	"allowipippacketsfromworkloads":      flag(func(s *Settings) *bool { return &s.AllowIPIPFromWorkloads }),
	"wireguardenabled":                   flag(func(s *Settings) *bool { return &s.Wireguard }),
	"wireguardenabledv6":                 flag(func(s *Settings) *bool { return &s.WireguardV6 }),
	"wireguardinterfacename":             text(func(s *Settings) *string { return &s.WireguardIface }),
	"wireguardinterfacenamev6":           text(func(s *Settings) *string { return &s.WireguardIfaceV6 }),
	"wireguardlisteningport":             port(func(s *Settings) *uint16 { return &s.WireguardPort }),
	"wireguardlisteningportv6":           port(func(s *Settings) *uint16 { return &s.WireguardPortV6 }),
	"wireguardhostencryptionenabled":     flag(func(s *Settings) *bool { return &s.WireguardEncryptHost }),
	"routesource":                        choice(func(s *Settings) *bool { return &s.RouteSourceWorkloadIPs }, map[string]bool{"WorkloadIPs": true, "CalicoIPAM": false}),
	"serviceloopprevention":              choice(func(s *Settings) *LoopAction { return &s.ServiceLoop }, map[string]LoopAction{"Drop": LoopDrop, "Reject": LoopReject, "Disabled": LoopDisabled}),
	"floatingips":                        choice(func(s *Settings) *bool { return &s.FloatingIPs }, map[string]bool{"Enabled": true, "Disabled": false}),
	"externalnodescidrlist":              {set: setExternalNodes, fatal: true},
	"istioambientmode":                   choice(func(s *Settings) *bool { return &s.IstioAmbient }, map[string]bool{"Enabled": true, "Disabled": false}),
	"istiodscpmark":                      {set: setIstioDSCP},
	"workloadsourcespoofing":             choice(func(s *Settings) *bool { return &s.SpoofingAllowed }, map[string]bool{"Any": true, "Disabled": false}),
}

func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func setInterfacePrefix(s *Settings, v string) string {
	list := splitList(v)
	if len(list) == 0 {
		return "a list of interface prefixes"
	}
	s.InterfacePrefixes = list
	s.OpenStack = slices.Contains(list, "tap") // felix/config OpenstackActive
	return ""
}

// setInterfaceExclude: "/…/" is a regular expression, anything else a name
// (felix/config/param_types.go, RegexpPatternListParam).
func setInterfaceExclude(s *Settings, v string) string {
	var patterns []string
	for _, item := range splitList(v) {
		pattern := "^" + regexp.QuoteMeta(item) + "$"
		if len(item) > 1 && strings.HasPrefix(item, "/") && strings.HasSuffix(item, "/") {
			pattern = item[1 : len(item)-1]
		}
		if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
			return "a list of interface names and /regular expressions/"
		}
		patterns = append(patterns, pattern)
	}
	s.InterfaceExclude = patterns
	return ""
}

func setMarkMask(s *Settings, v string) string {
	n, err := strconv.ParseUint(v, 0, 32)
	if err != nil || n == 0 {
		return "a mask of mark bits such as 0xffff0000"
	}
	s.MarkMask = uint32(n)
	return ""
}

var logRate = regexp.MustCompile(`^[0-9]{1,4}/(second|minute|hour|day)$`)

func setLogRate(s *Settings, v string) string {
	if v != "" && !logRate.MatchString(v) {
		return `a rate such as "10/second"`
	}
	s.LogRateLimit = v
	return ""
}

func setLogBurst(s *Settings, v string) string {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 9999 {
		return "a number from 0 to 9999"
	}
	s.LogRateLimitBurst = n
	return ""
}

func failsafeParam(field func(*Settings) *[]ProtoPort) func(*Settings, string) string {
	return func(s *Settings, v string) string {
		if strings.EqualFold(v, "none") || v == "" || v == "[]" {
			*field(s) = nil
			return ""
		}
		var list []ProtoPort
		for _, item := range splitList(v) {
			p, ok := parseFailsafe(item)
			if !ok {
				return `a list of ports such as "tcp:22" or "tcp:10.0.0.0/8:22" (tcp or udp)`
			}
			list = append(list, p)
		}
		*field(s) = list
		return ""
	}
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
		net := strings.Trim(rest[:i], "[]")
		p, err := netip.ParsePrefix(net)
		if err != nil {
			return pp, false
		}
		pp.Net, rest = p.Masked(), rest[i+1:]
	}
	n, err := strconv.ParseUint(rest, 10, 16)
	pp.Port = uint16(n)
	return pp, err == nil
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
	if v == "" {
		s.NATPortRange = PortRange{}
		return ""
	}
	r, ok := parsePortRange(v)
	if !ok {
		return `a range such as "32768:65535"`
	}
	s.NATPortRange = r
	return ""
}

func optionalBool(field func(*Settings) **bool) func(*Settings, string) string {
	return func(s *Settings, v string) string {
		b, ok := parseBool(v)
		if !ok {
			return "true or false"
		}
		*field(s) = &b
		return ""
	}
}

func setIstioDSCP(s *Settings, v string) string {
	n, err := strconv.ParseUint(v, 10, 8)
	if err != nil || n > 63 {
		return "a DSCP from 0 to 63"
	}
	s.IstioDSCP = uint8(n)
	return ""
}

func setExternalNodes(s *Settings, v string) string {
	var nets []netip.Prefix
	for _, item := range splitList(v) {
		p, err := netip.ParsePrefix(item)
		if a, aerr := netip.ParseAddr(item); err != nil && aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return "a list of CIDRs"
		}
		nets = append(nets, p.Masked())
	}
	s.ExternalNodes = nets
	return ""
}

// String says what is wrong with the parameter.
func (p ConfigProblem) String() string {
	return fmt.Sprintf("%s: %q is not %s", p.Name, p.Value, p.Want)
}
