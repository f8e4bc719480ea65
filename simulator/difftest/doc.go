// Package difftest compares the simulator with the Linux kernel. Tests only.
//
// It does so in two ways. Replay takes packets that were recorded on a real
// node, with the counters of every rule, and sends them through simulator/walk
// over the captured rules of that node: outcome and rules hit must be the same.
// Random makes rule sets and packets from a seed, programs the rules into
// network namespaces, sends the packets there and through the walk, and compares
// counters, what arrived, and the connections in the end; a case that differs is
// made smaller and saved. What was compared, and what was left out and why, is
// counted (Summary).
//
// The package decides nothing about semantics. Where both disagree the kernel is
// right.
package difftest
