package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tortie/compiler/calico"
	"tortie/compiler/selector"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// message is a protobuf text message: each field with its values in order.
type message map[string][]value

type value struct {
	text string
	sub  message
}

func (m message) str(key string) string { return strings.Join(m.strs(key), " ") }

func (m message) strs(key string) []string {
	var out []string
	for _, v := range m[key] {
		out = append(out, v.text)
	}
	return out
}

func (m message) sub(key string) message {
	if len(m[key]) == 0 {
		return nil
	}
	return m[key][0].sub
}

// parseMessage reads fields up to a closing brace or the end.
func parseMessage(s string) (message, string) {
	m := message{}
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" || s[0] == '}' {
			return m, strings.TrimPrefix(s, "}")
		}
		key, rest, _ := strings.Cut(s, ":")
		var v value
		switch {
		case rest[0] == '{':
			v.sub, s = parseMessage(rest[1:])
		case rest[0] == '"':
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				panic(err)
			}
			v.text, _ = strconv.Unquote(quoted)
			s = rest[len(quoted):]
		default:
			end := strings.IndexAny(rest, " }")
			if end < 0 {
				end = len(rest)
			}
			v.text, s = rest[:end], rest[end:]
		}
		m[key] = append(m[key], v)
	}
}

// What Felix told its dataplane of each policy and endpoint that matters on its
// node is what the model holds.
func TestModel_RecordedProtocol(t *testing.T) {
	dirs, err := filepath.Glob("testdata/felix-k8s/k*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no recordings", err)
	}
	policies, rules, endpoints := 0, 0, 0
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			model := readModel(t, filepath.Join(dir, "cluster.yaml"))
			text, err := os.ReadFile(filepath.Join(dir, "protocol.txt"))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(text), "\n") {
				kind, rest, _ := strings.Cut(line, " ")
				m, _ := parseMessage(rest)
				switch kind {
				case "ActivePolicyUpdate":
					policies++
					rules += comparePolicy(t, model, m)
				case "WorkloadEndpointUpdate", "HostEndpointUpdate":
					endpoints++
					compareEndpoint(t, model, kind, m)
				}
			}
		})
	}
	t.Logf("compared %d policies, %d rules, %d endpoints", policies, rules, endpoints)
	if policies < 50 || rules < 100 || endpoints < 50 {
		t.Error("fewer recordings than expected")
	}
}

func readModel(t *testing.T, file string) *Model {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	snap, diags := Read([]File{{Name: file, Data: data}}, Options{})
	for _, d := range diags {
		if d.Code != "calico/stored-without-types" {
			t.Errorf("%s: %s", d.Span, d.Message)
		}
	}
	model, diags := snap.Model()
	for _, d := range diags {
		t.Errorf("%s: %s", d.Span, d.Message)
	}
	return model
}

func comparePolicy(t *testing.T, model *Model, m message) int {
	id := calico.PolicyID{Kind: m.sub("id").str("kind"), Namespace: m.sub("id").str("namespace"), Name: m.sub("id").str("name")}
	i := slices.IndexFunc(model.Policies, func(p Sourced[calico.Policy]) bool { return p.Value.ID == id })
	if i < 0 {
		t.Errorf("no policy %v", id)
		return 0
	}
	p, want := model.Policies[i].Value, m.sub("policy")
	check(t, id, "tier", p.Tier, want.str("tier"))
	check(t, id, "selector", canonical(p.Selector), want.str("original_selector"))
	n := compareRules(t, fmt.Sprint(id, " in"), p.Ingress, want["inbound_rules"])
	return n + compareRules(t, fmt.Sprint(id, " out"), p.Egress, want["outbound_rules"])
}

func check(t *testing.T, who any, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%v: %s is\n  %s, want\n  %s", who, what, got, want)
	}
}

func canonical(text string) string {
	s, err := selector.Parse(text)
	if err != nil {
		return err.Error()
	}
	return s.String()
}

