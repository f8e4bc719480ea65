package difftest

import (
	"fmt"
	"maps"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/dump"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Tally counts what a replay compared.
type Tally struct {
	Recordings, Probes int
	// Hits are the rules hit that were compared, RulesHit the different ones.
	Hits, RulesHit int
	// Exact are the hits with the same number of packets. Of others it is compared
	// only that both hit the rule, because other packets did, too: Repeats those
	// that TCP repeated while the probe ran, Others those of the node's daemons, of
	// neighbour discovery and of probes before.
	Exact, Repeats, Others int
	// Conns are the connection table entries that were compared.
	Conns int
	// Noise are recorded hits that a probe did not cause: packets of the node's
	// own daemons, and what earlier probes sent again.
	Noise int
}

func (t Tally) String() string {
	return fmt.Sprintf("%d recordings, %d probes, %d rule hits compared (%d different rules): %d with the same number of packets; "+
		"%d only that they are hit, because TCP repeated segments (%d) or other packets hit the rule, too (%d); %d more hits by other packets alone; %d connections",
		t.Recordings, t.Probes, t.Hits, t.RulesHit, t.Exact, t.Repeats+t.Others, t.Repeats, t.Others, t.Noise, t.Conns)
}

func (t *Tally) add(o Tally) {
	t.Hits += o.Hits
	t.Exact += o.Exact
	t.Repeats += o.Repeats
	t.Others += o.Others
	t.Noise += o.Noise
	t.Conns += o.Conns
}

// Replay sends every probe of a recording through the walk over the node that its
// captures describe, and returns what is different, one line each.
func Replay(r *Recording, t *Tally) ([]string, error) {
	state, err := r.State()
	if err != nil {
		return nil, err
	}
	return ReplayOn(r, state, t)
}

// ReplayOn is Replay over another description of the same node. Its nftables
// rules need the handles of the recording's.
func ReplayOn(r *Recording, state *host.State, t *Tally) ([]string, error) {
	w := newWorld(r, state)
	noise := w.noise(r)
	rules := map[Place]bool{}
	var diffs []string
	t.Recordings++
	for _, p := range r.Probes {
		t.Probes++
		found, err := r.replayProbe(p, w, noise, t, rules)
		if err != nil {
			return diffs, fmt.Errorf("%s: %w", p.Name, err)
		}
		for _, d := range found {
			diffs = append(diffs, fmt.Sprintf("%s %s %s: %s", r.Scenario, r.Mode, p.Name, d))
		}
	}
	t.RulesHit += len(rules)
	return diffs, nil
}

// replayProbe replays one probe. Whether IPv6 neighbours knew each other was not
// recorded, nor whether a server was slow to close: a probe may agree either way.
// What the probe leaves to be sent again is noise for those that follow.
func (r *Recording) replayProbe(p Probe, w *world, noise map[Place]bool, t *Tally, rules map[Place]bool) ([]string, error) {
	var best []string
	var tally Tally
	later := map[Place]bool{}
	for i, v := range p.variants() {
		w.cold, w.slow = v.cold, v.slow
		w.reset()
		out, err := w.run(p)
		if err != nil {
			return nil, err
		}
		var count Tally
		diffs := w.compareConns(p, &count)
		out.hits, out.unknown = w.node.hits, w.node.unknown
		repeats := map[Place]bool{}
		w.late(repeats)
		maps.Copy(later, repeats)
		diffs = append(diffs, r.compare(p, w, out, noise, repeats, &count, rules)...)
		if i == 0 || len(diffs) < len(best) {
			best, tally = diffs, count
		}
		if len(diffs) == 0 {
			break
		}
	}
	w.slow = false
	t.add(tally)
	maps.Copy(noise, later)
	return best, nil
}

// variant is what was not recorded of a probe.
type variant struct {
	cold coldness
	slow bool
}

func (p Probe) variants() []variant {
	var out []variant
	for i, cold := range coldnesses {
		if i > 0 && !strings.Contains(p.Src, ":") {
			break
		}
		out = append(out, variant{cold: cold})
		if p.Proto == "tcp" {
			out = append(out, variant{cold: cold, slow: true})
		}
	}
	return out
}

// State is the node that the recording's captures describe.
func (r *Recording) State() (*host.State, error) {
	var files []dump.File
	for name, text := range r.Files {
		files = append(files, dump.File{Name: name, Text: text})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	s, findings := dump.ReadFiles(files, nodeName)
	for _, f := range findings {
		if f.Severity == diag.Error {
			return nil, fmt.Errorf("%s %s: %s: %s", r.Scenario, r.Mode, f.Span, f.Message)
		}
	}
	s.Sysctls["net.ipv6.conf.all.forwarding"] = "1" // so it was, and not captured
	return s, nil
}

// compare returns how a probe in the walk differs from the recorded one.
func (r *Recording) compare(p Probe, w *world, out outcome, noise, repeats map[Place]bool, t *Tally, rules map[Place]bool) []string {
	var diffs []string
	if out.unknown != "" {
		diffs = append(diffs, "unknown: "+out.unknown)
	}
	if out.result != p.Result {
		diffs = append(diffs, fmt.Sprintf("result %s, recorded %s", out.result, p.Result))
	} else if d := compareBanner(p, out); d != "" {
		diffs = append(diffs, d)
	}
	recorded := map[Place]int{}
	for _, h := range p.Hits {
		if place, ok := r.rulePlace(h[0]); ok {
			recorded[place] = h[1]
		}
	}
	for place, n := range recorded {
		t.Hits++
		rules[place] = true
		got := out.hits[place]
		switch {
		case got == n:
			t.Exact++
		case n > got && got > 0 && repeats[place]:
			t.Repeats++
		case n > got && got > 0 && noise[place]:
			t.Others++
		case got == 0 && (noise[place] || repeats[place]):
			t.Noise++
		default:
			diffs = append(diffs, fmt.Sprintf("%s %s %s: hit %d, recorded %d", place.Table, place.Chain, place.Index, got, n))
		}
	}
	for place, n := range out.hits {
		if recorded[place] == 0 && w.counts(place) && !(r.Mode == dump.IptablesNFT && place.Index == "policy") {
			diffs = append(diffs, fmt.Sprintf("%s %s %s: hit %d, not recorded", place.Table, place.Chain, place.Index, n))
		}
	}
	sort.Strings(diffs)
	return diffs
}

// counts reports whether a rule has a counter: iptables rules do, an nftables
// rule that matched only if it has the statement. Policies of nftables have none.
func (w *world) counts(p Place) bool {
	family, name, native := strings.Cut(p.Table, " ")
	if !native || family == "v6" {
		return true
	}
	if p.Index == "policy" {
		return false
	}
	for i := range w.state.Ruleset.Tables {
		t := &w.state.Ruleset.Tables[i]
		if t.Family.String() != family || string(t.Name) != name {
			continue
		}
		c := t.FindChain(nf.ChainName(p.Chain))
		for j := range c.Rules {
			if fmt.Sprint(c.Rules[j].Handle) == p.Index {
				return hasCounter(&c.Rules[j])
			}
		}
	}
	return true
}

func hasCounter(r *nf.Rule) bool {
	for _, s := range r.Body {
		if _, ok := s.(nf.Counter); ok {
			return true
		}
	}
	return false
}

// compareBanner compares what the listener said: who it is, where it was
// reached, and by whom. Where masquerading drew a port at random, it is enough
// that the walk changed the port, too.
func compareBanner(p Probe, out outcome) string {
	if p.Banner == "" {
		return ""
	}
	if len(out.banners) != 1 {
		return fmt.Sprintf("%d listeners answered, recorded %q", len(out.banners), p.Banner)
	}
	got := out.banners[0]
	fields := strings.Fields(p.Banner)
	if len(fields) != 3 {
		return fmt.Sprintf("cannot read the recorded banner %q", p.Banner)
	}
	seen, err := bannerEnd(strings.TrimPrefix(fields[2], "src="))
	if err != nil {
		return err.Error()
	}
	if seen.Port() != p.SrcPort && got.remote.Port() != p.SrcPort {
		got.remote = netip.AddrPortFrom(got.remote.Addr(), seen.Port())
	}
	want := fmt.Sprintf("%s %s %s", fields[0], fields[1], seen)
	if text := fmt.Sprintf("%s %s:%d %s", got.stack, got.local.Addr(), got.local.Port(), got.remote); text != want {
		return fmt.Sprintf("listener %s, recorded %s", text, want)
	}
	return ""
}

// bannerEnd reads "address:port"; IPv6 addresses stand without brackets.
func bannerEnd(s string) (netip.AddrPort, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("no port in %q", s)
	}
	a, err := netip.ParseAddr(s[:i])
	if err != nil {
		return netip.AddrPort{}, err
	}
	var port uint16
	if _, err := fmt.Sscanf(s[i+1:], "%d", &port); err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, port), nil
}

// traced are the probes' own rules of iptables-nft recordings: two TRACE rules
// stood before the others in raw while packets were sent.
const traced = 2

// rulePlace returns a recorded place as a rule of the captures; false for rules
// that the captures do not have and for tables that see no IP packets.
func (r *Recording) rulePlace(i int) (Place, bool) {
	p := r.Places[i]
	if strings.HasPrefix(p.Table, "arp ") {
		return p, false
	}
	if r.Mode != dump.IptablesNFT || !strings.HasSuffix(p.Table, "raw") || p.Index == "policy" || p.Chain != "PREROUTING" && p.Chain != "OUTPUT" {
		return p, true
	}
	n, err := strconv.Atoi(p.Index)
	if err != nil || n <= traced {
		return p, false
	}
	p.Index = strconv.Itoa(n - traced)
	return p, true
}
