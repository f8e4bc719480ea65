// Package conntrack is connection tracking and NAT of one network namespace:
// tuples, the protocol state machines, timeouts, and NAT bindings.
//
// In goes a packet at a hook, with a clock reading; out comes the connection
// and state that the kernel would give it (Ref), a verdict, and for NAT the
// packet with rewritten headers. The order of calls for a packet is
//
//	In           prerouting or output at −200, after raw
//	NeedsNAT     → SetupNAT or Masquerade by the rules, else NullBinding
//	Translate    at each of the nat hooks, −100 and 100
//	Confirm      postrouting or input, last
//
// The package knows no rules, hooks, routes or interfaces' names, never asks
// the clock of the machine, and does not reassemble fragments: where the kernel
// tracks connections it also reassembles, so callers hand over whole datagrams.
// Zones, helpers and expectations do not exist here.
//
// It mirrors nf_conntrack_core.c, nf_conntrack_proto*.c, nf_nat_core.c,
// nf_nat_proto.c and nf_nat_masquerade.c of Linux 6.18; Config selects older
// behaviour where it differs. What the kernel draws at random (a port after a
// clash, the entry that a full table gives up) is chosen here in a fixed way and
// marked as a free choice in Conn.FreePort and Verdict.Uncertain.
package conntrack
