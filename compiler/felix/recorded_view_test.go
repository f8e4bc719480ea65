package felix

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
)

// viewBuilder puts messages together; a later message about the same thing
// replaces an earlier one.
type viewBuilder struct {
	t        *testing.T
	v        resolve.View
	policies map[resolve.PolicyID]resolve.Policy
	profiles map[string]resolve.Profile
	sets     map[string]*resolve.IPSet
	nodes    map[string]resolve.Node
}

// recordedView reads a recording's messages, addresses and settings.
func recordedView(t *testing.T, parts map[string]string, nft bool) *resolve.View {
	t.Helper()
	b := viewBuilder{
		t: t, policies: map[resolve.PolicyID]resolve.Policy{}, profiles: map[string]resolve.Profile{},
		sets: map[string]*resolve.IPSet{}, nodes: map[string]resolve.Node{},
	}
	b.v.Hostname = "node1"
	b.settings(parts["settings"], nft)
	for _, line := range strings.Split(strings.TrimSpace(parts["protocol"]), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		b.message(kind, (&textReader{t, rest}).fields())
	}
	addr := parts["addr"]
	if nft {
		addr = parts["addr.nft"]
	}
	b.interfaces(addr)
	return b.done()
}

func (b *viewBuilder) settings(text string, nft bool) {
	s := resolve.DefaultSettings()
	s.NFTables = nft
	for _, line := range strings.Fields(text) {
		switch line {
		case "DEFAULTENDPOINTTOHOSTACTION=ACCEPT":
			s.EndpointToHost = resolve.HostAccept
		case "IPV6SUPPORT=false":
			s.IPv6 = false
		}
	}
	b.v.Settings = s
}

func (b *viewBuilder) message(kind string, m message) {
	switch kind {
	case "ActivePolicyUpdate":
		p := m.sub("policy")
		id := m.sub("id").policyID()
		b.policies[id] = resolve.Policy{
			ID: id, Tier: p.str("tier"), Selector: p.str("original_selector"),
			Inbound: p.rules("inbound_rules"), Outbound: p.rules("outbound_rules"),
			Untracked: p.str("untracked") == "true", PreDNAT: p.str("pre_dnat") == "true",
			Forced: slices.Contains(p.strs("perf_hints"), "AssumeNeededOnEveryNode"),
		}
	case "ActiveProfileUpdate":
		name, p := m.sub("id").str("name"), m.sub("profile")
		b.profiles[name] = resolve.Profile{Name: name, Inbound: p.rules("inbound_rules"), Outbound: p.rules("outbound_rules")}
	case "IPSetUpdate":
		b.ipSet(m)
	case "IPSetDeltaUpdate":
		b.addMembers(m.str("id"), m.strs("added_members"))
	case "HostMetadataUpdate":
		b.nodes[m.str("hostname")] = resolve.Node{Name: m.str("hostname"), IPv4: netip.MustParseAddr(m.str("ipv4_addr"))}
	case "IPAMPoolUpdate":
		p := m.sub("pool")
		b.v.Pools = append(b.v.Pools, resolve.Pool{CIDR: prefixOf(p.str("cidr")), Masquerade: p.str("masquerade") == "true"})
	case "WorkloadEndpointUpdate":
		b.workload(m.sub("id"), m.sub("endpoint"))
	case "HostEndpointUpdate":
		b.host(m.sub("id"), m.sub("endpoint"))
	case "GlobalBGPConfigUpdate":
		b.v.LoopCIDRs = slices.Concat(m.nets("service_cluster_cidrs"),
			m.nets("service_external_cidrs"), m.nets("service_loadbalancer_cidrs"))
	default:
		b.t.Fatalf("message %q is not understood", kind)
	}
}

func (b *viewBuilder) ipSet(m message) {
	s := &resolve.IPSet{ID: m.str("id"), Type: resolve.SetIP}
	switch m.str("type") {
	case "NET":
		s.Type = resolve.SetNet
	case "IP_AND_PORT":
		s.Type = resolve.SetIPPort
	}
	b.sets[s.ID] = s
	b.addMembers(s.ID, m.strs("members"))
}

func (b *viewBuilder) addMembers(id string, members []string) {
	s := b.sets[id]
	for _, text := range members {
		var m resolve.Member
		addr, port, ok := strings.Cut(text, ",")
		m.Prefix = prefixOf(addr)
		if ok {
			name, num, _ := strings.Cut(port, ":")
			m.Proto, _ = packet.ParseProto(name)
			n, _ := strconv.Atoi(num)
			m.Port = uint16(n)
		}
		s.Members = append(s.Members, m)
	}
}

func (b *viewBuilder) workload(id, ep message) {
	b.v.Workloads = append(b.v.Workloads, resolve.Workload{
		Orchestrator: id.str("orchestrator_id"), Workload: id.str("workload_id"), Endpoint: id.str("endpoint_id"),
		Active: ep.str("state") == "active", Iface: ep.str("name"),
		IPv4: ep.nets("ipv4_nets"), IPv6: ep.nets("ipv6_nets"),
		Profiles: ep.strs("profile_ids"), Tiers: ep.tiers("tiers"),
	})
}

func (b *viewBuilder) host(id, ep message) {
	b.v.Hosts = append(b.v.Hosts, resolve.HostEndpoint{
		ID: id.str("endpoint_id"), Name: ep.str("name"), Profiles: ep.strs("profile_ids"),
		ExpectedIPv4: ep.addrs("expected_ipv4_addrs"), ExpectedIPv6: ep.addrs("expected_ipv6_addrs"),
		Tiers: ep.tiers("tiers"), UntrackedTiers: ep.tiers("untracked_tiers"),
		PreDNATTiers: ep.tiers("pre_dnat_tiers"), ForwardTiers: ep.tiers("forward_tiers"),
	})
}

// interfaces reads "link NAME FLAGS" and "addr PREFIX" lines.
func (b *viewBuilder) interfaces(text string) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		switch {
		case f[0] == "link":
			b.v.Interfaces = append(b.v.Interfaces, resolve.Interface{
				Name: f[1], Up: strings.Contains(f[2], "UP"), Loopback: strings.Contains(f[2], "LOOPBACK"),
			})
			if f[1] == "kube-ipvs0" {
				b.v.Settings.IPVS = true
			}
		case f[0] == "addr":
			last := &b.v.Interfaces[len(b.v.Interfaces)-1]
			last.Addrs = append(last.Addrs, prefixOf(f[1]))
		}
	}
}

func (b *viewBuilder) done() *resolve.View {
	for _, p := range b.policies {
		b.v.Policies = append(b.v.Policies, p)
	}
	slices.SortFunc(b.v.Policies, func(x, y resolve.Policy) int { return strings.Compare(policyText(x.ID), policyText(y.ID)) })
	for _, k := range sortedKeys(b.profiles) {
		b.v.Profiles = append(b.v.Profiles, b.profiles[k])
	}
	for _, k := range sortedKeys(b.sets) {
		b.v.IPSets = append(b.v.IPSets, *b.sets[k])
	}
	for _, k := range sortedKeys(b.nodes) {
		b.v.Nodes = append(b.v.Nodes, b.nodes[k])
	}
	return &b.v
}
