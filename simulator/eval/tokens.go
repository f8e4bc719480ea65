package eval

import (
	"math"
	"math/bits"
	"time"

	"tortie/dataplane/nf"
)

// hz is the kernel's clock rate. Credits per second are the same for 250 and 1000.
const hz = 250

// ticks is a time in jiffies.
func ticks(t time.Duration) uint64 { return uint64(t / (time.Second / hz)) }

// bucket is what the kernel remembers of a limit.
type bucket struct {
	// credit is in units of the limit's own arithmetic.
	credit uint64
	last   time.Duration
	// refills is how often a bucket of bytes may yet be filled at once.
	refills uint64
	// current is the traffic of this window, and exceeded says that the last one
	// had too much (rate match of hashlimit).
	current  uint64
	exceeded bool
}

// limiter is the arithmetic of a limit.
type limiter interface {
	// fill makes a new bucket.
	fill(b *bucket, now time.Duration)
	// take takes a packet of a length from the bucket; false is over the limit.
	take(b *bucket, length uint64, now time.Duration) bool
}

// nftLimit is nft_limit.c: tokens are nanoseconds.
type nftLimit struct {
	unit, rate, max uint64
	perByte         bool
}

// nftBurst is the burst of a limit in packets that names none.
const nftBurst = 5

func newNFTLimit(m nf.MatchLimit) (nftLimit, bool) {
	unit, burst := uint64(unitTime[m.Unit]), uint64(m.Burst)
	if m.Rate == 0 || unit == 0 {
		return nftLimit{}, false
	}
	l := nftLimit{unit: unit, rate: m.Rate, perByte: m.PerByte}
	if m.PerByte {
		l.max = unit * (m.Rate + burst) / m.Rate
		return l, true
	}
	if burst == 0 {
		burst = nftBurst
	}
	l.max = unit / m.Rate * burst
	return l, true
}

func (l nftLimit) fill(b *bucket, now time.Duration) { b.credit, b.last = l.max, now }

func (l nftLimit) take(b *bucket, length uint64, now time.Duration) bool {
	cost := l.unit / l.rate
	if l.perByte {
		cost = l.unit * length / l.rate
	}
	b.credit = min(b.credit+uint64(now-b.last), l.max)
	b.last = now
	return b.spend(cost)
}

// spend takes the cost if there is enough.
func (b *bucket) spend(cost uint64) bool {
	if b.credit < cost {
		return false
	}
	b.credit -= cost
	return true
}

// xtLimit is xt_limit.c, which counts in 32 bits.
type xtLimit struct{ cost, max uint32 }

const (
	xtScale       = 10_000
	xtCreditsTick = 128 // the highest power of two with which a day fits into 32 bits
	xtCreditsSec  = xtCreditsTick * hz
)

// newXTLimit returns false for what the kernel refuses to load.
func newXTLimit(m nf.MatchLimit) (xtLimit, bool) {
	sec := uint64(unitTime[m.Unit] / time.Second)
	if m.Rate == 0 || sec == 0 || m.Over || m.PerByte {
		return xtLimit{}, false
	}
	avg := uint32(xtScale * sec / m.Rate)
	l := xtLimit{cost: xtCredits(avg), max: xtCredits(avg * m.Burst)}
	return l, m.Burst > 0 && l.max >= l.cost
}

// xtCredits is user2credits.
func xtCredits(user uint32) uint32 {
	if user > math.MaxUint32/xtCreditsSec {
		return user / xtScale * xtCreditsSec
	}
	return user * xtCreditsSec / xtScale
}

func (l xtLimit) fill(b *bucket, now time.Duration) { b.credit, b.last = uint64(l.max), now }

func (l xtLimit) take(b *bucket, _ uint64, now time.Duration) bool {
	gain := uint32(ticks(now)-ticks(b.last)) * xtCreditsTick
	b.credit, b.last = uint64(min(uint32(b.credit)+gain, l.max)), now
	return b.spend(uint64(l.cost))
}

// hashPackets is xt_hashlimit.c counting packets.
type hashPackets struct{ cost, max uint64 }

const (
	hashScale       = 1_000_000
	hashCreditsTick = 1 << 39 // the highest power of two with which a day fits into 64 bits
	hashCreditsUser = hashCreditsTick * hz / hashScale
)

