package conntrack

import "time"

// Status are the bits of a connection, with the kernel's values
// (enum ip_conntrack_status, IPS_*).
type Status uint32

// The status bits.
const (
	Expected   Status = 1 << 0
	SeenReply  Status = 1 << 1
	Assured    Status = 1 << 2
	Confirmed  Status = 1 << 3
	SrcNAT     Status = 1 << 4 // the tuple's source really changed
	DstNAT     Status = 1 << 5 // the tuple's destination really changed
	SeqAdjust  Status = 1 << 6
	SrcNATDone Status = 1 << 7
	DstNATDone Status = 1 << 8
	Dying      Status = 1 << 9
	FixedTime  Status = 1 << 10
	NATClash   Status = 1 << 12

	natMask = SrcNAT | DstNAT
	natDone = SrcNATDone | DstNATDone
)

// Info is a packet's relation to its connection (enum ip_conntrack_info).
type Info uint8

// The relations. Invalid, the zero value, is a packet without a connection that
// was not exempted from tracking; a packet that has not reached In yet has it
// as well.
const (
	Invalid Info = iota
	Untracked
	New
	Established
	EstablishedReply
	Related
	RelatedReply
	// Attached is the answer of the host itself to an untracked packet: for rules
	// it is Invalid until In has seen it, but it cannot be exempted from tracking
	// any more (its _nfct is not 0).
	Attached
)

// Dir returns the packet's direction in its connection.
func (i Info) Dir() Dir {
	if i == EstablishedReply || i == RelatedReply {
		return Reply
	}
	return Original
}

// String returns the state as rules name it: INVALID, UNTRACKED, NEW,
// ESTABLISHED or RELATED.
func (i Info) String() string {
	switch i {
	case Untracked:
		return "UNTRACKED"
	case New:
		return "NEW"
	case Established, EstablishedReply:
		return "ESTABLISHED"
	case Related, RelatedReply:
		return "RELATED"
	}
	return "INVALID"
}

// Ref is what a packet carries of connection tracking (skb->_nfct). Conn is nil
// exactly when Info is Invalid, Untracked or Attached.
type Ref struct {
	Conn *Conn
	Info Info
}

// Dir returns the packet's direction in its connection.
func (r Ref) Dir() Dir { return r.Info.Dir() }

// UntrackedRef is what NOTRACK puts on a packet that has no Ref yet.
func UntrackedRef() Ref { return Ref{Info: Untracked} }

// Attach returns the Ref of a packet that the host itself sends in answer to a
// packet with Ref r: an ICMP error or the RST of a REJECT (nf_ct_attach). For
// an invalid offender it is the zero Ref, and the answer is tracked by In like any
// other; so is the answer to an untracked one, but rules cannot prevent it.
func Attach(r Ref) Ref {
	switch {
	case r.Info == Invalid:
		return Ref{}
	case r.Conn == nil:
		return Ref{Info: Attached}
	case r.Dir() == Original:
		return Ref{Conn: r.Conn, Info: RelatedReply}
	}
	return Ref{Conn: r.Conn, Info: Related}
}

// Conn is one connection. Rules may read everything and write Mark; the rest
// is changed by methods of Table only.
type Conn struct {
	// Tuples are the packets' tuples as they arrive, by direction: Tuples[Reply]
	// is the inverse of Tuples[Original] unless NAT changed it.
	Tuples [2]Tuple
	Status Status
	Mark   uint32
	// TCP is the state of a TCP connection, SCTP that of an SCTP association.
	TCP  TCPTrack
	SCTP SCTPTrack
	// MasqIfindex is the interface that masquerading chose, 0 without.
	MasqIfindex int
	// FreePort says that the kernel would have drawn the translated port (or
	// ICMP id) at random, so that a comparison must not insist on it.
	FreePort bool

	// timeout is the time of expiry, or before Confirm the time to live.
	timeout time.Duration
	// streamAt is the time after which a UDP flow with replies is a stream.
	streamAt time.Duration
	id       uint64
}

// ID numbers the connections of a table in order of their creation, from 1.
func (c *Conn) ID() uint64 { return c.id }

// TimeLeft returns how long the connection lives if nothing more happens.
func (c *Conn) TimeLeft(now time.Duration) time.Duration {
	if c.Status&Confirmed == 0 {
		return c.timeout
	}
	return max(c.timeout-now, 0)
}

// refresh restarts the time to live (nf_ct_refresh).
func (c *Conn) refresh(d, now time.Duration) {
	switch {
	case c.Status&FixedTime != 0:
	case c.Status&Confirmed != 0:
		c.timeout = now + d
	default:
		c.timeout = d
	}
}

// expired reports whether a confirmed connection's time is over.
func (c *Conn) expired(now time.Duration) bool { return c.timeout <= now }