// compareRules compares rule by rule. An IPv4-only Felix is told of IPv6 nets
// too, so nets compare as they are.
func compareRules(t *testing.T, who string, rules []calico.Rule, want []value) int {
	if len(rules) != len(want) {
		t.Errorf("%s: %d rules, want %d", who, len(rules), len(want))
		return 0
	}
	for i, r := range rules {
		at, w := fmt.Sprint(who, " rule ", i), want[i].sub
		check(t, at, "action", r.Action, w.str("action"))
		check(t, at, "protocol", protoText(r.Protocol), w.sub("protocol").str("name")+w.sub("protocol").str("number"))
		check(t, at, "name", r.Annotations["name"], w.sub("metadata").sub("annotations").str("value"))
		compareEnd(t, at, "src", r.Src, w)
		compareEnd(t, at, "dst", r.Dst, w)
	}
	return len(rules)
}

func protoText(p *numorstring.Protocol) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func compareEnd(t *testing.T, at, side string, e calico.RuleEnd, w message) {
	check(t, at, side+" nets", join(e.Nets), w.str(side+"_net"))
	check(t, at, side+" not nets", join(e.NotNets), w.str("not_"+side+"_net"))
	check(t, at, side+" original selector", e.OriginalSelector, w.str("original_"+side+"_selector"))
	check(t, at, side+" original namespace selector", e.OriginalNamespaceSelector, w.str("original_"+side+"_namespace_selector"))
	var ports []string
	named := 0
	for _, p := range e.Ports {
		if p.PortName != "" {
			named++
			continue
		}
		ports = append(ports, fmt.Sprintf("%d-%d", p.MinPort, p.MaxPort))
	}
	var wantPorts []string
	for _, p := range w[side+"_ports"] {
		wantPorts = append(wantPorts, p.sub.str("first")+"-"+p.sub.str("last"))
	}
	check(t, at, side+" ports", strings.Join(ports, " "), strings.Join(wantPorts, " "))
	// With a negated selector beside it, or named ports, Felix makes another set.
	if named == 0 && e.Selector != "" && e.Service == "" && e.NotSelector == "" {
		s, err := selector.Parse(e.Selector)
		if err != nil {
			t.Errorf("%s: %s selector %q: %v", at, side, e.Selector, err)
			return
		}
		check(t, at, side+" set", s.UniqueID(), w.str(side+"_ip_set_ids"))
	}
}

func join[T any](list []T) string {
	return strings.Trim(fmt.Sprint(list), "[]")
}

func compareEndpoint(t *testing.T, model *Model, kind string, m message) {
	id, want := m.sub("id"), m.sub("endpoint")
	if kind == "HostEndpointUpdate" {
		i := slices.IndexFunc(model.HostEndpoints, func(h Sourced[calico.HostEndpoint]) bool { return h.Value.Name == id.str("endpoint_id") })
		if i < 0 {
			t.Errorf("no host endpoint %v", id)
			return
		}
		h := model.HostEndpoints[i].Value
		check(t, h.Name, "interface", h.InterfaceName, want.str("name"))
		check(t, h.Name, "profiles", join(h.Profiles), want.str("profile_ids"))
		check(t, h.Name, "addresses", join(h.ExpectedIPs), strings.TrimSpace(want.str("expected_ipv4_addrs")+" "+want.str("expected_ipv6_addrs")))
		return
	}
	i := slices.IndexFunc(model.Endpoints, func(e Sourced[calico.Endpoint]) bool {
		return e.Value.Workload == id.str("workload_id") && e.Value.Endpoint == id.str("endpoint_id") && e.Value.Orchestrator == id.str("orchestrator_id")
	})
	if i < 0 {
		t.Errorf("no endpoint %v", id)
		return
	}
	e := model.Endpoints[i].Value
	nets := slices.Clone(e.Nets)
	slices.SortStableFunc(nets, func(a, b netip.Prefix) int { return cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()) })
	check(t, e.Workload, "interface", e.InterfaceName, want.str("name"))
	check(t, e.Workload, "profiles", join(e.Profiles), want.str("profile_ids"))
	check(t, e.Workload, "nets", join(nets), strings.TrimSpace(want.str("ipv4_nets")+" "+want.str("ipv6_nets")))
}
