// Package perform plays a scenario once more in the real kernel and compares.
//
// A Rehearsal watches the simulator play (scenario.World.Watch) and remembers what
// each step did and came to; Perform then does the same steps between network
// namespaces (dataplane/lab) and holds against it, step by step: whether each
// connection was answered, the ends of its first packet as the far end saw it,
// which rules of every node were hit, and every node's connection table. What
// differs comes out as text; a difference is never explained away but where this
// package says so: ports that the kernel draws at random, rules that TCP hits once
// more when it sends again what was lost, and connections that a kernel short of
// room drops early.
//
// Where rules choose at random, they choose as the simulator did: see pin.
package perform
