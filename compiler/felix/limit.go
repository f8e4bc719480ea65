package felix

import (
	"fmt"
	"math"

	"tortie/dataplane/nf"
)

// limitScale is how many parts of a second xt_limit counts in.
const limitScale = 10000

// limitSeconds are the units of iptables' limit, longest first.
var limitSeconds = []struct {
	unit    nf.LimitUnit
	seconds uint64
}{{nf.PerDay, 24 * 60 * 60}, {nf.PerHour, 60 * 60}, {nf.PerMinute, 60}, {nf.PerSecond, 1}}

// limitPeriod is the time between two packets, in the whole parts of a second
// that the kernel keeps: 2251 a second become 2500.
func limitPeriod(c rateLimit) uint64 {
	if c.rate == 0 {
		return 0
	}
	for _, u := range limitSeconds {
		if u.unit == c.unit {
			return limitScale * u.seconds / c.rate
		}
	}
	return 0
}

// iptablesLimit is the limit that the kernel keeps, in the unit in which
// iptables-save prints it (print_rate in extensions/libxt_limit.c).
func iptablesLimit(c rateLimit) nf.Stmt {
	m := nf.MatchLimit{Rate: c.rate, Unit: c.unit, Burst: c.burst}
	if m.Burst == 0 {
		m.Burst = defaultBurst
	}
	period := limitPeriod(c)
	if period == 0 {
		return m
	}
	for i, u := range limitSeconds {
		whole := u.seconds * limitScale
		if i > 0 && (period > whole || whole/period < whole%period) {
			break
		}
		m.Rate, m.Unit = whole/period, u.unit
	}
	return m
}

// checkLimit finds limits that iptables or the kernel refuses: faster than the
// scale, or so slow that the burst overflows.
func (r *renderer) checkLimit(c rateLimit) {
	period, burst := limitPeriod(c), uint64(c.burst)
	if burst == 0 {
		burst = defaultBurst
	}
	product := period * burst
	if period == 0 || product > math.MaxUint32 && product&math.MaxUint32 < period {
		r.badSetting("logactionratelimit", fmt.Sprintf("limit %d with burst %d cannot be kept by the kernel: Felix crashes in iptables mode", c.rate, burst))
	}
}
