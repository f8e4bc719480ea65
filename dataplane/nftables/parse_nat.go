package nftables

import (
	"net/netip"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// parseNAT reads what stands behind dnat, snat, masquerade or redirect.
func parseNAT(c *cursor, fam nf.Family, kind nf.NATKind) (nf.Stmt, error) {
	n := nf.NAT{Kind: kind}
	pf := packet.Family(0)
	switch {
	case c.accept("ip"):
		pf = packet.IPv4
	case c.accept("ip6"):
		pf = packet.IPv6
	}
	switch c.peek().text {
	case "prefix", "interval", "addr":
		return nil, c.unmodelled()
	}
	switch own := familyOf(fam); {
	case pf == 0:
		pf = own
	case own != 0 && own != pf:
		return nil, c.unmodelled()
	}
	var err error
	if c.accept("to") {
		err = parseNATTarget(c, fam, pf, &n)
	} else if kind == nf.DNAT || kind == nf.SNAT {
		return nil, c.wanted(`"to"`)
	}
	if err != nil {
		return nil, err
	}
	parseNATFlags(c, &n)
	return n, nil
}

// familyOf is the IP family of a table that has one.
func familyOf(fam nf.Family) packet.Family {
	switch fam {
	case nf.FamilyIP:
		return packet.IPv4
	case nf.FamilyIP6:
		return packet.IPv6
	}
	return 0
}

func parseNATFlags(c *cursor, n *nf.NAT) {
	for {
		switch {
		case c.accept("random"):
			n.Random = true
		case c.accept("fully-random"):
			n.FullyRandom = true
		case c.accept("persistent"):
			n.Persistent = true
		default:
			return
		}
		c.accept(",")
	}
}

func parseNATTarget(c *cursor, fam nf.Family, pf packet.Family, n *nf.NAT) error {
	tok := c.peek()
	if tok.kind != tokWord {
		return c.wanted("an address, a port or a map")
	}
	if keyStart(tok.text) {
		return parseNATMap(c, fam, pf, n)
	}
	addr, port, ok := splitNATTarget(tok.text)
	noAddr := n.Kind == nf.Masquerade || n.Kind == nf.Redirect
	if !ok || noAddr && addr != "" {
		return c.wanted("an address or :port")
	}
	if addr != "" {
		n.Addr, n.AddrTo, ok = addrRange(addr, pf)
	}
	if ok && port != "" {
		var d nf.Datum
		d, ok = numDatum(port, vPort)
		n.Port, n.PortTo = uint16(d.Num), uint16(d.NumTo)
		ok = ok && d.Num > 0
	}
	if !ok {
		return c.wanted("an address or :port")
	}
	c.next()
	return nil
}

// keyStart reports whether a map's key begins with the word.
func keyStart(w string) bool {
	switch w {
	case "ip", "ip6", "tcp", "udp", "sctp", "dccp", "udplite", "th", "meta", "ct", "numgen", "fib",
		"iif", "oif", "iifname", "oifname", "mark", "icmp", "icmpv6":
		return true
	}
	return keyByWords[w] != nil || w == "jhash" || w == "symhash"
}

// splitNATTarget splits "10.0.0.1:80", "[fd00::1]:80", "[a]-[b]:1-2", ":80" and
// plain addresses into address and port.
func splitNATTarget(s string) (addr, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		i := strings.LastIndexByte(s, ']')
		if i < 0 {
			return "", "", false
		}
		addr, port = s[:i+1], s[i+1:]
		addr = strings.NewReplacer("[", "", "]", "").Replace(addr)
		if port == "" {
			return addr, "", true
		}
		port, ok = strings.CutPrefix(port, ":")
		return addr, port, ok && port != ""
	}
	if i := strings.IndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		return s[:i], s[i+1:], s[i+1:] != ""
	}
	return s, "", true
}

// addrRange reads an address, an interval of two, or a prefix, which is how nft
// prints an interval that is one.
func addrRange(s string, pf packet.Family) (from, to netip.Addr, ok bool) {
	if s == "*" {
		return from, to, false
	}
	d, ok := addrDatum(s, pf)
	return d.Addr, d.AddrTo, ok
}

// parseNATMap reads "numgen random mod 2 map { 0 : 10.0.0.1 . 53 }" or "ip daddr
// map @backends". The types of a named map are filled in by typeMaps.
func parseNATMap(c *cursor, fam nf.Family, pf packet.Family, n *nf.NAT) error {
	keys, err := parseKeys(c, fam)
	if err != nil {
		return err
	}
	if err := c.expect("map"); err != nil {
		return err
	}
	n.Map = &nf.MapLookup{Key: plainKeys(keys)}
	if c.accept("@") {
		name, err := c.word("the name of a map")
		n.Map.Set = nf.SetName(name)
		return err
	}
	n.Map.Type = natMapType(c, pf)
	if n.Map.Type == nil {
		return c.unmodelled()
	}
	n.Map.Elements, err = parseElements(c, elemTypes(keys), setTypes(n.Map.Type))
	return err
}

// natMapType looks at the first element of an anonymous map: an address, or an
// address and a port.
func natMapType(c *cursor, pf packet.Family) []nf.DataType {
	at := -1
	for i := 0; c.at(i).kind != tokEOF && !c.at(i).is("}") && !c.at(i).is(","); i++ {
		if c.at(i).is(":") {
			at = i
		}
	}
	if at < 0 || pf == 0 {
		return nil
	}
	typ := nf.TypeIPv4Addr
	if pf == packet.IPv6 {
		typ = nf.TypeIPv6Addr
	}
	if c.at(at + 2).is(".") {
		return []nf.DataType{typ, nf.TypeInetService}
	}
	return []nf.DataType{typ}
}
