package conntrack

// TCPState is the state of a tracked TCP connection (enum tcp_conntrack).
type TCPState uint8

// The states, in the kernel's order.
const (
	TCPNone TCPState = iota
	TCPSynSent
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPCloseWait
	TCPLastAck
	TCPTimeWait
	TCPClose
	TCPSynSent2
	TCPStates // number of states

	tcpIgnore  = TCPStates + 1 // table entry: no change, remember the packet
	tcpInvalid = TCPStates + 2 // table entry: not acceptable
)

var tcpStateNames = [TCPStates]string{
	"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
	"CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
}

// String returns the name that conntrack -L prints.
func (s TCPState) String() string {
	if s < TCPStates {
		return tcpStateNames[s]
	}
	return "?"
}

// TCPTrack is what is remembered of a TCP connection (struct ip_ct_tcp).
type TCPTrack struct {
	State TCPState
	Seen  [2]TCPSide // by direction
	last  tcpLast
	// retrans counts identical pure ACKs.
	retrans uint8
}

// TCPSide is what is remembered of one end (struct ip_ct_tcp_state).
type TCPSide struct {
	End, MaxEnd, MaxWin, MaxAck uint32
	Scale                       uint8
	Flags                       TCPSideFlags
}

// TCPSideFlags are the IP_CT_TCP_FLAG_ bits.
type TCPSideFlags uint8

// The flags, with the kernel's values.
const (
	TCPWindowScale        TCPSideFlags = 0x01
	TCPSackPerm           TCPSideFlags = 0x02
	TCPCloseInit          TCPSideFlags = 0x04
	TCPBeLiberal          TCPSideFlags = 0x08
	TCPDataUnacknowledged TCPSideFlags = 0x10
	TCPMaxAckSet          TCPSideFlags = 0x20
	TCPChallengeAck       TCPSideFlags = 0x40
	TCPSimultaneousOpen   TCPSideFlags = 0x80
)

// tcpLast is what is remembered of the last packet, above all of an ignored one.
type tcpLast struct {
	index         tcpIndex
	dir           Dir
	seq, ack, end uint32
	win           uint16
	scale         uint8
	flags         TCPSideFlags
}

// tcpIndex is the kind of a segment (enum tcp_bit_set).
type tcpIndex uint8

const (
	tcpSyn tcpIndex = iota
	tcpSynAck
	tcpFin
	tcpAck
	tcpRst
	tcpOther
)

// Short names for the table.
const (
	sNO = TCPNone
	sSS = TCPSynSent
	sSR = TCPSynRecv
	sES = TCPEstablished
	sFW = TCPFinWait
	sCW = TCPCloseWait
	sLA = TCPLastAck
	sTW = TCPTimeWait
	sCL = TCPClose
	sS2 = TCPSynSent2
	sIG = tcpIgnore
	sIV = tcpInvalid
)

// tcpTransitions gives the next state by direction, kind of segment and state.
var tcpTransitions = [2][6][TCPStates]TCPState{
	{ // original
		//          NO   SS   SR   ES   FW   CW   LA   TW   CL   S2
		tcpSyn:    {sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
		tcpSynAck: {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
		tcpFin:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		tcpAck:    {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
		tcpRst:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		tcpOther:  {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
	{ // reply
		tcpSyn:    {sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
		tcpSynAck: {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
		tcpFin:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		tcpAck:    {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
		tcpRst:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		tcpOther:  {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
}
