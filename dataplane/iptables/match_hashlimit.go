package iptables

import (
	"fmt"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

const hashLimitOptions = "--hashlimit-upto=1 --hashlimit-above=1 --hashlimit=1! --hashlimit-burst=1 --hashlimit-mode=1 " +
	"--hashlimit-name=1 --hashlimit-srcmask=1 --hashlimit-dstmask=1 --hashlimit-htable-size=1 --hashlimit-htable-max=1 " +
	"--hashlimit-htable-expire=1 --hashlimit-htable-gcinterval=1 --hashlimit-rate-match --hashlimit-rate-interval=1"

// maxHashRate and maxHashBurst are the most packets a second, and at once, that
// iptables takes.
const (
	maxHashRate  = 1_000_000
	maxHashBurst = 1_000_000
)

func buildHashLimit(g *group) (nf.Stmt, error) {
	m := nf.MatchHashLimit{SrcMask: familyBits(g.family), DstMask: familyBits(g.family)}
	name := g.get("--hashlimit-name")
	upto, above, old := g.get("--hashlimit-upto"), g.get("--hashlimit-above"), g.get("--hashlimit")
	var rate *option
	switch {
	case name == nil:
		return nil, expected(g.head, "--hashlimit-name")
	case upto != nil && above == nil && old == nil:
		m.Upto, rate = true, upto
	case above != nil && upto == nil && old == nil:
		rate = above
	case old != nil && upto == nil && above == nil:
		m.Upto, rate = !old.inv, old
	default:
		return nil, expected(g.head, "one of --hashlimit-upto and --hashlimit-above")
	}
	m.Name = name.arg()
	if !hashRate(&m, rate.arg()) {
		return nil, expected(rate.args[0], "RATE, RATE/UNIT or bytes a second such as 512kb/s")
	}
	if !m.PerByte {
		m.Burst = 5
	}
	for _, o := range g.opts {
		if err := hashLimitOption(&m, g, o); err != nil {
			return nil, err
		}
	}
	if m.RateMatch && m.RateInterval == 0 {
		m.RateInterval = 1
	}
	return m, nil
}

// hashRate reads "10/min" and "512kb/s".
func hashRate(m *nf.MatchHashLimit, s string) bool {
	if size, isBytes := strings.CutSuffix(s, "/s"); isBytes && strings.HasSuffix(size, "b") {
		m.PerByte, m.Unit = true, nf.PerSecond
		return byteSize(size, &m.Rate) && m.Rate > 0
	}
	rs, us, hasUnit := strings.Cut(s, "/")
	n, err := strconv.ParseUint(rs, 10, 64)
	m.Rate, m.Unit = n, nf.PerSecond
	if hasUnit {
		m.Unit = unitOf(us)
	}
	return err == nil && n > 0 && m.Unit != 0 && n <= maxHashRate*unitSeconds[m.Unit]
}

var unitSeconds = map[nf.LimitUnit]uint64{nf.PerSecond: 1, nf.PerMinute: 60, nf.PerHour: 3600, nf.PerDay: 86400}

// byteUnits are the units of bytes, largest first.
var byteUnits = []struct {
	name string
	size uint64
}{{"mb", 1 << 20}, {"kb", 1 << 10}, {"b", 1}}

// byteSize reads "512kb".
func byteSize(s string, to *uint64) bool {
	for _, u := range byteUnits {
		if digits, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseUint(digits, 10, 32)
			*to = n * u.size
			return err == nil && *to < 1<<32
		}
	}
	return false
}

func byteText(n uint64) string {
	for _, u := range byteUnits {
		if n%u.size == 0 {
			return strconv.FormatUint(n/u.size, 10) + u.name
		}
	}
	return ""
}

