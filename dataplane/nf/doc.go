// Package nf is tortie's model of a node's netfilter rules: tables, chains,
// rules, IP sets, nftables sets and maps, as plain data.
//
// It is the one value in the middle of the program: the compiler and the
// importers produce it, the codecs print and read it, the simulator walks it,
// the kernel package programs it. It is a superset of what iptables (legacy and
// nft) and nftables express as Felix v3.32 and kube-proxy use them. What is
// outside of it is kept verbatim in OpaqueMatch or OpaqueTarget and evaluates
// to "unknown".
//
// Order is data: tables, chains, rules, statements and elements are slices in
// program order. The package has no evaluation; see simulator/eval for what each
// statement means.
//
// Invariants: one statement kind is one struct; Match and Target are sealed
// (only this package can implement them), so that a type switch over them can be
// complete; negation is a field Invert, never a second kind.
package nf
