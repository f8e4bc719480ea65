package resolve

import (
	"cmp"
	"fmt"
	"math"
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
// (felix/config: defaults, the FelixConfiguration "default", one with a node
// selector, the one of the node, the environment), and reports values that Felix
// refuses, sorted by name. Empty values count as not given. A value that another
// source hides is refused too if Felix does not start with it. Parameters that
// decide no rules are left alone.
func ParseSettings(sources ...Config) (Settings, []ConfigProblem) {
	merged := Config{}
	var problems []ConfigProblem
	for _, src := range sources {
		for k, v := range src {
			name := strings.ToLower(k)
			if v == "" {
				continue
			}
			if old, hidden := merged[name]; hidden {
				problems = append(problems, fatalOnly(params[name].try(name, old))...)
			}
			merged[name] = v
		}
	}
	s := DefaultSettings()
	s.NFTables = strings.EqualFold(merged["nftablesmode"], "Enabled")
	s.NFTablesAuto = !slices.ContainsFunc([]string{"Enabled", "Disabled", "none"}, func(m string) bool {
		return strings.EqualFold(m, merged["nftablesmode"])
	})
	s.SuppressOverlaps = !strings.EqualFold(merged["nftablesmode"], "Disabled")
	for name, value := range merged {
		p := params[name]
		into := &s
		if p.nftables != nil && *p.nftables != s.NFTables {
			other := DefaultSettings()
			into = &other
		}
		problems = append(problems, p.apply(into, name, value)...)
	}
	slices.SortFunc(problems, func(a, b ConfigProblem) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	s.OpenStack = openStackActive(&s, merged["clustertype"])
	return s, slices.Compact(problems)
}

// openStackActive is felix/config's guess whether the node serves OpenStack.
func openStackActive(s *Settings, clusterType string) bool {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return strings.Contains(strings.ToLower(clusterType), "openstack") ||
		s.OpenStackMetaIP.IsValid() && s.OpenStackMetaIP != loopback ||
		s.OpenStackMetaPort != 0 && s.OpenStackMetaPort != 8775 ||
		slices.Contains(s.InterfacePrefixes, "tap")
}

func fatalOnly(in []ConfigProblem) []ConfigProblem {
	return slices.DeleteFunc(in, func(p ConfigProblem) bool { return !p.Fatal })
}

// param reads one parameter; set returns what was wanted instead, or "".
type param struct {
	set   func(*Settings, string) string
	fatal bool
	// none puts the zero value that "none" stands for; without it Felix does not
	// start with "none".
	none func(*Settings)
	// nftables limits the parameter to one of the two dataplanes.
	nftables *bool
}

// apply sets the parameter, or says what is wrong with the value.
func (p param) apply(s *Settings, name, value string) []ConfigProblem {
	if p.set == nil {
		return nil
	}
	if strings.EqualFold(value, "none") {
		if p.none == nil {
			return []ConfigProblem{{Name: name, Value: value, Want: "possible for a parameter that must have a value", Fatal: true}}
		}
		p.none(s)
		return nil
	}
	if want := p.set(s, value); want != "" {
		return []ConfigProblem{{Name: name, Value: value, Want: want, Fatal: p.fatal}}
	}
	return nil
}

// try is apply for a value that does not come into force.
func (p param) try(name, value string) []ConfigProblem {
	s := DefaultSettings()
	return p.apply(&s, name, value)
}

var (
	yes, no    = true, false
	inNFTables = &yes
	inXTables  = &no
)

func flag(field func(*Settings) *bool) param {
	return param{none: func(s *Settings) { *field(s) = false }, set: func(s *Settings, v string) string {
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
	var zero T
	return param{none: func(s *Settings) { *field(s) = zero }, set: func(s *Settings, v string) string {
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
	return param{none: func(s *Settings) { *field(s) = "" }, set: func(s *Settings, v string) string { *field(s) = v; return "" }}
}

var ifaceName = regexp.MustCompile(`^[a-zA-Z0-9:._+-]{1,15}$`)

// iface makes a parameter that is an interface's name, perhaps with a + at its
// end.
func iface(field func(*Settings) *string) param {
	return param{none: func(s *Settings) { *field(s) = "" }, set: func(s *Settings, v string) string {
		if !ifaceName.MatchString(v) {
			return "the name of an interface"
		}
		*field(s) = v
		return ""
	}}
}

// integer makes a parameter that is a number as Go writes one, at most 65535 if
// Felix says so or makes a port of it.
func integer[T uint16 | uint32 | int](field func(*Settings) *T, least, most int64) param {
	return param{none: func(s *Settings) { *field(s) = 0 }, set: func(s *Settings, v string) string {
		n, err := strconv.ParseInt(v, 0, 64)
		if err != nil || n < least || n > most {
			return fmt.Sprintf("a number from %d to %d", least, most)
		}
		*field(s) = T(n)
		return ""
	}}
}

func port(field func(*Settings) *uint16) param { return integer(field, 0, 65535) }

func addr(field func(*Settings) *netip.Addr, family packet.Family) param {
	return param{none: func(s *Settings) { *field(s) = netip.Addr{} }, set: func(s *Settings, v string) string {
		a, err := netip.ParseAddr(v)
		if err != nil || packet.FamilyOf(a) != family {
			return "an " + family.String() + " address"
		}
		*field(s) = a
		return ""
	}}
}

func (p param) dies() param               { p.fatal = true; return p }
func (p param) always() param             { p.none = nil; return p }
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
	return choice(field, map[string]bool{"Accept": false, "Return": true}).dies().always()
}

func denyAction(field func(*Settings) *bool) param {
	return choice(field, map[string]bool{"Drop": false, "Reject": true}).dies().always()
}

// params are the parameters that decide rules, by lower-case name.
var params = map[string]param{
	"nftablesmode":                       choice(func(s *Settings) *bool { return &s.NFTables }, map[string]bool{"Enabled": true, "Disabled": false, "Auto": false}),
	"iptablesbackend":                    choice(func(s *Settings) *bool { return &s.IptablesNFT }, map[string]bool{"nft": true, "legacy": false, "auto": false}),
	"bpfenabled":                         flag(func(s *Settings) *bool { return &s.BPF }),
	"ipv6support":                        flag(func(s *Settings) *bool { return &s.IPv6 }),
	"openstackregion":                    {set: checkRegion, fatal: true, none: func(*Settings) {}},
	"interfaceprefix":                    {set: setInterfacePrefix, fatal: true},
	"interfaceexclude":                   {set: setInterfaceExclude, none: func(s *Settings) { s.InterfaceExclude = nil }},
	"chaininsertmode":                    choice(func(s *Settings) *bool { return &s.ChainInsertAppend }, map[string]bool{"Insert": false, "Append": true}).dies().always(),
	"defaultendpointtohostaction":        choice(func(s *Settings) *HostAction { return &s.EndpointToHost }, map[string]HostAction{"Drop": HostDrop, "Return": HostReturn, "Accept": HostAccept}).dies().always(),
	"iptablesfilterallowaction":          allowAction(func(s *Settings) *bool { return &s.FilterAllowReturn }).only(inXTables),
	"iptablesmangleallowaction":          allowAction(func(s *Settings) *bool { return &s.MangleAllowReturn }).only(inXTables),
	"iptablesfilterdenyaction":           denyAction(func(s *Settings) *bool { return &s.DenyReject }).only(inXTables),
	"nftablesfilterallowaction":          allowAction(func(s *Settings) *bool { return &s.FilterAllowReturn }).only(inNFTables),
	"nftablesmangleallowaction":          allowAction(func(s *Settings) *bool { return &s.MangleAllowReturn }).only(inNFTables),
	"nftablesfilterdenyaction":           denyAction(func(s *Settings) *bool { return &s.DenyReject }).only(inNFTables),
	"iptablesmarkmask":                   param{set: setMarkMask, fatal: true}.only(inXTables),
	"nftablesmarkmask":                   param{set: setMarkMask, fatal: true}.only(inNFTables),
	"logprefix":                          text(func(s *Settings) *string { return &s.LogPrefix }),
	"logactionratelimit":                 {set: setLogRate, none: func(s *Settings) { s.LogRateLimit = "" }},
	"logactionratelimitburst":            integer(func(s *Settings) *int { return &s.LogRateLimitBurst }, 0, math.MaxInt),
	"maxipsetsize":                       integer(func(s *Settings) *uint32 { return &s.MaxIPSetSize }, 0, math.MaxUint32).always(),
	"flowlogsgoldmaneserver":             {set: setGoldmane, none: func(s *Settings) { s.GoldmaneServer = false }},
	"flowlogslocalreporter":              choice(func(s *Settings) *bool { return &s.LocalReporter }, map[string]bool{"Enabled": true, "Disabled": false}),
	"metadataaddr":                       {set: setMetadataAddr, fatal: true, none: func(s *Settings) { s.OpenStackMetaIP = netip.Addr{} }},
	"metadataport":                       port(func(s *Settings) *uint16 { return &s.OpenStackMetaPort }).dies(),
	"featuredetectoverride":              {set: setFeatures, none: func(*Settings) {}},
	"failsafeinboundhostports":           failsafeParam(func(s *Settings) *[]ProtoPort { return &s.FailsafeInbound }),
	"failsafeoutboundhostports":          failsafeParam(func(s *Settings) *[]ProtoPort { return &s.FailsafeOutbound }),
	"disableconntrackinvalidcheck":       flag(func(s *Settings) *bool { return &s.DisableConntrackInvalidCheck }),
	"kubenodeportranges":                 {set: setNodePortRanges, none: func(s *Settings) { s.KubeNodePortRanges = nil }},
	"natportrange":                       {set: setNATPortRange, none: func(s *Settings) { s.NATPortRange = PortRange{} }},
	"natoutgoingaddress":                 addr(func(s *Settings) *netip.Addr { return &s.NATOutgoingAddress }, packet.IPv4),
	"natoutgoingexclusions":              choice(func(s *Settings) *bool { return &s.NATExcludeHosts }, map[string]bool{"IPPoolsOnly": false, "IPPoolsAndHostIPs": true}),
	"iptablesnatoutgoinginterfacefilter": iface(func(s *Settings) *string { return &s.NATOutgoingInterfaceFilter }),
	"ipinipenabled":                      optionalBool(func(s *Settings) **bool { return &s.IPIPConfigured }),
	"ipiniptunneladdr":                   addr(func(s *Settings) *netip.Addr { return &s.IPIPTunnelAddr }, packet.IPv4),
	"ipv4vxlantunneladdr":                addr(func(s *Settings) *netip.Addr { return &s.VXLANTunnelAddr }, packet.IPv4),
	"ipv6vxlantunneladdr":                addr(func(s *Settings) *netip.Addr { return &s.VXLANTunnelAddr6 }, packet.IPv6),
	"vxlanenabled":                       optionalBool(func(s *Settings) **bool { return &s.VXLANConfigured }),
	"vxlanport":                          port(func(s *Settings) *uint16 { return &s.VXLANPort }),
	"vxlanvni":                           integer(func(s *Settings) *uint32 { return &s.VXLANVNI }, 0, 1<<24-1),
	"allowvxlanpacketsfromworkloads":     flag(func(s *Settings) *bool { return &s.AllowVXLANFromWorkloads }),
	"allowipippacketsfromworkloads":      flag(func(s *Settings) *bool { return &s.AllowIPIPFromWorkloads }),
	"wireguardenabled":                   flag(func(s *Settings) *bool { return &s.Wireguard }),
	"wireguardenabledv6":                 flag(func(s *Settings) *bool { return &s.WireguardV6 }),
	"wireguardinterfacename":             iface(func(s *Settings) *string { return &s.WireguardIface }).always(),
	"wireguardinterfacenamev6":           iface(func(s *Settings) *string { return &s.WireguardIfaceV6 }).always(),
	"wireguardlisteningport":             port(func(s *Settings) *uint16 { return &s.WireguardPort }),
	"wireguardlisteningportv6":           port(func(s *Settings) *uint16 { return &s.WireguardPortV6 }),
	"wireguardhostencryptionenabled":     flag(func(s *Settings) *bool { return &s.WireguardEncryptHost }),
	"wireguardroutingrulepriority":       integer(func(s *Settings) *uint32 { return &s.WireguardRulePriority }, 0, math.MaxInt32),
	"routesource":                        choice(func(s *Settings) *bool { return &s.RouteSourceWorkloadIPs }, map[string]bool{"WorkloadIPs": true, "CalicoIPAM": false}),
	"serviceloopprevention":              choice(func(s *Settings) *LoopAction { return &s.ServiceLoop }, map[string]LoopAction{"Drop": LoopDrop, "Reject": LoopReject, "Disabled": LoopDisabled}),
	"floatingips":                        choice(func(s *Settings) *bool { return &s.FloatingIPs }, map[string]bool{"Enabled": true, "Disabled": false}),
	"externalnodescidrlist":              {set: setExternalNodes, fatal: true, none: func(s *Settings) { s.ExternalNodes = nil }},
	"istioambientmode":                   choice(func(s *Settings) *bool { return &s.IstioAmbient }, map[string]bool{"Enabled": true, "Disabled": false}),
	"istiodscpmark":                      {set: setIstioDSCP, none: func(s *Settings) { s.IstioDSCP = 0 }},
	"workloadsourcespoofing":             choice(func(s *Settings) *bool { return &s.SpoofingAllowed }, map[string]bool{"Any": true, "Disabled": false}),
}

// String says what is wrong with the parameter.
func (p ConfigProblem) String() string {
	return fmt.Sprintf("%s: %q is not %s", p.Name, p.Value, p.Want)
}