func hashLimitOption(m *nf.MatchHashLimit, g *group, o option) (err error) {
	switch o.name {
	case "--hashlimit-burst":
		var ok bool
		if m.PerByte {
			ok = byteSize(o.arg(), &m.Burst)
		} else {
			m.Burst, ok = number(o.arg(), 32)
			ok = ok && m.Burst > 0 && m.Burst <= maxHashBurst
		}
		if !ok {
			return expected(o.args[0], "a number of packets, or for a rate in bytes a size such as 2mb")
		}
	case "--hashlimit-mode":
		return hashLimitMode(m, o)
	case "--hashlimit-srcmask":
		m.SrcMask, err = hashLimitMask(g, o)
	case "--hashlimit-dstmask":
		m.DstMask, err = hashLimitMask(g, o)
	case "--hashlimit-htable-size":
		m.Size, err = u32(o.args[0])
	case "--hashlimit-htable-max":
		m.Max, err = u32(o.args[0])
	case "--hashlimit-htable-gcinterval":
		m.GCInterval, err = u32(o.args[0])
	case "--hashlimit-htable-expire":
		m.Expire, err = u32(o.args[0])
	case "--hashlimit-rate-match":
		m.RateMatch = true
	case "--hashlimit-rate-interval":
		m.RateInterval, err = u32(o.args[0])
	}
	return err
}

func hashLimitMode(m *nf.MatchHashLimit, o option) error {
	for _, word := range strings.Split(o.arg(), ",") {
		switch word {
		case "srcip":
			m.SrcIP = true
		case "srcport":
			m.SrcPort = true
		case "dstip":
			m.DstIP = true
		case "dstport":
			m.DstPort = true
		default:
			return expected(o.args[0], "srcip, srcport, dstip, dstport, with commas")
		}
	}
	return nil
}

func hashLimitMask(g *group, o option) (uint8, error) {
	n, err := u8(o.args[0])
	if err != nil || n > familyBits(g.family) {
		return 0, expected(o.args[0], "a prefix length")
	}
	return n, nil
}

// hashLimitText writes the options in the order of iptables-save.
func hashLimitText(m nf.MatchHashLimit, f packet.Family) (string, error) {
	if m.Name == "" || m.Rate == 0 || unitSeconds[m.Unit] == 0 || m.SrcMask > familyBits(f) || m.DstMask > familyBits(f) {
		return "", fmt.Errorf("a hashlimit needs a name, a rate per second, minute, hour or day, and prefix lengths of its family")
	}
	var b textBuilder
	op := "--hashlimit-above"
	if m.Upto {
		op = "--hashlimit-upto"
	}
	if m.PerByte {
		b.add("-m hashlimit", op, byteText(m.Rate)+"/s")
		if m.Burst > 0 {
			b.add("--hashlimit-burst", byteText(m.Burst))
		}
	} else {
		b.add("-m hashlimit", op, fmt.Sprintf("%d/%s", m.Rate, unitNames[m.Unit-1].name), "--hashlimit-burst", fmt.Sprint(m.Burst))
	}
	if mode := hashLimitModeText(m); mode != "" {
		b.add("--hashlimit-mode", mode)
	}
	b.add("--hashlimit-name", word(m.Name))
	for _, o := range []struct {
		name string
		n    uint32
	}{{"size", m.Size}, {"max", m.Max}, {"gcinterval", m.GCInterval}, {"expire", m.Expire}} {
		if o.n != 0 {
			b.add("--hashlimit-htable-"+o.name, fmt.Sprint(o.n))
		}
	}
	if m.SrcMask != familyBits(f) {
		b.add("--hashlimit-srcmask", fmt.Sprint(m.SrcMask))
	}
	if m.DstMask != familyBits(f) {
		b.add("--hashlimit-dstmask", fmt.Sprint(m.DstMask))
	}
	b.flag(m.RateMatch, "--hashlimit-rate-match")
	if m.RateMatch && m.RateInterval > 1 {
		b.add("--hashlimit-rate-interval", fmt.Sprint(m.RateInterval))
	}
	return b.result()
}

func hashLimitModeText(m nf.MatchHashLimit) string {
	var words []string
	for _, o := range []struct {
		on   bool
		name string
	}{{m.SrcIP, "srcip"}, {m.SrcPort, "srcport"}, {m.DstIP, "dstip"}, {m.DstPort, "dstport"}} {
		if o.on {
			words = append(words, o.name)
		}
	}
	return strings.Join(words, ",")
}
