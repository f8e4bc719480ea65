package nftables

import (
	"fmt"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

var natWords = map[nf.NATKind]string{nf.DNAT: "dnat", nf.SNAT: "snat", nf.Masquerade: "masquerade", nf.Redirect: "redirect"}

// natText writes a translation.
func natText(n nf.NAT, fam nf.Family) (string, error) {
	s := natWords[n.Kind]
	needs := n.Kind == nf.DNAT || n.Kind == nf.SNAT
	if s == "" || n.Map == nil && needs && !n.Addr.IsValid() && n.Port == 0 || !needs && n.Addr.IsValid() {
		return "", fmt.Errorf("nftables: translation %+v has no spelling in nft", n)
	}
	to, pf, err := natTarget(n, fam)
	if err != nil {
		return "", err
	}
	if pf != 0 && (familyOf(fam) == 0 || n.Map != nil && len(n.Map.Type) > 1) {
		s += map[packet.Family]string{packet.IPv4: " ip", packet.IPv6: " ip6"}[pf]
	}
	if to != "" {
		s += " to " + to
	}
	return s + natFlags(n), nil
}

// natTarget writes what stands behind "to", and says of which family it is.
func natTarget(n nf.NAT, fam nf.Family) (string, packet.Family, error) {
	if n.Map != nil {
		return natMapText(n.Map, fam)
	}
	pf := familyHint(n.Addr)
	to := ""
	if n.Addr.IsValid() {
		if err := checkDatum(nf.Datum{Addr: n.Addr, AddrTo: n.AddrTo}, vAddr); err != nil {
			return "", 0, err
		}
		to = addrText(nf.Datum{Addr: n.Addr, AddrTo: n.AddrTo})
		if pf == packet.IPv6 && n.Port != 0 {
			to = "[" + n.Addr.String() + "]"
			if n.AddrTo != n.Addr {
				to += "-[" + n.AddrTo.String() + "]"
			}
		}
	}
	if n.Port == 0 {
		return to, pf, nil
	}
	if n.PortTo != n.Port {
		return fmt.Sprintf("%s:%d-%d", to, n.Port, n.PortTo), pf, nil
	}
	return fmt.Sprintf("%s:%d", to, n.Port), pf, nil
}

func natMapText(m *nf.MapLookup, fam nf.Family) (string, packet.Family, error) {
	var first []nf.Datum
	if len(m.Elements) > 0 {
		first = m.Elements[0].Key
	}
	key, err := keysText(m.Key, fam, first)
	if err != nil {
		return "", 0, err
	}
	pf := packet.Family(0)
	if len(m.Type) > 0 {
		pf = dataTypes[m.Type[0]].fam
	}
	if m.Set != "" {
		s, err := nameText(key+" map @", string(m.Set))
		return s, pf, err
	}
	elems, err := elementsText(m.Elements, keyTypes(m.Key), setValueTypes(m.Type), ", ")
	return key + " map " + elems, pf, err
}

func natFlags(n nf.NAT) string {
	s := ""
	for _, f := range []struct {
		on   bool
		name string
	}{{n.Random, "random"}, {n.FullyRandom, "fully-random"}, {n.Persistent, "persistent"}} {
		switch {
		case !f.on:
		case s == "":
			s = " " + f.name
		default:
			s += "," + f.name
		}
	}
	return s
}
