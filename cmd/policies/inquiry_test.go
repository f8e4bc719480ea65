package policies

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// explained is a fleet of which connections are traced and explained.
type explained struct {
	fleet *host.Fleet
	world *World
	walk  *walk.Walker
}

func loadExplained(t *testing.T, dataplane, dir string) *explained {
	t.Helper()
	var files []cluster.File
	for _, pattern := range []string{"*/*.yaml"} {
		names, err := filepath.Glob(filepath.Join("../..", dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, cluster.File{Name: name, Data: data})
		}
	}
	snap, findings := cluster.Read(files, cluster.Options{})
	linker, more := link.New(snap, link.Options{Iptables: dataplane == "iptables", NFTables: dataplane == "nftables"})
	fleet, _, err := linker.Fleet(nil)
	if err != nil || append(findings, more...).HasErrors() {
		t.Fatal(err, findings, more)
	}
	w := walk.New(fleet, walk.Options{})
	w.Record(&trace.Recorder{})
	return &explained{fleet, New(linker), w}
}

// tally counts what a test compared.
type tally struct{ connections, sides, asked, matched, denied, suggested int }

// The conditions of policy rules, judged one by one, must agree with the walk
// over the kernel's rules: a rule that matched has no failed condition, and one
// that was asked and did not match has one.
func TestWhyNot_ConditionsAgreeWithTheWalk(t *testing.T) {
	for _, dataplane := range []string{"iptables", "nftables"} {
		t.Run(dataplane, func(t *testing.T) {
			x := loadExplained(t, dataplane, "examples/online-shop")
			var n tally
			x.everyPair(t, &n, []uint16{8080, 8082, 5432, 53})
			t.Logf("%+v", n)
			if n.asked < 500 || n.denied < 50 || n.suggested != n.denied {
				t.Errorf("too little was compared: %+v", n)
			}
		})
	}
}

func (x *explained) everyPair(t *testing.T, n *tally, ports []uint16) {
	t.Helper()
	for _, from := range x.fleet.Endpoints {
		for _, to := range x.fleet.Endpoints {
			for _, proto := range []packet.Proto{packet.ProtoTCP, packet.ProtoUDP} {
				for _, port := range ports {
					x.connect(t, n, from, to, proto, port)
				}
			}
		}
	}
}

func (x *explained) connect(t *testing.T, n *tally, from, to host.Endpoint, proto packet.Proto, port uint16) {
	t.Helper()
	if from.HostNetwork || to.HostNetwork || from.Name == to.Name || len(from.Addrs)*len(to.Addrs) == 0 {
		return
	}
	x.walk.Reset()
	c := x.walk.Connect(walk.Request{From: walk.End{Addr: from.Addrs[0], Host: from.Host, Link: from.Link}, Dst: to.Addrs[0],
		Proto: proto, SrcPort: 40000, DstPort: port})
	Attribute(&c, x.fleet)
	x.world.Explain(&c, nil)
	name := fmt.Sprintf("%s to %s %s/%d", from.Name, to.Name, proto, port)
	n.connections++
	for i := range c.Packets {
		for _, v := range visits(c.Packets[i].Steps) {
			x.checkVisit(t, n, name, &v)
		}
	}
	checkOutcome(t, n, name, &c)
}

// checkOutcome holds the explanation against the verdict.
func checkOutcome(t *testing.T, n *tally, name string, c *trace.Connection) {
	t.Helper()
	sides := c.Explanation.Sides
	n.sides += len(sides)
	if c.Reason.Policy == nil || c.Verdict == trace.Allow {
		return
	}
	n.denied++
	if len(sides) == 0 || sides[len(sides)-1].Outcome != outcomeDenied {
		t.Errorf("%s: denied by %s and no side says so: %+v", name, policyName(c.Reason.Policy), sides)
		return
	}
	list := c.Explanation.Considered
	if len(list) == 0 || !list[len(list)-1].Deciding || *list[len(list)-1].Policy != *c.Reason.Policy && c.Reason.Policy.Kind != "Tier" {
		t.Errorf("%s: the list does not end with %s: %+v", name, policyName(c.Reason.Policy), list)
	}
	if c.Explanation.Suggestion != "" {
		n.suggested++
	}
}

// checkVisit judges all rules that were asked.
func (x *explained) checkVisit(t *testing.T, n *tally, name string, v *visit) {
	t.Helper()
	node := x.world.node(v.node)
	ep, ok := node.endpoint(v)
	if !ok {
		t.Errorf("%s: no endpoint for %s %s", name, v.node, v.iface)
		return
	}
	q := inquiry{world: x.world, node: node, visit: v, ep: ep, did: v.decisions(node.marks), end: v.denied()}
	q.run()
	p := packetOf(v)
	if p == nil {
		return
	}
	for _, key := range q.asked {
		d, matched := q.did[key]
		rules := node.rules(key, v.direction)
		ended := false
		for i := range rules {
			if rules[i].Action == resolve.Log || ended {
				continue
			}
			conds, known := x.world.conditionsOf(node, &rules[i], x.world.written(key, v.direction, rules, i), key.Kind, p)
			holds := true
			for _, c := range conds {
				holds = holds && c.holds
			}
			n.asked++
			if !known {
				t.Errorf("%s: a condition of %v rule %d is not known", name, key, i+1)
			}
			if want := matched && rules[i].Index+1 == d.step.Policy.Rule; holds && !want || holds && d.action != rules[i].Action {
				t.Errorf("%s %s at %s: all conditions of %v rule %d hold, and the walk says it did not match", name, v.direction, ep.name, key, rules[i].Index+1)
			} else if holds {
				n.matched++
				ended = true
			}
		}
		if matched && !ended {
			t.Errorf("%s %s at %s: %v rule %d matched, and no rule's conditions hold", name, v.direction, ep.name, key, d.step.Policy.Rule)
		}
	}
}

// packetOf is the packet as rules of policies met it.
func packetOf(v *visit) *packet.Packet {
	for _, s := range v.steps {
		if s.Packet != nil && s.Policy != nil {
			return s.Packet
		}
	}
	return nil
}