// newHashPackets returns false for what the kernel refuses to load.
func newHashPackets(m nf.MatchHashLimit) (hashPackets, bool) {
	avg := hashScale * uint64(unitTime[m.Unit]/time.Second) / m.Rate
	l := hashPackets{cost: avg * hashCreditsUser, max: avg * m.Burst * hashCreditsUser}
	return l, m.Burst > 0 && l.max >= l.cost
}

func (l hashPackets) fill(b *bucket, now time.Duration) { b.credit, b.last = l.max, now }

func (l hashPackets) take(b *bucket, _ uint64, now time.Duration) bool {
	b.earn((ticks(now)-ticks(b.last))*hashCreditsTick, l.max)
	b.last = now
	return b.spend(l.cost)
}

// earn adds to the credit.
func (b *bucket) earn(gain, limit uint64) {
	sum, overflow := bits.Add64(b.credit, gain, 0)
	b.credit = min(sum, limit)
	if overflow != 0 {
		b.credit = limit
	}
}

// hashBytes is xt_hashlimit.c counting bytes, in chunks of 16.
type hashBytes struct{ cost, refills uint64 }

const (
	hashBytesTick = 1 << 24 // the highest power of two with which a second fits into 32 bits
	hashBytesSec  = hashBytesTick * hz
)

// byteCost and costBytes are how iptables tells a rate in bytes to the kernel.
func byteCost(rate uint64) uint64 { return math.MaxUint32 / (rate>>4 + 1) }
func costBytes(cost uint64) uint64 {
	return (math.MaxUint32/max(cost, 1) - 1) << 4
}

// hashRefills is the burst in units of the rate, as iptables tells it; false for
// one below the rate.
func hashRefills(m nf.MatchHashLimit) (uint64, bool) {
	rate := max(costBytes(byteCost(m.Rate)), 1)
	return (m.Burst + rate - 1) / rate, m.Burst == 0 || m.Burst >= costBytes(byteCost(m.Rate))
}

// newHashBytes returns false for what cannot be loaded.
func newHashBytes(m nf.MatchHashLimit) (hashBytes, bool) {
	refills, ok := hashRefills(m)
	l := hashBytes{cost: byteCost(m.Rate) * hashBytesSec >> 32, refills: refills}
	return l, ok && l.cost > 0
}

func (l hashBytes) fill(b *bucket, now time.Duration) {
	b.credit, b.refills, b.last = hashBytesSec, l.refills, now
}

func (l hashBytes) take(b *bucket, length uint64, now time.Duration) bool {
	b.earn((ticks(now)-ticks(b.last))*hashBytesTick, hashBytesSec)
	b.last = now
	cost := min((length>>4+1)*l.cost, hashBytesSec)
	if b.credit < cost && b.refills > 0 {
		b.refills--
		b.credit = hashBytesSec
	}
	return b.spend(cost)
}

// hashRate is xt_hashlimit.c comparing the rate of windows.
type hashRate struct {
	rate, burst, window uint64
	perByte             bool
}

// newHashRate returns false for what cannot be loaded.
func newHashRate(m nf.MatchHashLimit) (hashRate, bool) {
	l := hashRate{window: uint64(m.RateInterval) * hz, perByte: m.PerByte}
	if m.PerByte {
		refills, ok := hashRefills(m)
		l.rate = costBytes(byteCost(m.Rate))
		l.burst = max(refills, 1) * l.rate
		return l, ok && l.window > 0
	}
	avg := hashScale / m.Rate // iptables passes over the unit: a rate is per second
	if avg == 0 {
		return l, false
	}
	l.rate = hashScale / avg
	l.burst = m.Burst + l.rate
	return l, l.window > 0
}

func (l hashRate) fill(b *bucket, now time.Duration) { b.current, b.exceeded, b.last = 0, false, now }

func (l hashRate) take(b *bucket, length uint64, now time.Duration) bool {
	if delta := ticks(now) - ticks(b.last); delta > 0 && delta >= l.window {
		b.last = now
		b.exceeded = b.current*l.window > delta*l.rate
		b.current = 0
	}
	if !l.perByte {
		length = 1
	}
	b.current += length
	return !b.exceeded && b.current <= l.burst
}
