package iptables

import (
	"net/netip"
	"path"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// guessBackend reads the tool's comment: "(nf_tables)" or "iptables-nft-save".
func guessBackend(given nf.Backend, header string) nf.Backend {
	switch {
	case given != 0:
		return given
	case strings.Contains(header, "nf_tables"), strings.Contains(header, "tables-nft-save"):
		return nf.IptablesNFT
	}
	return nf.IptablesLegacy
}

// guessFamily decides a table's family: as given, by an address or an option of
// one family in its rules, by the tool's comment, by the file's name, else IPv4.
func guessFamily(given packet.Family, header string, lines []string, file string) packet.Family {
	if given != 0 {
		return given
	}
	for _, l := range lines {
		if f := lineFamily(l); f != 0 {
			return f
		}
	}
	switch {
	case strings.Contains(header, "ip6tables"):
		return packet.IPv6
	case header == "" && strings.Contains(path.Base(file), "ip6tables"):
		return packet.IPv6
	}
	return packet.IPv4
}

// lineFamily is the family of the first option that belongs to one family only.
func lineFamily(l string) packet.Family {
	if !strings.Contains(l, "-A ") {
		return 0
	}
	toks, _ := tokenize(l, 0)
	for i, t := range toks {
		if t.quoted || i+1 >= len(toks) {
			continue
		}
		switch v := toks[i+1].text; t.text {
		case "-s", "-d":
			s, _, _ := strings.Cut(v, "/")
			if a, err := netip.ParseAddr(s); err == nil {
				return packetFamily(a)
			}
		case "-m":
			switch v {
			case "icmp6":
				return packet.IPv6
			case "icmp":
				return packet.IPv4
			}
		case "--reject-with":
			if strings.HasPrefix(v, "icmp6-") {
				return packet.IPv6
			}
			if strings.HasPrefix(v, "icmp-") {
				return packet.IPv4
			}
		}
	}
	return 0
}

// packetFamily is IPv4 for addresses of 32 bits; one of the form ::ffff:a.b.c.d
// belongs to IPv6 here.
func packetFamily(a netip.Addr) packet.Family {
	if a.Is4() {
		return packet.IPv4
	}
	return packet.IPv6
}
