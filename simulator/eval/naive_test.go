package eval_test

import (
	"testing"

	"pgregory.net/rapid"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// The naive interpreter calls chains recursively by name. It knows marks, ports
// and verdicts; the matches themselves are tested row by row elsewhere.

type naive struct {
	table *nf.Table
	mark  uint32
	port  uint16
}

// chain returns a verdict, or Undecided when the chain came to its end.
func (n *naive) chain(name nf.ChainName, depth int) eval.Verdict {
	for _, r := range n.table.FindChain(name).Rules {
		if v, done := n.rule(r, depth); done {
			return v
		}
	}
	return eval.Undecided
}

// rule returns true when the chain ends here, undecided for a return.
func (n *naive) rule(r nf.Rule, depth int) (eval.Verdict, bool) {
	for _, s := range r.Body {
		switch s := s.(type) {
		case nf.MatchMark:
			if (n.mark&s.Mask == s.Value) == s.Invert {
				return 0, false
			}
		case nf.MatchL4:
			if n.port < s.Dst.From || n.port > s.Dst.To {
				return 0, false
			}
		case nf.SetMark:
			n.mark = n.mark&^s.Mask ^ s.Value
		case nf.Accept:
			return eval.Accept, true
		case nf.Drop:
			return eval.Drop, true
		case nf.Return:
			return eval.Undecided, true
		case nf.Jump:
			v := n.chain(s.Chain, depth+1)
			return v, v != eval.Undecided
		case nf.Goto:
			return n.chain(s.Chain, depth+1), true
		}
	}
	return 0, false
}

func drawRule(t *rapid.T, callees []nf.ChainName) nf.Rule {
	var r nf.Rule
	if rapid.Bool().Draw(t, "has mark") {
		bit := uint32(1) << rapid.IntRange(0, 3).Draw(t, "bit")
		r.Body = append(r.Body, nf.MatchMark{Value: bit, Mask: bit, Invert: rapid.Bool().Draw(t, "invert")})
	}
	if rapid.Bool().Draw(t, "has port") {
		lo := uint16(rapid.IntRange(0, 9).Draw(t, "lo"))
		r.Body = append(r.Body, nf.MatchL4{Proto: packet.ProtoTCP, Dst: &nf.PortRange{From: lo, To: lo + 3}})
	}
	targets := []nf.Stmt{nf.Accept{}, nf.Drop{}, nf.Return{}, nf.Continue{},
		nf.SetMark{Value: uint32(rapid.IntRange(0, 15).Draw(t, "value")), Mask: uint32(rapid.IntRange(0, 15).Draw(t, "mask"))}}
	for _, c := range callees {
		targets = append(targets, nf.Jump{Chain: c}, nf.Goto{Chain: c})
	}
	r.Body = append(r.Body, rapid.SampledFrom(targets).Draw(t, "target"))
	return r
}

func TestRun_EqualsNaiveInterpreter(t *testing.T) {
	names := []nf.ChainName{"FORWARD", "one", "two", "three"}
	rapid.Check(t, func(t *rapid.T) {
		table := nf.Table{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy}
		for i, name := range names {
			c := nf.Chain{Name: name}
			for range rapid.IntRange(0, 6).Draw(t, "rules") {
				c.Rules = append(c.Rules, drawRule(t, names[i+1:]))
			}
			table.Chains = append(table.Chains, c)
		}
		table.Chains[0].Base = &nf.Base{Type: nf.TypeFilter, Hook: nf.Forward,
			Policy: rapid.SampledFrom([]nf.Policy{nf.PolicyAccept, nf.PolicyDrop}).Draw(t, "policy")}
		c := context(tcpPacket())
		c.Packet.DstPort, c.Packet.Mark = uint16(rapid.IntRange(0, 12).Draw(t, "port")), uint32(rapid.IntRange(0, 15).Draw(t, "mark"))
		n := &naive{table: &table, mark: c.Packet.Mark, port: c.Packet.DstPort}
		want := n.chain("FORWARD", 0)
		if want == eval.Undecided {
			want = map[nf.Policy]eval.Verdict{nf.PolicyAccept: eval.Accept, nf.PolicyDrop: eval.Drop}[table.Chains[0].Base.Policy]
		}
		e := eval.New(&nf.Ruleset{Tables: []nf.Table{table}})
		got := e.Run(e.Hook(packet.IPv4, nf.Forward)[0].ID, c)
		if got.Verdict != want || c.Packet.Mark != n.mark {
			t.Fatalf("got %s mark %#x, want %s mark %#x\n%+v", got.Verdict, c.Packet.Mark, want, n.mark, table)
		}
	})
}
