package main

import (
	"fmt"
	"strings"

	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
	"tortie/simulator/walk"

	"github.com/spf13/pflag"
)

// maxCount is how many connections one trace may open: as many as there are source
// ports from 1024 on.
const maxCount = 65536 - 1024

// packetFlags say what is sent in place of one connection in full.
type packetFlags struct {
	flags   string
	ctState string
	count   int
	request walk.Request // Flags, Assume and State, once checked
}

func (p *packetFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.flags, "flags", "", "send one TCP segment with these flags in place of a handshake: SYN, ACK, FIN, RST, PSH, URG, ECE, CWR, with commas")
	f.StringVar(&p.ctState, "ct-state", "", "send one packet that connection tracking of every node takes to be NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED")
	f.IntVar(&p.count, "count", 1, "open so many connections, from one source port after the other, and show the first that is refused")
}

var tcpFlagNames = []struct {
	name string
	bit  packet.TCPFlags
}{{"SYN", packet.SYN}, {"ACK", packet.ACK}, {"FIN", packet.FIN}, {"RST", packet.RST}, {"PSH", packet.PSH}, {"URG", packet.URG}, {"ECE", packet.ECE}, {"CWR", packet.CWR}}

var ctStates = map[string]conntrack.Info{"NEW": conntrack.New, "ESTABLISHED": conntrack.Established, "RELATED": conntrack.Related,
	"INVALID": conntrack.Invalid, "UNTRACKED": conntrack.Untracked}

// check reads the flags; every word has to be known.
func (p *packetFlags) check() error {
	if p.count < 1 || p.count > maxCount {
		return usageError("--count %d is not from 1 to %d", p.count, maxCount)
	}
	for _, word := range strings.FieldsFunc(p.flags, func(r rune) bool { return r == ',' || r == ' ' }) {
		bit, ok := tcpFlag(word)
		if !ok {
			return usageError("--flags: %q is none of SYN, ACK, FIN, RST, PSH, URG, ECE, CWR", word)
		}
		p.request.Flags |= bit
	}
	if p.flags != "" && p.request.Flags == 0 {
		return usageError("--flags %q names no flag", p.flags)
	}
	if p.ctState != "" {
		state, ok := ctStates[strings.ToUpper(p.ctState)]
		if !ok {
			return usageError("--ct-state %q is none of NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED", p.ctState)
		}
		p.request.Assume, p.request.State = true, state
	}
	return nil
}

func tcpFlag(word string) (packet.TCPFlags, bool) {
	for _, f := range tcpFlagNames {
		if strings.EqualFold(word, f.name) {
			return f.bit, true
		}
	}
	return 0, false
}

// fits holds the flags against the protocol.
func (p *packetFlags) fits(proto packet.Proto) error {
	if p.flags != "" && proto != packet.ProtoTCP {
		return usageError("--flags are of TCP; the connection is %s", proto)
	}
	if p.count > 1 && !proto.HasPorts() {
		return usageError("--count needs a protocol with ports; the connection is %s", proto)
	}
	return nil
}

// connect tries the connections and returns the first that is refused, else the
// first of all.
func (p *packetFlags) connect(w *walk.Walker, r walk.Request) trace.Connection {
	r.Flags, r.Assume, r.State = p.request.Flags, p.request.Assume, p.request.State
	var shown trace.Connection
	allowed, refused := 0, false
	for i := range p.count {
		c := w.Connect(r)
		r.SrcPort = nextPort(r.SrcPort)
		if c.Verdict == trace.Allow {
			allowed++
		}
		if i == 0 || !refused && c.Verdict != trace.Allow {
			shown, refused = c, c.Verdict != trace.Allow
		}
	}
	if p.count > 1 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("%d of %d connections are allowed", allowed, p.count))
	}
	if r.Assume {
		shown.Notes = append(shown.Notes, "one packet, taken to be "+r.State.String()+" by connection tracking of every node; no answer is sent")
	}
	return shown
}

// nextPort is the source port of the next connection.
func nextPort(p uint16) uint16 {
	if p == 65535 {
		return 1024
	}
	return p + 1
}
