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

	sctpInvalid = SCTPStates // table entry: not acceptable
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
	VTag  [2]uint32 // the tag that packets of a direction carry
	init  [2]bool   // an INIT was seen
	// vtagFailed and lastDir remember a heartbeat with another tag.
	vtagFailed bool
	lastDir    Dir
}

// Chunk types of RFC 9260.
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkHeartbeat        = 4
	chunkHeartbeatAck     = 5
	chunkAbort            = 6
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkError            = 9
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
)

// sctpRow returns the row of a chunk type in the table; false for the types
// that change no state.
func sctpRow(chunk uint8) (int, bool) {
	for row, typ := range sctpRows {
		if typ == chunk {
			return row, true
		}
	}
	return 0, false
}

var sctpRows = [...]uint8{
	chunkInit, chunkInitAck, chunkAbort, chunkShutdown, chunkShutdownAck, chunkError,
	chunkCookieEcho, chunkCookieAck, chunkShutdownComplete, chunkHeartbeat, chunkHeartbeatAck,
}

// Short names for the table.
const (
	pCL = SCTPClosed
	pCW = SCTPCookieWait
	pCE = SCTPCookieEchoed
	pES = SCTPEstablished
	pSS = SCTPShutdownSent
	pSR = SCTPShutdownRecd
	pSA = SCTPShutdownAckSent
	pHS = SCTPHeartbeatSent
	pIV = sctpInvalid
)

// sctpTransitions gives the next state by direction, row of sctpRows and state.
var sctpTransitions = [2][len(sctpRows)][SCTPStates]SCTPState{
	{ // original: NONE, CLOSED, …
		{pCL, pCL, pCW, pCE, pES, pCL, pCL, pSA, pCW},
		{pCL, pCL, pCW, pCE, pES, pSS, pSR, pSA, pCL},
		{pCL, pCL, pCL, pCL, pCL, pCL, pCL, pCL, pCL},
		{pCL, pCL, pCW, pCE, pSS, pSS, pSR, pSA, pCL},
		{pSA, pCL, pCW, pCE, pES, pSA, pSA, pSA, pSA},
		{pCL, pCL, pCW, pCE, pES, pSS, pSR, pSA, pCL},
		{pCL, pCL, pCE, pCE, pES, pSS, pSR, pSA, pCL},
		{pCL, pCL, pCW, pES, pES, pSS, pSR, pSA, pCL},
		{pCL, pCL, pCW, pCE, pES, pSS, pSR, pCL, pCL},
		{pHS, pCL, pCW, pCE, pES, pSS, pSR, pSA, pHS},
		{pCL, pCL, pCW, pCE, pES, pSS, pSR, pSA, pHS},
	},
	{ // reply
		{pIV, pCL, pCW, pCE, pES, pSS, pSR, pSA, pIV},
		{pIV, pCW, pCW, pCE, pES, pSS, pSR, pSA, pIV},
		{pIV, pCL, pCL, pCL, pCL, pCL, pCL, pCL, pIV},
		{pIV, pCL, pCW, pCE, pSR, pSS, pSR, pSA, pIV},
		{pIV, pCL, pCW, pCE, pES, pSA, pSA, pSA, pIV},
		{pIV, pCL, pCW, pCL, pES, pSS, pSR, pSA, pIV},
		{pIV, pCL, pCE, pCE, pES, pSS, pSR, pSA, pIV},
		{pIV, pCL, pCW, pES, pES, pSS, pSR, pSA, pIV},
		{pIV, pCL, pCW, pCE, pES, pSS, pSR, pCL, pIV},
		{pIV, pCL, pCW, pCE, pES, pSS, pSR, pSA, pHS},
		{pIV, pCL, pCW, pCE, pES, pSS, pSR, pSA, pES},
	},
}
