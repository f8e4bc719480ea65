// Package difftest compares the simulator with the Linux kernel. Tests only.
//
// It does so in two ways. Replay takes packets that were recorded on a real
// node, with the counters of every rule, and sends them through simulator/walk
// over the captured rules of that node: outcome and rules hit must be the same.
// Random makes rule sets and packets from a seed, programs the rules into
// network namespaces, sends the packets there and through the walk, and compares
// counters and what arrived; a case that differs is made smaller and saved.
//
// The package decides nothing about semantics. Where both disagree the kernel is
// right.
package difftest
