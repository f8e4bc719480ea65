package iptables

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

const statisticOptions = "--mode=1 --probability=1! --every=1! --packet=1"

func buildStatistic(g *group) (nf.Stmt, error) {
	mode, p, every, first := g.get("--mode"), g.get("--probability"), g.get("--every"), g.get("--packet")
	switch {
	case mode != nil && mode.arg() == "random" && p != nil && every == nil && first == nil:
		f, err := strconv.ParseFloat(p.arg(), 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return nil, expected(p.args[0], "a probability from 0 to 1")
		}
		return nf.MatchStatistic{Probability: uint32(math.Round(0x80000000 * f)), Invert: p.inv}, nil
	case mode != nil && mode.arg() == "nth" && every != nil && p == nil:
		n, err := u32(every.args[0])
		if err != nil || n == 0 {
			return nil, expected(every.args[0], "a number from 1")
		}
		m := nf.MatchStatistic{Nth: true, Every: n, Invert: every.inv}
		if first != nil {
			if m.Packet, err = u32(first.args[0]); err != nil || m.Packet >= n {
				return nil, expected(first.args[0], "a number below --every")
			}
		}
		return m, nil
	}
	return nil, expected(g.head, "--mode random --probability P or --mode nth --every N")
}

func statisticText(m nf.MatchStatistic) (string, error) {
	if m.Nth {
		if m.Every == 0 || m.Packet >= m.Every {
			return "", fmt.Errorf("statistic: packet %d of every %d", m.Packet, m.Every)
		}
		return fmt.Sprintf("-m statistic --mode nth %s--every %d --packet %d", bang(m.Invert), m.Every, m.Packet), nil
	}
	if m.Probability > 1<<31 {
		return "", fmt.Errorf("statistic: probability %d is above 2^31", m.Probability)
	}
	return fmt.Sprintf("-m statistic --mode random %s--probability %.11f", bang(m.Invert), float64(m.Probability)/(1<<31)), nil
}

var unitNames = []struct {
	name, long string
	unit       nf.LimitUnit
}{{"sec", "second", nf.PerSecond}, {"min", "minute", nf.PerMinute}, {"hour", "hour", nf.PerHour}, {"day", "day", nf.PerDay}}

func buildLimit(g *group) (nf.Stmt, error) {
	m := nf.MatchLimit{Rate: 3, Unit: nf.PerHour, Burst: 5}
	if o := g.get("--limit"); o != nil {
		rate, unit, ok := rateOf(o.arg())
		if !ok {
			return nil, expected(o.args[0], "RATE or RATE/UNIT, at most 10000 a second")
		}
		m.Rate, m.Unit = rate, unit
	}
	if o := g.get("--limit-burst"); o != nil {
		n, ok := number(o.arg(), 32)
		if !ok || n > 10000 {
			return nil, expected(o.args[0], "a number up to 10000")
		}
		m.Burst = uint32(n)
	}
	return m, nil
}

// rateOf reads RATE[/UNIT]; a unit may be shortened.
func rateOf(s string) (uint64, nf.LimitUnit, bool) {
	rs, us, hasUnit := strings.Cut(s, "/")
	n, err := strconv.ParseUint(rs, 10, 32)
	unit := nf.PerSecond
	if hasUnit {
		if unit = unitOf(us); unit == 0 {
			return 0, 0, false
		}
	}
	return n, unit, err == nil && n > 0 && n <= maxRate(unit)
}

func unitOf(s string) nf.LimitUnit {
	for _, u := range unitNames {
		if s != "" && strings.HasPrefix(u.long, strings.ToLower(s)) {
			return u.unit
		}
	}
	return 0
}

// maxRate is the highest rate that iptables takes: a tenth of a millisecond per
// packet.
func maxRate(u nf.LimitUnit) uint64 {
	return map[nf.LimitUnit]uint64{nf.PerSecond: 1, nf.PerMinute: 60, nf.PerHour: 3600, nf.PerDay: 86400}[u] * 10000
}

func limitText(m nf.MatchLimit) (string, error) {
	if m.Over || m.PerByte || m.Rate == 0 || m.Rate > maxRate(m.Unit) || m.Burst > 10000 {
		return "", fmt.Errorf("iptables has no limit of this kind (rate %d, burst %d, over %t, bytes %t)", m.Rate, m.Burst, m.Over, m.PerByte)
	}
	s := fmt.Sprintf("-m limit --limit %d/%s", m.Rate, unitNames[m.Unit-1].name)
	if m.Burst != 5 {
		s += fmt.Sprintf(" --limit-burst %d", m.Burst)
	}
	return s, nil
}

