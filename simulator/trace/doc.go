// Package trace holds what happened to a connection on its way: the steps of
// each packet, the verdict and its reason, as plain data, with the JSON form
// tortie.trace/v1 and a text form for people.
//
// The interpreters (simulator/eval, simulator/walk) add steps to a Recorder; a
// nil Recorder is "off" and costs nothing. The package evaluates nothing and
// reads no rules: texts of rules come from the function in Recorder.Text, which
// whoever owns a codec sets.
package trace
