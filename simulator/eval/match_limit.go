package eval

import (
	"fmt"
	"strings"
	"time"

	"tortie/dataplane/nf"
)

// matchStatistic is statistic_mt. Random asks the caller; nth counts.
func (k *compiler) matchStatistic(m nf.MatchStatistic) func(*scratch) Truth {
	if !m.Nth {
		return matchChance(m)
	}
	id, every := k.e.stmtID(), max(m.Every, 1)
	start := every - 1 - m.Packet%every
	return func(w *scratch) Truth {
		old := w.c.State.count(id, start, func(n uint32) uint32 { return (n + 1) % every })
		if w.c.Rec.On() {
			w.taken = fmt.Sprintf("packet %d of every %d, counted from freshly loaded rules", (old+1+m.Packet)%every+1, every)
		}
		return truth((old == every-1) != m.Invert)
	}
}

func matchChance(m nf.MatchStatistic) func(*scratch) Truth {
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
		chosen := w.choose(Choice{Kind: ChoiceStatistic, Rule: w.ref, N: 2, Probability: p}) == 1
		if w.c.Rec.On() {
			w.taken, w.passedBy = fmt.Sprintf("chance of %.4g, taken as chosen", p), !chosen
			if !chosen {
				w.taken = fmt.Sprintf("chance of %.4g, taken as not chosen", p)
			}
		}
		return truth(chosen)
	}
}

var unitTime = map[nf.LimitUnit]time.Duration{
	nf.PerSecond: time.Second, nf.PerMinute: time.Minute, nf.PerHour: time.Hour,
	nf.PerDay: 24 * time.Hour, nf.PerWeek: 7 * 24 * time.Hour,
}

// matchLimit is limit_mt, and nft_limit_eval: iptables-nft programs -m limit as
// nft's own.
func (k *compiler) matchLimit(m nf.MatchLimit) func(*scratch) Truth {
	var l limiter
	var ok bool
	if k.table.Backend == nf.IptablesLegacy {
		l, ok = newXTLimit(m)
	} else {
		l, ok = newNFTLimit(m)
	}
	if !ok {
		return func(*scratch) Truth { return Unknown3 }
	}
	id, full := k.e.stmtID(), bucket{}
	l.fill(&full, 0)
	return func(w *scratch) Truth {
		length, known := uint64(0), true
		if m.PerByte {
			length, known = ipLength(w.p)
		}
		if !known {
			return Unknown3
		}
		within := w.c.State.take(id, l, full, length, w.c.Now)
		if w.c.Rec.On() {
			w.taken = takenLimit(within, limitText(&m))
		}
		return truth(within != m.Over)
	}
}

// What senders are taken to put in their packets.
const (
	takenTTL  = "the sender's TTL, taken as 64"
	takenDSCP = "the sender's DSCP, taken as 0"
)

// take says how what no capture tells of was taken, if steps are recorded.
func (w *scratch) take(text string) {
	if w.c.Rec.On() {
		w.taken = text
	}
}

// takeLength says how long the packet was taken to be: nobody says what data it has.
func (w *scratch) takeLength(n uint64) {
	if w.c.Rec.On() {
		w.taken = fmt.Sprintf("the packet's length, taken as %d bytes", n)
	}
}

// takenLimit says how a limit was taken.
func takenLimit(within bool, limit string) string {
	if within {
		return "taken as within " + limit
	}
	return "taken as over " + limit
}

var unitNames = map[nf.LimitUnit]string{nf.PerSecond: "second", nf.PerMinute: "minute", nf.PerHour: "hour", nf.PerDay: "day", nf.PerWeek: "week"}

func limitText(m *nf.MatchLimit) string {
	if m.PerByte {
		return fmt.Sprintf("%d bytes/%s burst %d bytes", m.Rate, unitNames[m.Unit], m.Burst)
	}
	return fmt.Sprintf("%d/%s burst %d", m.Rate, unitNames[m.Unit], m.Burst)
}

func hashLimitText(m *nf.MatchHashLimit) string {
	text := fmt.Sprintf("%d/%s burst %d", m.Rate, unitNames[m.Unit], m.Burst)
	if m.PerByte {
		text = fmt.Sprintf("%d bytes/second", m.Rate)
	}
	var words []string
	for _, o := range []struct {
		on   bool
		name string
	}{{m.SrcIP, "source"}, {m.SrcPort, "source port"}, {m.DstIP, "destination"}, {m.DstPort, "destination port"}} {
		if o.on {
			words = append(words, o.name)
		}
	}
	if len(words) > 0 {
		text += " per " + strings.Join(words, ", ")
	}
	return text
}
