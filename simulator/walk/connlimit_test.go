package walk_test

import (
	"testing"
	"time"

	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// A limit of connections counts those that live. Those that ended are forgotten
// when the kernel counts the next time, but not within the same jiffy: until
// then the answer is unknown where it depends on them.
func TestConnect_ConnLimit(t *testing.T) {
	for text, cases := range map[string][]struct {
		wait time.Duration
		want trace.Verdict
	}{
		"-p udp": {{0, trace.Allow}, {0, trace.Allow}, {0, trace.Deny}, {time.Hour, trace.Allow}, {0, trace.Allow}, {0, trace.Deny}},
		// Every one of them is answered with a RST, and so is closed at once.
		// Without --syn the RST is counted, too: where nothing is left to count but the
		// connection that it ends, the kernel may drop it.
		"-p tcp":       {{0, trace.Allow}, {0, trace.Unknown}},
		"-p tcp --syn": {{0, trace.Allow}, {0, trace.Allow}, {0, trace.Unknown}, {time.Second, trace.Allow}},
	} {
		w := walk.NewHost(rules(t, state(), "*filter\n:FORWARD ACCEPT\n-A FORWARD "+text+
			" -m connlimit --connlimit-above 2 --connlimit-mask 32 -j DROP\nCOMMIT\n"), walk.Options{})
		for i, c := range cases {
			w.Advance(c.wait)
			r := udp(outside, "10.65.0.2", 53)
			if text != "-p udp" {
				r = tcp(outside, "10.65.0.2", 53)
				r.Closed = true
			}
			r.SrcPort += uint16(i)
			want(t, w.Connect(r), c.want)
		}
	}
}
