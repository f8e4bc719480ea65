package difftest

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/dump"
	"tortie/dataplane/host"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
)

var (
	routesN    = flag.Int("routes.n", 8, "nodes with random addresses, routes and policy routing rules to compare with the kernel")
	routesSeed = flag.Uint64("routes.seed", 0, "seed of the first one; 0 takes one from the clock")
)

// questionsPerNode is how often the kernel of one node is asked for a route.
const questionsPerNode = 150

// What ip prints of a node with random addresses, routes and policy routing rules
// is read as a capture; the tables made of it answer as the kernel does: type,
// next hop, link and source, or error.
func TestRoutes_Kernel(t *testing.T) {
	netns.Require(t, "ip")
	seed := *routesSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("first seed %d (-routes.seed=%d repeats)", seed, seed)
	asked, unknown := 0, 0
	for n := range *routesN {
		r := newRouted(t, seed+uint64(n))
		questions := make([]question, questionsPerNode)
		for i := range questions {
			questions[i] = r.question()
		}
		for i, kernel := range r.ask(questions) {
			q := questions[i]
			model := r.answers(q)
			asked++
			if model[0] == "unknown" {
				unknown++
			} else if !slices.Contains(model, kernel) {
				t.Errorf("seed %d: ip route get %s\nkernel %s\nmodel  %s\n%s", seed+uint64(n), q.words(), kernel, strings.Join(model, " or "), r.capture)
			}
		}
	}
	t.Logf("%d nodes, %d questions, %d of them unknown", *routesN, asked, unknown)
	if unknown > asked/2 {
		t.Errorf("%d of %d answers are unknown", unknown, asked)
	}
}

// routed is a node in a network namespace, and what was read of its captures.
type routed struct {
	*rand.Rand
	t       *testing.T
	ns      *netns.NS
	capture string
	tables  *route.Tables
}

func newRouted(t *testing.T, seed uint64) *routed {
	t.Helper()
	r := &routed{Rand: rand.New(rand.NewPCG(seed, 17)), t: t, ns: netns.ForTest(t)}
	r.must(routedLinks, "ip", "-batch", "-")
	for _, key := range []string{"ipv4.conf.all.forwarding=1", "ipv6.conf.all.forwarding=1", "ipv4.conf.all.rp_filter=" + r.pick("0", "0", "1", "2"),
		"ipv4.conf.eth2.ignore_routes_with_linkdown=" + r.pick("0", "1"), "ipv6.conf.eth2.ignore_routes_with_linkdown=" + r.pick("0", "1")} {
		r.must("", "sysctl", "-qw", "net."+key)
	}
	// What the kernel refuses (a gateway that no link reaches) is left out.
	r.ns.Run(r.some(routedAddrs)+r.some(routedRoutes)+r.some(routedRules)+r.rare(routedOpaque), "ip", "-force", "-batch", "-")
	r.settle()
	text := r.must("", "ip", "-d", "addr") + r.must("", "ip", "route", "show", "table", "all") + "# ip rule\n" + r.must("", "ip", "rule") +
		"# ip -6 rule\n" + r.must("", "ip", "-6", "rule") + r.must("", "sysctl", "-a", "--pattern", `^net.ipv[46].(conf.(all|default|lo|eth.)\.|ip_forward)`)
	state, findings := dump.ReadFiles([]dump.File{{Name: "node", Text: text}}, "node")
	for _, f := range findings {
		if !strings.Contains(f.Message, "not modelled") {
			t.Errorf("seed %d: %s: %s", seed, f.Span, f.Message)
		}
	}
	r.capture, _, _ = strings.Cut(text, "net.ipv4")
	r.tables = route.New(state)
	return r
}

// settle waits until every IPv6 address has its local route: the kernel makes it a
// little later, also without duplicate address detection.
func (r *routed) settle() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		addrs, routes := r.must("", "ip", "-6", "addr"), r.must("", "ip", "-6", "route", "show", "table", "local", "type", "local")
		if strings.Count(addrs, "inet6 ") == strings.Count(routes, "local ") {
			return
		}
	}
	r.t.Fatal("IPv6 addresses without local routes")
}

