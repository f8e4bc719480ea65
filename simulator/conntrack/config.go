package conntrack

import (
	"encoding/binary"
	"time"
)

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
	// out-of-order RST to TCPUnacknowledged instead of TCPClose.
	OldRSTTimeout bool
	// Port chooses what the kernel would draw at random after a clash: the
	// offset below n in the range of ports at which the search for the connection
	// of tuple t begins; search counts those for that tuple from 0. Nil means a hash, so
	// that the searches of many connections do not all begin at one port.
	Port func(t Tuple, search int, n uint32) uint32
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
func DefaultTimeouts() Timeouts {
	const s = time.Second
	return Timeouts{
		TCP: [TCPStates]time.Duration{
			TCPNone: 120 * s, TCPSynSent: 120 * s, TCPSynRecv: 60 * s, TCPEstablished: 432000 * s,
			TCPFinWait: 120 * s, TCPCloseWait: 60 * s, TCPLastAck: 30 * s, TCPTimeWait: 120 * s,
			TCPClose: 10 * s, TCPSynSent2: 120 * s,
		},
		TCPMaxRetrans: 300 * s, TCPUnacknowledged: 300 * s,
		UDP: 30 * s, UDPStream: 120 * s,
		ICMP: 30 * s, ICMPv6: 30 * s,
		GRE: 30 * s, GREStream: 180 * s,
		Generic: 600 * s,
		SCTP: [SCTPStates]time.Duration{
			SCTPNone: 10 * s, SCTPClosed: 10 * s, SCTPCookieWait: 3 * s, SCTPCookieEchoed: 3 * s,
			SCTPEstablished: 210 * s, SCTPShutdownSent: 3 * s, SCTPShutdownRecd: 3 * s,
			SCTPShutdownAckSent: 3 * s, SCTPHeartbeatSent: 30 * s,
		},
	}
}

func (c Config) withDefaults() Config {
	if c.Max == 0 {
		c.Max = 262144
	}
	if c.Timeouts == nil {
		d := DefaultTimeouts()
		c.Timeouts = &d
	}
	if c.Port == nil {
		c.Port = hashedPort
	}
	return c
}

// hashedPort takes a hash for what the kernel draws at random.
func hashedPort(t Tuple, round int, n uint32) uint32 {
	if n == 0 {
		return 0
	}
	src, dst := t.Src.As16(), t.Dst.As16()
	words := []uint32{uint32(t.SrcPort)<<16 | uint32(t.DstPort), uint32(t.Proto)}
	for i := 0; i < 16; i += 4 {
		words = append(words, binary.BigEndian.Uint32(src[i:]), binary.BigEndian.Uint32(dst[i:]))
	}
	return jhash2(words, uint32(round)) % n
}
