// Package ipset reads and writes the language of ipset save: text to []nf.Set
// and back.
//
// In goes the text of a capture; out come the sets with their elements in the
// order of the text, and a finding for every line that cannot be read. Write
// prints input for ipset restore. The package runs no program, matches no packet
// and does not resolve host or service names.
//
// A timeout of an element is the time that it has left; an element of a set
// with timeouts that names none has the set's default. HasTimeout of nf.Set says
// that a set has timeouts, even if the default is none.
//
// It mirrors lib/parse.c and lib/print.c of ipset 7.17.
package ipset
