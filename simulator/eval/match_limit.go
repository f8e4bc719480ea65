package eval

import (
	"strconv"
	"strings"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// matchStatistic is statistic_mt. Random asks the caller; nth counts.
func (k *compiler) matchStatistic(m nf.MatchStatistic) func(*scratch) Truth {
	if !m.Nth {
		p := float64(m.Probability) / (1 << 31)
		if m.Invert {
			p = 1 - p
		}
		return func(w *scratch) Truth {
			switch {
			case p <= 0:
				return No
			case p >= 1:
				return Yes
			}
			return truth(w.choose(Choice{Kind: ChoiceStatistic, Rule: w.ref, N: 2, Probability: p}) == 1)
		}
	}
	id, every := k.stmtID(), max(m.Every, 1)
	start := every - 1 - m.Packet%every
	return func(w *scratch) Truth {
		old := w.c.State.count(id, start, func(n uint32) uint32 { return (n + 1) % every })
		return truth((old == every-1) != m.Invert)
	}
}

var unitTime = map[nf.LimitUnit]time.Duration{
	nf.PerSecond: time.Second, nf.PerMinute: time.Minute, nf.PerHour: time.Hour,
	nf.PerDay: 24 * time.Hour, nf.PerWeek: 7 * 24 * time.Hour,
}

// matchLimit is a token bucket in continuous time, as nft_limit counts; xt_limit
// counts in jiffies, which differs by less than one tick.
func (k *compiler) matchLimit(m nf.MatchLimit) func(*scratch) Truth {
	unit := unitTime[m.Unit]
	if m.Rate == 0 || unit == 0 {
		return func(*scratch) Truth { return Unknown3 }
	}
	id, cost := k.stmtID(), unit/time.Duration(m.Rate)
	limit := cost * time.Duration(max(m.Burst, 1))
	if m.PerByte {
		limit = unit + time.Duration(uint64(unit)/m.Rate*uint64(m.Burst))
	}
	return func(w *scratch) Truth {
		price := cost
		if m.PerByte {
			n, ok := ipLength(w.p)
			if !ok {
				return Unknown3
			}
			price = time.Duration(uint64(unit) * n / m.Rate)
		}
		return truth(w.c.State.take(bucketKey{stmt: id}, price, limit, w.c.Now) != m.Over)
	}
}

// hashLimit is what is read of -m hashlimit's options.
type hashLimit struct {
	srcIP, dstIP, srcPort, dstPort bool
	srcMask, dstMask               int
	burst                          uint64
	cost                           time.Duration
}

// matchHashLimit is a token bucket per group of packets.
func (k *compiler) matchHashLimit(m nf.MatchHashLimit) func(*scratch) Truth {
	h, ok := readHashLimit(m)
	if !ok {
		return func(*scratch) Truth { return Unknown3 }
	}
	id := k.stmtID()
	return func(w *scratch) Truth {
		var g [4]value
		shift := 0
		if w.family == packet.IPv4 {
			shift = 96
		}
		if h.srcIP {
			g[0] = w.src.masked(min(h.srcMask+shift, 128))
		}
		if h.dstIP {
			g[1] = w.dst.masked(min(h.dstMask+shift, 128))
		}
		if w.p.FragOffset == 0 && w.p.Proto.HasPorts() {
			if h.srcPort {
				g[2] = num(uint64(w.p.SrcPort))
			}
			if h.dstPort {
				g[3] = num(uint64(w.p.DstPort))
			}
		}
		under := w.c.State.take(bucketKey{id, g}, h.cost, h.cost*time.Duration(h.burst), w.c.Now)
		return truth(under == m.Upto)
	}
}

// readHashLimit reads rate and options; false for what is not modelled (rates in
// bytes, rate matching).
func readHashLimit(m nf.MatchHashLimit) (hashLimit, bool) {
	h := hashLimit{burst: 5, srcMask: 128, dstMask: 128}
	rate, unit, _ := strings.Cut(m.Rate, "/")
	n, err := strconv.ParseUint(rate, 10, 32)
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if err != nil || n == 0 {
		return h, false
	}
	per := time.Second
	if unit != "" {
		per = units[unit[0]]
	}
	h.cost = per / time.Duration(n)
	words := strings.Fields(m.Options)
	for i := 0; i < len(words); i += 2 {
		if i+1 == len(words) || !h.option(words[i], words[i+1]) {
			return h, false
		}
	}
	return h, h.cost > 0
}

func (h *hashLimit) option(name, val string) bool {
	n, err := strconv.Atoi(val)
	switch name {
	case "--hashlimit-burst":
		h.burst = uint64(max(n, 1))
		return err == nil
	case "--hashlimit-srcmask":
		h.srcMask = n
		return err == nil
	case "--hashlimit-dstmask":
		h.dstMask = n
		return err == nil
	case "--hashlimit-htable-expire", "--hashlimit-htable-gcinterval", "--hashlimit-htable-size", "--hashlimit-htable-max":
		return err == nil
	case "--hashlimit-mode":
		for _, mode := range strings.Split(val, ",") {
			switch mode {
			case "srcip":
				h.srcIP = true
			case "dstip":
				h.dstIP = true
			case "srcport":
				h.srcPort = true
			case "dstport":
				h.dstPort = true
			default:
				return false
			}
		}
		return true
	}
	return false
}
