package dump

import (
	"net/netip"
	"regexp"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// kind is what a piece of a file is a capture of.
type kind struct {
	what    what
	family  packet.Family // iptables, route, rule
	backend nf.Backend    // iptables
}

type what uint8

const (
	whatNone what = iota
	whatIptables
	whatIPSet
	whatNFT
	whatNFTJSON
	whatAddr
	whatRoute
	whatRule
	whatNeigh
	whatSysctl
	whatUname
	whatIPVS
)

var (
	kindNeigh  = kind{what: whatNeigh}
	kindSysctl = kind{what: whatSysctl}
	kindUname  = kind{what: whatUname}
)

// String names the capture as a person would ask for it.
func (k kind) String() string {
	v6 := k.family == packet.IPv6
	switch k.what {
	case whatIptables:
		name := "iptables-save"
		if v6 {
			name = "ip6tables-save"
		}
		return name + " (" + k.backend.String() + ")"
	case whatIPSet:
		return "ipset save"
	case whatNFT, whatNFTJSON:
		return "nft list ruleset"
	case whatAddr:
		return "ip addr"
	case whatRoute:
		return "ip route (" + k.family.String() + ")"
	case whatRule:
		return "ip rule (" + k.family.String() + ")"
	case whatNeigh:
		return "ip neigh"
	case whatSysctl:
		return "sysctl"
	case whatIPVS:
		return "ipvsadm -S -n"
	}
	return "uname"
}

// section is a run of lines of one file that are one capture. The lines of other
// captures in the file are blank in text, so that line numbers stay true.
type section struct {
	kind
	file  string
	first int // number of the first line
	lines []line
}

// line is a line of a file, or one made of a JSON object: made is then the column
// of the object, and 0 for lines of text.
type line struct {
	no   int
	text string
	made int
}

// text returns the section with empty lines for everything around it.
func (s section) text() string {
	var b strings.Builder
	at := 1
	for _, l := range s.lines {
		for ; at < l.no; at++ {
			b.WriteByte('\n')
		}
		b.WriteString(l.text)
		b.WriteByte('\n')
		at++
	}
	return b.String()
}

var (
	reGenerated = regexp.MustCompile(`^# (Generated|Completed) (by|on) ?(ip6?tables)?(-\w+)?(-save)?`)
	reTable     = regexp.MustCompile(`^\*(raw|mangle|nat|filter|security)\s*$`)
	reCreate    = regexp.MustCompile(`^(create|add) \S+ \S+`)
	reNFT       = regexp.MustCompile(`^\s*table (ip|ip6|inet|arp|bridge|netdev) \S+ \{`)
	reManaged   = regexp.MustCompile(`^# Warning: table \S+ \S+ is managed by iptables-nft`)
	reAddr      = regexp.MustCompile(`^\d+: \S+: <[^>]*>`)
	reRule      = regexp.MustCompile(`^\d+:\s+(not )?(from|to|iif|oif|fwmark|lookup|ipproto|all)\b`)
	reSysctl    = regexp.MustCompile(`^(/proc/sys/[^=\s]+|(net|kernel|vm|fs|user|dev|abi|debug|crypto)[./][^=\s]+)\s*=`)
	reIPVS      = regexp.MustCompile(`^-[Aa] (-t|-u|-f|--sctp-service) \S+`)
	reUname     = regexp.MustCompile(`^Linux \S+ (\d+\.\d+\S*) `)
	reFDB       = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5} dev \S+`)
	reNeigh     = regexp.MustCompile(` dev \S+.*( lladdr | FAILED\s*$| INCOMPLETE\s*$| NOARP\s*$| PERMANENT\s*$| proxy\s*$)`)
)

// routeTypes are the words with which ip route begins a line.
var routeTypes = []string{"unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "default"}

// classify says what a line begins, or whatNone.
func classify(text string) what {
	switch {
	case reIPVS.MatchString(text):
		return whatIPVS
	case reGenerated.MatchString(text), reTable.MatchString(text):
		return whatIptables
	case reNFT.MatchString(text), reManaged.MatchString(text):
		return whatNFT
	case reCreate.MatchString(text):
		return whatIPSet
	case reAddr.MatchString(text):
		return whatAddr
	case reRule.MatchString(text):
		return whatRule
	case reSysctl.MatchString(text):
		return whatSysctl
	case reUname.MatchString(text):
		return whatUname
	case reFDB.MatchString(text), isPrefixWord(text) && reNeigh.MatchString(text):
		return whatNeigh
	case isRoute(text):
		return whatRoute
	}
	return whatNone
}

func isRoute(text string) bool {
	first, rest, _ := strings.Cut(text, " ")
	for _, t := range routeTypes {
		if first == t {
			return t == "default" && rest != "" || isPrefixWord(rest) || strings.HasPrefix(rest, "default")
		}
	}
	return isPrefixWord(text)
}

// isPrefixWord reports whether the first word of text is an address or a prefix.
func isPrefixWord(text string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	if _, err := netip.ParseAddr(first); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(first)
	return err == nil
}

// split cuts a file into its captures. A file whose first words are not known
// is no capture at all.
func split(f File, findings *diag.List) []section {
	if s, ok := jsonSections(f, findings); ok {
		return s
	}
	c := cutter{file: f.Name, six: reRule6.MatchString(f.Text)}
	for i, text := range strings.Split(f.Text, "\n") {
		text = strings.TrimSuffix(text, "\r")
		if !c.line(line{no: i + 1, text: text}) {
			return nil
		}
	}
	*findings = append(*findings, c.findings...)
	return c.sections
}
