package felix

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/iptables"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// Policy rules by chance are written as Felix writes them, loaded by the real
// tools and listed again; that has to be what the lowering makes. The writing
// here is by hand from Felix's own forms (felix/iptables/match_builder.go and
// felix/nftables/match_builder.go), not by the codecs.

// chanceRule makes a policy rule that Felix can be told.
func chanceRule(rnd *rand.Rand, f packet.Family) resolve.Rule {
	r := resolve.Rule{Action: resolve.Action(1 + rnd.IntN(4))}
	protos := []packet.Proto{0, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoICMP, packet.ProtoICMPv6, 47, 254}
	r.Protocol = protos[rnd.IntN(len(protos))]
	ported := r.Protocol == packet.ProtoTCP || r.Protocol == packet.ProtoUDP || r.Protocol == packet.ProtoSCTP
	for i, side := range []*resolve.Match{&r.Src, &r.NotSrc, &r.Dst, &r.NotDst} {
		side.Nets = some(rnd, 3, func() netip.Prefix { return chanceNet(rnd, f, i%2 == 0) })
		side.Sets = some(rnd, 2, func() string { return fmt.Sprint("s:", rnd.IntN(3)) })
		if ported {
			side.Ports = some(rnd, 17, func() resolve.PortRange { return chancePort(rnd) })
			side.NamedPorts = some(rnd, 2, func() string { return fmt.Sprint("n:", rnd.IntN(3)) })
		}
	}
	icmp := packet.ProtoICMP
	if f == packet.IPv6 {
		icmp = packet.ProtoICMPv6
	}
	if r.Protocol == icmp && rnd.IntN(2) == 0 {
		r.ICMP = &resolve.ICMP{Type: uint8(rnd.IntN(255))}
	} else if r.Protocol == icmp && rnd.IntN(2) == 0 {
		r.NotICMP = &resolve.ICMP{Type: uint8(rnd.IntN(255))}
	}
	if r.Protocol == 0 && rnd.IntN(2) == 0 {
		r.NotProtocol = protos[1+rnd.IntN(len(protos)-1)]
	}
	return r
}

// some makes up to n things, mostly none or one.
func some[T any](rnd *rand.Rand, n int, one func() T) []T {
	count := 0
	switch rnd.IntN(6) {
	case 0, 1:
		count = 1
	case 2:
		count = 1 + rnd.IntN(n)
	}
	var out []T
	for range count {
		out = append(out, one())
	}
	return out
}

func chancePort(rnd *rand.Rand) resolve.PortRange {
	from := uint16(1 + rnd.IntN(100))
	if rnd.IntN(3) == 0 {
		return resolve.PortRange{From: from, To: from + uint16(rnd.IntN(2000))}
	}
	return resolve.PortRange{From: from, To: from}
}

func chanceNet(rnd *rand.Rand, f packet.Family, everything bool) netip.Prefix {
	b := make([]byte, 4)
	bits := rnd.IntN(33)
	if f == packet.IPv6 {
		b = append([]byte{0xfd, 0}, make([]byte, 14)...)
		bits = rnd.IntN(129)
	}
	for i := range b {
		if i > 1 || f == packet.IPv4 {
			b[i] = byte(rnd.IntN(224))
		}
	}
	if bits == 0 && !everything {
		bits = 1
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, bits).Masked()
}

// chanceChains makes n chains of policy rules that Felix has no problem with.
func chanceChains(seed uint64, n int, nft bool, f packet.Family) (*renderer, []chain) {
	rnd := rand.New(rand.NewPCG(seed, seed))
	set := resolve.DefaultSettings()
	set.NFTables, set.LogRateLimit, set.LocalReporter = nft, "7/minute", f == packet.IPv6
	var problems []Problem
	m, _ := allocateMarks(&set)
	r := newRenderer(&resolve.View{Settings: set}, m, f, newOrigins(), &problems)
	var out []chain
	for len(out) < n {
		in := chanceRule(rnd, f)
		c := chain{name: fmt.Sprint("c", len(out)), rules: r.policyRule(owner{kind: "GlobalNetworkPolicy", name: "p"}, ingress, 0, &in)}
		problems = nil
		if nft {
			r.nftRules("", c.rules)
		} else {
			r.iptablesRules(c.rules)
		}
		if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Text, "crash") }) {
			out = append(out, c)
		}
	}
	return r, out
}

func families() []packet.Family { return []packet.Family{packet.IPv4, packet.IPv6} }

func TestKernel_IptablesSavesWhatIsRendered(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore", "ipset")
	const n = 400
	for _, f := range families() {
		r, chains := chanceChains(uint64(f), n, false, f)
		ns := netns.ForTest(t)
		run(t, ns, r.ipsetText(), "ipset", "restore")
		tool := map[packet.Family]string{packet.IPv4: "iptables-legacy", packet.IPv6: "ip6tables-legacy"}[f]
		run(t, ns, r.iptablesText(chains), tool+"-restore")
		saved := run(t, ns, "", tool+"-save")
		tables, diags := iptables.Parse("save", []byte(saved), iptables.Options{Family: f})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		rules := 0
		for _, c := range chains {
			rules += len(c.rules)
			sameRules(t, tables[0].FindChain(nf.ChainName(c.name)), r.iptablesRules(c.rules), iptables.RuleText)
		}
		t.Logf("%s: %d policy rules, %d kernel rules equal", f, n, rules)
	}
}

func TestKernel_NftListsWhatIsRendered(t *testing.T) {
	netns.Require(t, "nft")
	const n = 400
	for _, f := range families() {
		r, chains := chanceChains(uint64(f), n, true, f)
		ns := netns.ForTest(t)
		run(t, ns, r.nftText(chains), "nft", "-f", "-")
		tables, diags := nftables.Parse("list", []byte(run(t, ns, "", "nft", "list", "ruleset")))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		text := func(x nf.Rule) string { return nftables.RuleText(x, tables[0].Family, true) }
		rules := 0
		for _, c := range chains {
			rules += len(c.rules)
			sameRules(t, tables[0].FindChain(nf.ChainName(c.name)), r.nftRules("", c.rules), text)
		}
		t.Logf("%s: %d policy rules, %d kernel rules equal", f, n, rules)
	}
}

func run(t *testing.T, ns *netns.NS, stdin, tool string, args ...string) string {
	t.Helper()
	out, err := ns.Run(stdin, tool, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	return out
}

func sameRules(t *testing.T, listed *nf.Chain, made []nf.Rule, text func(nf.Rule) string) {
	t.Helper()
	if listed == nil || len(listed.Rules) != len(made) {
		t.Errorf("chain missing or of another length: %v", listed)
		return
	}
	for i := range made {
		if want, got := body(listed.Rules[i]), body(made[i]); want != got {
			t.Errorf("%s rule %d:\n listed %s\n        %s\n made   %s\n        %s",
				listed.Name, i, text(listed.Rules[i]), want, text(made[i]), got)
		}
	}
}
