package conntrack

import "time"

// Config is what sysctls under net.netfilter and the kernel version decide. The
// zero value means the defaults of a fresh namespace of Linux 6.18.
type Config struct {
	// Max is nf_conntrack_max; 0 means 262144.
	Max int
	// Timeouts replaces the default timeouts; nil means DefaultTimeouts.
	Timeouts *Timeouts
	// TCPStrict is tcp_loose=0: no pick-up of connections from the middle.
	TCPStrict bool
	// TCPLiberal is tcp_be_liberal=1: out-of-window segments pass.
	TCPLiberal bool
	// TCPIgnoreInvalidRST is tcp_ignore_invalid_rst=1.
	TCPIgnoreInvalidRST bool
	// NoChecksum is checksum=0: bad checksums do not make a packet invalid.
	NoChecksum bool
	// OldRSTTimeout lowers the timeout of an established connection that saw an
	// out-of-order RST to TCPUnacknowledged, as Linux 6.12 does, instead of
	// TCPClose.
	OldRSTTimeout bool
	// Port chooses the port that the kernel would draw at random after a clash:
	// a start offset below n for attempt number attempt. Nil means 0.
	Port func(t Tuple, attempt int, n uint32) uint32
}

// Timeouts are the timeouts of net.netfilter.nf_conntrack_*_timeout*.
type Timeouts struct {
	TCP [TCPStates]time.Duration // by TCPState
	// TCPMaxRetrans and TCPUnacknowledged are upper bounds in special states.
	TCPMaxRetrans, TCPUnacknowledged time.Duration
	UDP, UDPStream                   time.Duration
	ICMP, ICMPv6                     time.Duration
	GRE, GREStream                   time.Duration
	Generic                          time.Duration
	SCTP                             [SCTPStates]time.Duration // by SCTPState
}

// DefaultTimeouts returns the kernel's defaults.
func DefaultTimeouts() Timeouts { return Timeouts{} }

func (c Config) withDefaults() Config {
	if c.Max == 0 {
		c.Max = 262144
	}
	if c.Timeouts == nil {
		d := DefaultTimeouts()
		c.Timeouts = &d
	}
	return c
}
