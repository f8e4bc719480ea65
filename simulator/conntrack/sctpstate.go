package conntrack

// SCTPState is the state of a tracked SCTP association (enum sctp_conntrack).
type SCTPState uint8

// The states, in the kernel's order.
const (
	SCTPNone SCTPState = iota
	SCTPClosed
	SCTPCookieWait
	SCTPCookieEchoed
	SCTPEstablished
	SCTPShutdownSent
	SCTPShutdownRecd
	SCTPShutdownAckSent
	SCTPHeartbeatSent
	SCTPStates // number of states
)

var sctpStateNames = [SCTPStates]string{
	"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED",
	"SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
}

// String returns the name that conntrack -L prints.
func (s SCTPState) String() string {
	if s < SCTPStates {
		return sctpStateNames[s]
	}
	return "?"
}

// SCTPTrack is what is remembered of an SCTP association (struct ip_ct_sctp).
type SCTPTrack struct {
	State SCTPState
	VTag  [2]uint32
}
