package eval

import "sync"

// State is what rules remember between packets: tokens of limits, counters of
// statistic and numgen, lists of recent, elements that rules added to sets. The
// zero State is that of freshly loaded rules; it belongs to one Engine.
type State struct {
	mu sync.Mutex
}
