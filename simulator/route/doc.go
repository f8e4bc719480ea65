// Package route answers what a node's kernel answers about addresses: where a
// packet goes, which source address a packet of the host gets, whether a source
// is believable, and of what type an address is.
//
// In comes a host.State (links, addresses, routes, policy routing rules,
// sysctls); New compiles it once. Out come decisions as plain values; a look-up
// does not allocate. The package does not know packets, netfilter or
// connections, and it has no neighbour tables: that somebody answers at a next
// hop is not its business.
//
// It mirrors net/ipv4/route.c (ip_route_input_slow, ip_route_output_key_hash),
// net/ipv4/fib_frontend.c (fib_validate_source), net/ipv4/fib_trie.c
// (fib_table_lookup), net/ipv4/devinet.c (inet_select_addr), net/core/fib_rules.c
// and for IPv6 net/ipv6/route.c, net/ipv6/fib6_rules.c and net/ipv6/addrconf.c.
//
// Where the kernel draws lots the caller chooses: of a multipath route Flow.Hop is
// taken and Result.Hops says of how many. What is not modelled (an unknown selector
// of a rule, an unknown word of a route, multicast membership) yields
// Result.Unknown.
//
// Missing sysctls have the kernel's defaults, but forwarding: when the sysctls do
// not speak of it in a family at all, it is supposed to be on, which callers
// learn from AssumesForwarding and should say, or doubt (DoubtsForwarding). Missing
// policy routing rules are the three (IPv6: two) default ones; a missing table
// local is derived from the links' addresses. Where the state says that parts of
// it are not known (host.Missing), what depends on them is Result.Unknown.
package route