func (r *routed) must(stdin, name string, args ...string) string {
	r.t.Helper()
	out, err := r.ns.Run(stdin, name, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *routed) pick(from ...string) string { return from[r.IntN(len(from))] }

// some is about half of the lines, in random order.
func (r *routed) some(lines []string) string {
	var b strings.Builder
	for _, i := range r.Perm(len(lines)) {
		if r.IntN(2) == 0 {
			b.WriteString(lines[i] + "\n")
		}
	}
	return b.String()
}

// rare is one of the lines now and then.
func (r *routed) rare(lines []string) string {
	if r.IntN(3) > 0 {
		return ""
	}
	return r.pick(lines...) + "\n"
}

// question is one question for a route, of a packet of the node's own or of one
// that came in by a link.
type question struct {
	route.Flow
	v6 bool
}

func (r *routed) question() question {
	q := question{v6: r.IntN(3) == 0}
	dsts, local, foreign := routedDsts4, routedLocal4, routedForeign4
	if q.v6 {
		dsts, local, foreign = routedDsts6, routedLocal6, routedForeign6
	}
	q.Dst = netip.MustParseAddr(r.pick(dsts...))
	switch n := r.IntN(10); {
	case n < 5:
		q.IIF, q.Src = host.LinkName(r.pick("eth0", "eth0", "eth1", "eth2")), netip.MustParseAddr(r.pick(foreign...))
	case n < 7:
		q.Src = netip.MustParseAddr(r.pick(local...))
	}
	if q.IIF == "" && (!q.v6 || !q.Src.IsValid()) && r.IntN(6) == 0 {
		q.OIF = host.LinkName(r.pick("eth0", "eth1", "eth2"))
	}
	if r.IntN(3) == 0 {
		q.Mark = uint32(r.IntN(0x20))
	}
	if r.IntN(5) == 0 {
		q.TOS = 0x10
	}
	if r.IntN(3) == 0 {
		q.Proto = []packet.Proto{packet.ProtoTCP, packet.ProtoUDP}[r.IntN(2)]
		q.SrcPort, q.DstPort = uint16(1+r.IntN(20)), []uint16{53, 80, 443}[r.IntN(3)]
	}
	return q
}

func (q question) words() string {
	w := q.Dst.String()
	if q.Src.IsValid() {
		w += " from " + q.Src.String()
	}
	if q.IIF != "" {
		w += " iif " + string(q.IIF)
	}
	if q.OIF != "" {
		w += " oif " + string(q.OIF)
	}
	if q.Mark != 0 {
		w += fmt.Sprintf(" mark %d", q.Mark)
	}
	if q.TOS != 0 {
		w += fmt.Sprintf(" tos 0x%x", q.TOS)
	}
	if q.Proto != 0 {
		w += fmt.Sprintf(" ipproto %d sport %d dport %d", uint8(q.Proto), q.SrcPort, q.DstPort)
	}
	return w
}

// failedLine is what ip says of a line of a batch that the kernel refused.
var failedLine = regexp.MustCompile(`RTNETLINK answers: (.*)\nCommand failed -:(\d+)`)

// ask asks the kernel all questions.
func (r *routed) ask(all []question) []string {
	var batch strings.Builder
	for _, q := range all {
		batch.WriteString("route get " + q.words() + "\n")
	}
	out, err := r.ns.Run(batch.String(), "ip", "-force", "-j", "-batch", "-")
	answers := make([]string, len(all))
	if err != nil {
		for _, m := range failedLine.FindAllStringSubmatch(err.Error(), -1) {
			line, _ := strconv.Atoi(m[2])
			answers[line-1] = "error " + m[1]
		}
	}
	dec := json.NewDecoder(strings.NewReader(out))
	for i, q := range all {
		if answers[i] != "" {
			continue
		}
		var got []kernelRoute
		if err := dec.Decode(&got); err != nil || len(got) != 1 {
			r.t.Fatalf("%s: %v\n%s", q.words(), err, out)
		}
		answers[i] = got[0].text(q)
	}
	return answers
}

// kernelRoute is one answer of ip -j route get.
type kernelRoute struct {
	Type, Gateway, Dev, Prefsrc string
	Via                         struct{ Host string }
}

func (k kernelRoute) text(q question) string {
	if k.Type == "" {
		k.Type = "unicast"
	}
	if q.IIF != "" || q.Src.IsValid() {
		k.Prefsrc = "" // the source is the packet's
	}
	return strings.Join([]string{k.Type, "via", k.Gateway + k.Via.Host, "dev", k.Dev, "src", k.Prefsrc}, " ")
}

// answers are what the tables answer; several where the kernel draws the next hop.
func (r *routed) answers(q question) []string {
	var out []string
	if q.Proto == 0 && !q.v6 {
		q.Proto = packet.ProtoUDP // what ip route get asks for then
	}
	for q.Hop = 0; q.Hop == 0 || q.Hop < 4; q.Hop++ {
		var res route.Result
		if q.IIF != "" {
			res = r.tables.Input(&q.Flow)
		} else {
			res = r.tables.Output(&q.Flow, false)
		}
		switch {
		case res.Unknown != "":
			return []string{"unknown"}
		case res.Err != route.OK:
			return []string{"error " + errnoTexts[res.Err]}
		}
		out = append(out, routeText(q, &res))
		if q.Hop+1 >= res.Hops {
			break
		}
	}
	return out
}

var routeTypeNames = map[host.RouteType]string{host.RouteUnicast: "unicast", host.RouteLocal: "local", host.RouteBroadcast: "broadcast",
	host.RouteMulticast: "multicast", host.RouteAnycast: "anycast"}

func routeText(q question, res *route.Result) string {
	via, src := "", ""
	if res.Via.IsValid() {
		via = res.Via.String()
	}
	if q.IIF == "" && !q.Src.IsValid() && res.Src.IsValid() {
		src = res.Src.String()
	}
	return strings.Join([]string{routeTypeNames[res.Type], "via", via, "dev", string(res.Dev), "src", src}, " ")
}

// errnoTexts are the words that ip has for the errors. Packets that the kernel
// refuses to route at all have one.
var errnoTexts = map[route.Err]string{
	route.NetUnreach: "Network is unreachable", route.HostUnreach: "No route to host", route.Prohibited: "Permission denied",
	route.Invalid: "Invalid argument", route.MartianSource: "Invalid argument", route.MartianDest: "Invalid argument",
	route.ReversePath: "Invalid argument", route.ForeignSource: "Network is unreachable",
}
