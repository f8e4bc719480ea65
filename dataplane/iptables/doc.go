// Package iptables reads and writes the language of iptables-save and
// ip6tables-save: text to []nf.Table and back.
//
// In goes the text of a capture, legacy or nf_tables; out come tables, chains
// and rules in the order of the text, with a finding for every line that cannot
// be read and for every match and target that is kept verbatim because the model
// does not know it. Write prints input for iptables-restore. The package runs no
// program, evaluates nothing and does not resolve host or service names.
//
// It mirrors the save and parse functions of iptables 1.8.9 (extensions/lib*.c,
// iptables/xshared.c).
package iptables
