package eval

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// dim is one dimension of an ipset type.
type dim uint8

const (
	dimIP dim = iota + 1
	dimPort
	dimMark
	dimIface
	dimMAC
)

// ipset is a compiled set of the ipset subsystem.
type ipset struct {
	name    nf.SetName
	family  packet.Family // 0 is both
	dims    []dim
	nomatch bool // the type knows nomatch
	bitPort bool // bitmap:port: TCP and UDP alone
	isList  bool
	members []int32
	netmask int // prefix length in 128 bits by which tested addresses are cut
	mark    uint32
	x       *index
	ifaces  []ifaceTest // of hash:net,iface, by entry
	origins []int       // of the elements; nil if none has one
	opaque  string      // why the set cannot be evaluated
	id      int32       // of the elements in State, below 0; 0 when no rule has added any
	timeout time.Duration
}

// ifaceTest is the interface of an element of hash:net,iface.
type ifaceTest struct{ name span }

var dimByName = map[string]dim{
	"ip": dimIP, "net": dimIP, "port": dimPort, "mark": dimMark, "iface": dimIface, "mac": dimMAC,
}

// compileIPSet compiles a set; members of a list:set are resolved by ids.
func compileIPSet(s *nf.Set, ids map[nf.SetName]int32) *ipset {
	c := &ipset{name: s.Name, family: s.Family, netmask: 128, mark: ^uint32(0), timeout: s.Timeout}
	kind, dims, _ := strings.Cut(s.Type, ":")
	if s.Type == "list:set" {
		c.isList, c.family = true, 0
		for _, e := range s.Elements {
			if len(e.Key) == 1 {
				if id, ok := ids[nf.SetName(e.Key[0].Name)]; ok {
					c.members = append(c.members, id)
				}
			}
		}
		return c
	}
	for _, d := range strings.Split(dims, ",") {
		c.dims = append(c.dims, dimByName[d])
		if dimByName[d] == 0 {
			c.opaque = "ipset type " + s.Type
			return c
		}
	}
	c.bitPort = s.Type == "bitmap:port"
	c.nomatch = strings.Contains(dims, "net")
	switch {
	case c.bitPort:
		c.family = 0
	case kind == "bitmap":
		c.family = packet.IPv4
	}
	c.options(s.Options)
	c.elements(s.Elements)
	return c
}

func (c *ipset) options(opts []string) {
	for _, o := range opts {
		key, val, _ := strings.Cut(o, " ")
		switch key {
		case "netmask":
			if n, err := strconv.Atoi(val); err == nil {
				c.netmask = n
				if c.family == packet.IPv4 {
					c.netmask += 96
				}
			}
		case "markmask":
			if n, err := strconv.ParseUint(val, 0, 32); err == nil {
				c.mark = uint32(n)
			}
		case "bitmask":
			c.opaque = "ipset option " + o
		}
	}
}

// elements fills the index. Intervals of addresses become prefixes and ports
// single ones, as adding them with the ipset tool makes them.
func (c *ipset) elements(elems []nf.Element) {
	hasIface := len(c.dims) == 2 && c.dims[1] == dimIface
	var entries []entry
	for i, el := range elems {
		if el.Origin != 0 && c.origins == nil {
			c.origins = make([]int, len(elems))
		}
		if c.origins != nil {
			c.origins[i] = el.Origin
		}
		if len(el.Key) != len(c.dims) {
			c.opaque = "an element of " + string(c.name) + " that does not fit its type"
			continue
		}
		e := entry{expires: el.Expires, nomatch: el.Nomatch, data: int32(i)}
		n := len(c.dims)
		if hasIface {
			n = 1
		}
		before := len(entries)
		entries = c.expand(entries, e, el.Key[:n])
		for range len(entries) - before {
			if hasIface {
				c.ifaces = append(c.ifaces, ifaceTest{datumSpan(el.Key[1])})
			}
		}
	}
	c.x = newPrefixIndex(entries)
}

// expand appends e once for every combination of prefixes of its key.
func (c *ipset) expand(to []entry, e entry, rest []nf.Datum) []entry {
	if len(rest) == 0 {
		return append(to, e)
	}
	d := rest[0]
	s := datumSpan(d)
	var spans []span
	switch c.dims[len(e.parts)] {
	case dimIP:
		spans = s.prefixes()
	case dimPort:
		spans = portSpans(d, c.bitPort)
	default:
		spans = []span{s}
	}
	for _, p := range spans {
		one := e
		one.parts = append(append([]span(nil), e.parts...), p)
		to = c.expand(to, one, rest[1:])
	}
	return to
}

// portSpans are the values of a port dimension: protocol<<16|port, or the port
// alone in bitmap:port.
func portSpans(d nf.Datum, bitmap bool) []span {
	var base uint64
	if !bitmap {
		base = uint64(d.Proto) << 16
	}
	hi := min(max(d.Num, d.NumTo), 65535)
	var out []span
	for n := d.Num; n <= hi; n++ {
		out = append(out, span{num(base | n), num(base | n)})
	}
	return out
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

func (t Truth) invert(inv bool) Truth {
	if !inv || t == Unknown3 {
		return t
	}
	return truth(t == No)
}

func prefixSpan(p netip.Prefix) span {
	v := addrValue(p.Addr())
	n := p.Bits()
	if p.Addr().Is4() {
		n += 96
	}
	return span{v.masked(n), v.last(n)}
}
