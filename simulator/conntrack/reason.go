package conntrack

// Reason is why a packet is invalid or dropped.
type Reason string

// Why a packet has no connection (its state is INVALID).
const (
	WhyFragment    Reason = "fragment without its first part"
	WhyShort       Reason = "layer 4 header is cut off"
	WhyChecksum    Reason = "bad checksum"
	WhyNoInverse   Reason = "ICMP type that neither asks nor answers"
	WhyICMPType    Reason = "ICMP type that cannot begin a connection"
	WhyICMPFamily  Reason = "ICMP of the other IP family"
	WhyICMPInner   Reason = "ICMP error about no known connection"
	WhyICMPOuter   Reason = "ICMP error to another address than the connection's"
	WhyRedirect    Reason = "IPv6 redirect not from a link-local router"
	WhyTCPFlags    Reason = "TCP flag combination"
	WhyTCPNew      Reason = "TCP segment that cannot begin a connection"
	WhyTCPLoose    Reason = "TCP connection not seen from its beginning, tcp_loose=0"
	WhyTCPState    Reason = "TCP segment not allowed in the connection's state"
	WhyTCPRST      Reason = "TCP RST before what its receiver has acknowledged"
	WhyTCPSeqOver  Reason = "TCP SEQ is over the receiver's window"
	WhyTCPAckOver  Reason = "TCP ACK of data not seen"
	WhySCTPChunks  Reason = "SCTP chunks in a forbidden combination"
	WhySCTPNew     Reason = "SCTP chunk that cannot begin an association"
	WhySCTPVTag    Reason = "SCTP verification tag"
	WhySCTPState   Reason = "SCTP chunk not allowed in the association's state"
	whyReopen      Reason = "reopen"
	whyNotResolved Reason = "reopened twice"
)

// Why a packet is dropped.
const (
	WhyTableFull    Reason = "connection table is full"
	WhyDying        Reason = "connection is being destroyed"
	WhyClash        Reason = "another connection has the same tuple"
	WhyNATTwice     Reason = "NAT binding is set up twice"
	WhyNoAddress    Reason = "masquerading finds no address on the interface"
	WhyOIFChanged   Reason = "masqueraded connection leaves by another interface"
	WhyNATRedirect  Reason = "ICMP redirect of a translated connection"
	WhyNATChecksum  Reason = "ICMP error with a bad checksum cannot be translated"
	WhyNATTruncated Reason = "ICMP error is too short to translate"
)
