// Package walk takes packets through the hosts of a fleet as Linux does: hooks
// in priority order, connection tracking, NAT, routing, answers of REJECT and
// of the IP layer, and on to the next host.
//
//	Receive ─▶ PREROUTING ─▶ route ─┬─▶ ttl, mtu ─▶ FORWARD ─┬─▶ POSTROUTING ─▶ Sent
//	             ▲                  │                        │        │
//	             │                  ▼                        │        │ lo
//	             │              LOCAL_IN ─▶ Delivered        │        │
//	             │                                           │        │
//	             │   Output ─▶ route ─▶ LOCAL_OUT ─▶ (re-)route       │
//	             └────────────────────────────────────────────────────┘
//
// In goes a host.Fleet and packets; out come Outcomes: delivered, sent out of a
// link to a next hop, dropped where and why, or unknown because of what. Connect
// drives whole connections, request and replies, and reports a trace.Connection.
//
// It mirrors net/ipv4/ip_input.c, ip_forward.c, ip_output.c, net/ipv4/netfilter.c,
// icmp.c, nf_reject_ipv4.c, their IPv6 twins, net/netfilter/core.c and
// nf_nat_inet_fn of net/netfilter/nf_nat_core.c, and of net/netfilter/ipvs the
// hooks, scheduling and NAT of ip_vs_core.c and ip_vs_xmit.c, Linux 6.18.
//
// It has no neighbour tables, no queues, no rate limits of ICMP, no sockets: what
// is delivered counts as received, and peers answer by mirroring the packet.
// A fragment that waits for the rest of its datagram is Held; nothing is said
// when it has waited too long.
//
// Invariants: what it cannot know it calls unknown; with no recorder a packet
// that begins no connection allocates nothing once a Walker is warm; one
// goroutine at a time uses a Walker.
package walk
