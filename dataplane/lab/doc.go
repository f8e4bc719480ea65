// Package lab builds a fleet out of network namespaces, with every node's rules
// in the real kernel, and makes connections in it.
//
// In goes a host.Fleet and the addresses outside of it that connections come
// from; out come answers: whether a connection stood, was refused, or met
// silence, and what each node's connection tracking remembers. Nodes are
// namespaces joined by a bridge for each segment; pods sit behind their links as
// the CNI plugin wires them; what is outside of a segment or behind another link
// is one namespace there. Time passes by making connections older, and what rules
// remember of addresses.
//
// Everyone knows its IPv6 neighbours from the beginning, because the lab has no
// link-local addresses with which nodes could ask for them.
//
// It judges nothing. Tunnels are VXLAN only; it needs root, iptables, nft, ipset,
// ip and conntrack.
package lab
