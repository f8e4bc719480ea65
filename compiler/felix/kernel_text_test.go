package felix

import (
	"fmt"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
)

// This file writes policy rules by hand in the forms in which Felix writes them.

func (r *renderer) ipsetText() string {
	var b strings.Builder
	for i := range 3 {
		fmt.Fprintf(&b, "create cali%d0s:%d hash:net family %s\n", r.family, i, map[bool]string{true: "inet", false: "inet6"}[r.v4()])
		fmt.Fprintf(&b, "create cali%d0n:%d hash:ip,port family %s\n", r.family, i, map[bool]string{true: "inet", false: "inet6"}[r.v4()])
	}
	return b.String()
}

func not(is bool) string {
	if is {
		return "! "
	}
	return ""
}

func sideWord(d nf.Dir, src, dst string) string {
	if d == nf.Src {
		return src
	}
	return dst
}

func portsText(ports []resolve.PortRange, sep, to string) string {
	var out []string
	for _, p := range ports {
		one := fmt.Sprint(p.From)
		if p.From != p.To {
			one += to + fmt.Sprint(p.To)
		}
		out = append(out, one)
	}
	return strings.Join(out, sep)
}

// iptablesText writes the chains of the table filter.
func (r *renderer) iptablesText(chains []chain) string {
	var b strings.Builder
	b.WriteString("*filter\n")
	for _, c := range chains {
		fmt.Fprintf(&b, ":%s - [0:0]\n", c.name)
	}
	for _, c := range chains {
		for _, one := range c.rules {
			fmt.Fprintf(&b, "-A %s", c.name)
			for _, m := range one.match {
				b.WriteString(" " + r.iptablesCondText(m))
			}
			b.WriteString(" --jump " + actText(one.act, false) + "\n")
		}
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

func (r *renderer) iptablesCondText(c cond) string {
	switch c := c.(type) {
	case markIs:
		return fmt.Sprintf("-m mark %s--mark %#x/%#x", not(c.not), c.value, c.mask)
	case protoIs:
		return fmt.Sprintf("%s-p %d", not(c.not), c.proto)
	case netIs:
		return not(c.not) + sideWord(c.dir, "--source ", "--destination ") + c.net.String()
	case inSet:
		dirs := sideWord(c.dir, "src", "dst")
		if c.withPort {
			dirs += "," + dirs
		}
		return fmt.Sprintf("-m set %s--match-set %s %s", not(c.not), c.set, dirs)
	case portIn:
		return "-m multiport " + not(c.not) + sideWord(c.dir, "--source-ports ", "--destination-ports ") + portsText(c.ports, ",", ":")
	case icmpIs:
		module := "icmp"
		if !r.v4() {
			module = "icmp6"
		}
		option := map[bool]string{true: "--icmp-type", false: "--icmpv6-type"}[r.v4()]
		return fmt.Sprintf("-m %s %s%s %d", module, not(c.not), option, c.icmp.Type)
	case rateLimit:
		return fmt.Sprintf("-m limit --limit %d/minute --limit-burst %d", c.rate, c.burst)
	}
	return "?"
}

// actText writes the actions of policy rules.
func actText(t nf.Target, nft bool) string {
	switch t := t.(type) {
	case nf.SetMark:
		switch {
		case !nft:
			return fmt.Sprintf("MARK --set-mark %#x/%#x", t.Value, t.Mask)
		case t.Value == t.Mask:
			return fmt.Sprintf("meta mark set mark or %#x", t.Value)
		case t.Value == 0:
			return fmt.Sprintf("meta mark set mark & %#x", ^t.Mask)
		}
		return fmt.Sprintf("meta mark set mark & %#x ^ %#x", ^t.Mask, t.Value)
	case nf.NFLog:
		if nft {
			return fmt.Sprintf("log prefix %q snaplen 80 group %d", t.Prefix, t.Group)
		}
		return fmt.Sprintf("NFLOG --nflog-group %d --nflog-prefix %s --nflog-size 80", t.Group, t.Prefix)
	case nf.Log:
		if nft {
			return fmt.Sprintf("log prefix %q level info", t.Prefix)
		}
		return fmt.Sprintf("LOG --log-prefix %q --log-level 5", t.Prefix)
	}
	word := strings.ToLower(nf.KindName(t))
	if !nft {
		word = strings.ToUpper(word)
	}
	return word
}

// nftText writes a table with the chains and the sets that they use.
func (r *renderer) nftText(chains []chain) string {
	family, addr := "ip", "ipv4_addr"
	if !r.v4() {
		family, addr = "ip6", "ipv6_addr"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table %s calico {\n", family)
	for i := range 3 {
		fmt.Fprintf(&b, "set cali%d0s-%d {\ntype %s\nflags interval\n}\n", r.family, i, addr)
		fmt.Fprintf(&b, "set cali%d0n-%d {\ntype %s . inet_proto . inet_service\n}\n", r.family, i, addr)
	}
	for _, c := range chains {
		fmt.Fprintf(&b, "chain %s {\n", c.name)
		for _, one := range c.rules {
			for _, m := range one.match {
				b.WriteString(r.nftCondText(family, m) + " ")
			}
			b.WriteString("counter " + actText(one.act, true) + "\n")
		}
		b.WriteString("}\n")
	}
	return b.String() + "}\n"
}

func (r *renderer) nftCondText(family string, c cond) string {
	is := func(not bool) string {
		if not {
			return "!= "
		}
		return ""
	}
	switch c := c.(type) {
	case markIs:
		return fmt.Sprintf("meta mark & %#x %s %#x", c.mask, map[bool]string{true: "!=", false: "=="}[c.not], c.value)
	case protoIs:
		return fmt.Sprintf("meta l4proto %s%d", is(c.not), c.proto)
	case netIs:
		return family + sideWord(c.dir, " saddr ", " daddr ") + is(c.not) + c.net.String()
	case inSet:
		key := family + sideWord(c.dir, " saddr ", " daddr ")
		if c.withPort {
			key += ". meta l4proto . th " + sideWord(c.dir, "sport ", "dport ")
		}
		return key + is(c.not) + "@" + c.set
	case portIn:
		return strings.ToLower(c.proto.String()) + sideWord(c.dir, " sport ", " dport ") + is(c.not) + "{ " + portsText(c.ports, ", ", "-") + " }"
	case icmpIs:
		name := map[bool]string{true: "icmp", false: "icmpv6"}[r.v4()]
		return fmt.Sprintf("%s type %s%d", name, is(c.not), c.icmp.Type)
	case rateLimit:
		return fmt.Sprintf("limit rate %d/minute burst %d packets", c.rate, c.burst)
	}
	return "?"
}
