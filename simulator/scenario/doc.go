// Package scenario plays a timed script of packets in the simulator: connections
// that open, speak, idle and close while policies change, with expectations after
// each step.
//
// In go a Scenario (plain data; cmd/tortie reads it from YAML) and a World, which
// makes fleets of objects and turns the names of ends into addresses; out comes a
// Result: what each step did, and which expectations failed. A change of objects
// swaps every node's rules at once while connections and the clock go on, as when
// Felix programs a node anew.
//
// The package reads no files and knows no policies: a policy is what a rule's
// origin says. It waits for nothing; the clock is the walker's.
package scenario