const connLimitOptions = "--connlimit-above=1! --connlimit-upto=1! --connlimit-mask=1 --connlimit-saddr --connlimit-daddr"

func buildConnLimit(g *group) (nf.Stmt, error) {
	above, upto := g.get("--connlimit-above"), g.get("--connlimit-upto")
	if (above == nil) == (upto == nil) || g.has("--connlimit-saddr") && g.has("--connlimit-daddr") {
		return nil, expected(g.head, "one of --connlimit-above and --connlimit-upto, and one end")
	}
	o, m := above, nf.MatchConnLimit{ByDst: g.has("--connlimit-daddr"), Mask: familyBits(g.family)}
	if upto != nil {
		o = upto
	}
	m.Upto = (upto != nil) != o.inv
	var err error
	if m.Limit, err = u32(o.args[0]); err != nil {
		return nil, err
	}
	if k := g.get("--connlimit-mask"); k != nil {
		if m.Mask, err = u8(k.args[0]); err != nil || m.Mask > familyBits(g.family) {
			return nil, expected(k.args[0], "a prefix length")
		}
	}
	return m, nil
}

func familyBits(f packet.Family) uint8 {
	if f == packet.IPv6 {
		return 128
	}
	return 32
}

func connLimitText(m nf.MatchConnLimit, f packet.Family) (string, error) {
	if m.NoGroup && m.Mask != 0 || m.Mask > familyBits(f) {
		return "", fmt.Errorf("connlimit: no prefix length %d in %s", m.Mask, f)
	}
	op, end := "--connlimit-above", "--connlimit-saddr"
	if m.Upto {
		op = "--connlimit-upto"
	}
	if m.ByDst {
		end = "--connlimit-daddr"
	}
	return fmt.Sprintf("-m connlimit %s %d --connlimit-mask %d %s", op, m.Limit, m.Mask, end), nil
}

const recentOptions = "--set! --rcheck! --update! --remove! --seconds=1 --reap --hitcount=1 --rttl --name=1 --mask=1 --rsource --rdest"

func buildRecent(g *group) (nf.Stmt, error) {
	m := nf.MatchRecent{Name: "DEFAULT", Reap: g.has("--reap"), TTL: g.has("--rttl"), ByDst: g.has("--rdest")}
	m.Mask = allOnes(g.family)
	var err error
	for _, o := range g.opts {
		switch o.name {
		case "--set", "--rcheck", "--update", "--remove":
			if m.Op != "" {
				return nil, expected(o.at, "one of --set, --rcheck, --update, --remove")
			}
			m.Op, m.Invert = o.name[2:], o.inv
		case "--seconds":
			m.Seconds, err = u32(o.args[0])
		case "--hitcount":
			m.HitCount, err = u32(o.args[0])
		case "--name":
			m.Name = o.arg()
		case "--mask":
			m.Mask, err = addr(o.args[0], o.arg(), g.family)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.Op == "" || m.ByDst && g.has("--rsource") {
		return nil, expected(g.head, "one of --set, --rcheck, --update, --remove, and one end")
	}
	return m, nil
}

// allOnes is the netmask of one address.
func allOnes(f packet.Family) netip.Addr {
	a, _ := netip.AddrFromSlice([]byte(strings.Repeat("\xff", int(familyBits(f)/8))))
	return a
}

func recentText(m nf.MatchRecent) (string, error) {
	var b textBuilder
	switch m.Op {
	case "set", "rcheck", "update", "remove":
	default:
		return "", fmt.Errorf("recent: no operation %q", m.Op)
	}
	b.add("-m recent", bang(m.Invert)+"--"+m.Op)
	if m.Seconds != 0 {
		b.add("--seconds", fmt.Sprint(m.Seconds))
	}
	b.flag(m.Reap, "--reap")
	if m.HitCount != 0 {
		b.add("--hitcount", fmt.Sprint(m.HitCount))
	}
	b.flag(m.TTL, "--rttl")
	b.add("--name", word(m.Name))
	if m.Mask.IsValid() {
		b.add("--mask", m.Mask.String())
	}
	if m.ByDst {
		b.add("--rdest")
	} else {
		b.add("--rsource")
	}
	return b.result()
}
