package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tortie/simulator/scenario"
)

// exampleScenarios are the scenarios of examples/, by path from the module's
// root.
func exampleScenarios(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../../examples/*/scenario*.yaml", "../../cmd/tortie/testdata/scenario/*/scenario*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no scenarios %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for i, f := range files {
		files[i] = strings.TrimPrefix(f, "../../")
	}
	return files
}

// dataplanesOf are the dataplanes that a scenario is for: the one that it names,
// else both.
func dataplanesOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"iptables", "nftables"} {
		if strings.Contains(string(text), "\n  dataplane: "+d+"\n") {
			return []string{d}
		}
	}
	return []string{"iptables", "nftables"}
}

// What the READMEs of the examples claim stands in their scenarios.
func TestReplay_ExamplesHold(t *testing.T) {
	for _, file := range exampleScenarios(t) {
		for _, dataplane := range dataplanesOf(t, file) {
			t.Run(file+" "+dataplane, func(t *testing.T) {
				out, errs, code := tortie(t, "replay", file, "--dataplane", dataplane)
				if code != exitFine {
					t.Errorf("exit %d\n%s%s", code, out, errs)
				}
				if !strings.Contains(out, " expectations met, 0 not") {
					t.Errorf("no summary in\n%s", out)
				}
			})
		}
	}
}

// play writes a scenario next to the objects of examples/established and plays
// it.
func play(t *testing.T, steps string) (stdout, stderr string, code int) {
	t.Helper()
	dir, err := filepath.Abs("../../examples/established")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "s.yaml")
	rel, err := filepath.Rel(filepath.Dir(file), dir)
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: tortie.dev/v1\nkind: Scenario\nmetadata: {name: t}\nspec:\n  files: [" +
		filepath.Join(rel, "cluster.yaml") + ", " + filepath.Join(rel, "policies.yaml") + "]\n  steps:\n" + steps
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return tortie(t, "replay", file, "-o", "json")
}

func TestReplay_FailedExpectations(t *testing.T) {
	for name, row := range map[string]struct{ steps, want string }{
		"verdict": {"  - open: {from: shop/web, to: 'shop/db:5432'}\n    expect: {verdict: deny}\n",
			"expected deny, got allow on node2 in filter cali-pi-np/shop/db: NetworkPolicy shop/db ingress rule 1"},
		"policy": {"  - open: {from: shop/web, to: 'shop/db:5433'}\n    expect: {by: {name: cache}}\n", "expected cache to decide, but deny"},
		"tier":   {"  - open: {from: shop/web, to: 'shop/db:5433'}\n    expect: {by: {tier: kube-admin}}\n", "expected a policy in tier kube-admin to decide, but deny"},
		"space":  {"  - open: {from: shop/web, to: 'shop/db:5433'}\n    expect: {by: {kind: NetworkPolicy, namespace: shop, rule: 1}}\n", "expected NetworkPolicy of namespace shop rule 1 to decide, but deny"},
		"place":  {"  - open: {from: shop/web, to: 'shop/db:5433'}\n    expect: {at: {table: raw}}\n", "expected the verdict at raw, got it at node2 FORWARD filter"},
		"entry":  {"  - open: {from: shop/web, to: 'shop/db:5432'}\n    expect: {conntrack: [{node: node1, state: ABSENT}]}\n", "expected node1 to have no entry, got ESTABLISHED"},
		"state":  {"  - open: {from: shop/web, to: 'shop/db:5432'}\n    expect: {conntrack: [{node: node1, state: TIME_WAIT}]}\n", "expected an entry TIME_WAIT on node1, got ESTABLISHED"},
		"count":  {"  - open: {from: shop/web, to: 'shop/db:5432', count: 3}\n    expect: {entries: {node2: 4}}\n", "expected 4 entries on node2, got 3"},
		"allowed": {"  - open: {from: shop/web, to: 'shop/db:5432', count: 3}\n    expect: {allowed: 2}\n",
			"expected 2 of 3 connections to be allowed, got 3"},
		"packets": {"  - open: {from: shop/web, to: 'shop/db:5432'}\n    expect: {packets: [{by: {name: db}, count: 2}]}\n", "expected 2 packets at db, got 1"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := play(t, row.steps)
			var got scenario.Result
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s%s", err, out, errs)
			}
			if code != exitFindings || got.Failed != 1 || got.Schema != "tortie.replay/v1" {
				t.Fatalf("exit %d: %s", code, out)
			}
			if f := strings.Join(got.Steps[0].Failures, "\n"); !strings.Contains(f, row.want) {
				t.Errorf("got %q, want %q in it", f, row.want)
			}
		})
	}
}

func TestReplay_WrongScripts(t *testing.T) {
	for name, row := range map[string]struct{ steps, want string }{
		"unknown field":   {"  - opne: {from: a, to: b}\n", `:7:5: `},
		"two things":      {"  - idle: 1s\n    forget: node1\n", "a step does one thing"},
		"nothing":         {"  - name: x\n", "the step does nothing"},
		"no such session": {"  - send: a\n", `no step before this one opens "a"`},
		"no port":         {"  - open: {from: shop/web, to: shop/db}\n", `"shop/db" names no port`},
		"bad duration":    {"  - idle: soon\n", `"soon" is no duration`},
		"silent step":     {"  - idle: 1s\n    expect: {verdict: allow}\n", "the step sends no packet"},
		"bad verdict":     {"  - open: {from: shop/web, to: 'shop/db:1'}\n    expect: {verdict: maybe}\n", `verdict "maybe"`},
		"no such pod":     {"  - open: {from: shop/wbe, to: 'shop/db:1'}\n", `no pod "shop/wbe"`},
		"no such object":  {"  - delete: [{kind: NetworkPolicy, name: x}]\n", "no NetworkPolicy x in the input"},
		"no such file":    {"  - apply: [x.yaml]\n", "x.yaml: no such file or directory"},
		"no connections":  {"  - open: {from: shop/web, to: 'shop/db:1', count: 0}\n", ":7:52: error: count 0 is not from 1 to 64512"},
		"no such ports":   {"  - open: {from: shop/web, to: 'shop/db:1', sourcePort: 65530, count: 7}\n", "take ports up to 65536"},
		"bad object":      {"  - objects: [{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: x, namespace: shop}, spec: {selector: 'a ='}}]\n", ":7:129: error: spec.selector"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := play(t, row.steps)
			if code != exitUsage || !strings.Contains(errs, row.want) {
				t.Errorf("exit %d, want %d and %q in\n%s%s", code, exitUsage, row.want, errs, out)
			}
		})
	}
}

// Mistakes of all kinds are told at once, each at its place: what is written in a wrong
// way, names of nodes, pods, policies and files, and objects.
func TestReplay_AllMistakesAtOnce(t *testing.T) {
	out, errs, code := play(t, `  - open: {from: shop/wbe, to: "shop/dbx:5432"}
    expect: {verdict: maybe, by: {name: dbb}}
  - snd: x
  - objects:
    - {apiVersion: apps/v1, kind: Foo, metadata: {name: x}}
    - {apiVersion: projectcalico.org/v3, kind: NetworkPolicy, spec: {selector: all()}}
    - {apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: q, namespace: shop}, spec: {selectr: all()}}
    - {kind: NetworkPolicy, metadata: {name: r}}
  - open: {from: shop/web, to: "shop/db:5432"}
    expect: {at: {node: node7}, by: {name: q}, entries: {node8: 1}}
  - forget: node9
  - delete: [{kind: NetworkPolicy, namespace: shop, name: nope}]
  nodeRules: {node: established.rules, node1: missing.rules}
  felixEnv: {CHAININSERTMODE: Append, FELIX_CHAININSERTMODE: After}
`)
	for _, want := range []string{
		`:7:18: error: no pod "shop/wbe"`, `:7:32: error: no pod "shop/dbx"`, `:8:23: error: verdict "maybe"`, `:8:41: error: no policy, profile, tier or service is called "dbb"`,
		`:9:5: error: unknown field "spec.steps[1].snd"`, `:11:7: error: objects of kind "Foo" of apps/v1 are not read here`,
		":12:7: error: NetworkPolicy without metadata.name", `:13:108: error: unknown field "spec.selectr"`, ":14:7: error: object without apiVersion and kind",
		`:16:25: error: no node "node7"`, `: error: no node "node8"`, `:17:13: error: no node "node9"`, ":18:14: error: no NetworkPolicy shop/nope",
		"established.rules: no such file or directory", ":19:47: error: ", `: error: "CHAININSERTMODE" is none of Felix's variables`, `:20:62: error: chaininsertmode: "After" is not`,
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if code != exitUsage || strings.Count(errs, ": error: ") != 18 {
		t.Errorf("exit %d, %d errors\n%s%s", code, strings.Count(errs, ": error: "), errs, out)
	}
}

// Rules of other programs belong to nodes that there are.
func TestReplay_RulesOfNoNode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.rules")
	if err := os.WriteFile(file, []byte("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := play(t, "  - open: {from: shop/wbe, to: 'shop/db:1'}\n  nodeRules: {nod1: "+file+"}\n")
	if code != exitUsage || !strings.Contains(errs, `:8:15: error: no node "nod1" in the input`) || !strings.Contains(errs, `did you mean "node1"?`) || !strings.Contains(errs, "shop/wbe") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

// What is wrong with the rules of other programs in steps is told at once, and so is what
// comes behind them.
func TestReplay_WrongNodeRules(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.rules"), filepath.Join(dir, "bad.rules")
	for file, text := range map[string]string{good: "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", bad: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j\nCOMMIT\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := play(t, "  - nodeRules: {node1: none.rules, nod2: "+good+"}\n  - nodeRules: {node1: "+bad+"}\n  - nodeRules: {node1: .}\n"+
		"  - nodeRules: {node1: "+good+"}\n    idle: 1s\n  - nodeRules: {}\n  - nodeRules: {node1: [x]}\n  - open: {from: shop/wbe, to: 'shop/db:1'}\n")
	for _, want := range []string{
		"none.rules: no such file or directory", `:7:36: error: no node "nod2" in the input`, `did you mean "node2"?`, bad + ":3:12: error: rule of chain INPUT",
		": is a directory", ":10:5: error: a step does one thing", ":12:5: error: the step does nothing", ":13:24: error: spec.steps[5].nodeRules.node1: expected a string", `:14:18: error: no pod "shop/wbe"`,
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if code != exitUsage || strings.Count(errs, ": error: ") != 8 {
		t.Errorf("exit %d, %d errors\n%s%s", code, strings.Count(errs, ": error: "), errs, out)
	}
}

// A step without a file takes the rules of other programs away, until one brings them
// back.
func TestReplay_NodeRulesGoAndCome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.rules")
	if err := os.WriteFile(file, []byte("*filter\n:INPUT DROP [0:0]\nCOMMIT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := "  - open: {from: 198.51.100.7, to: 'node:node1:22'}\n    expect: {verdict: %s, at: {node: node1, hook: INPUT, chain: INPUT}}\n"
	steps := fmt.Sprintf(ask+"  - nodeRules: {node1: ''}\n"+ask+"  - nodeRules: {node1: "+file+", node2: ''}\n"+ask, "deny", "allow", "deny")
	out, errs, code := play(t, steps+"  nodeRules: {node1: "+file+"}\n  dataplane: iptables\n")
	if code != exitFine || !strings.Contains(out, `"action": "nodeRules"`) || !strings.Contains(out, "rules of others on node1: "+file+", rules of others on node2: none") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// Files are relative to the scenario, unless their names say where they are.
func TestReplay_AbsolutePaths(t *testing.T) {
	lockdown, err := filepath.Abs("../../examples/established/lockdown.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := play(t, "  - apply: ["+lockdown+"]\n  - open: {from: shop/web, to: 'shop/db:5432'}\n    expect: {verdict: deny}\n")
	if code != exitFine {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// An object in place takes the place of one of the same name.
func TestReplay_InlineObjectReplaces(t *testing.T) {
	out, errs, code := play(t, `  - open: {from: shop/web, to: 'shop/db:5432'}
    expect: {verdict: allow}
  - objects:
    - apiVersion: projectcalico.org/v3
      kind: NetworkPolicy
      metadata: {name: db, namespace: shop}
      spec: {selector: app == 'db', types: [Ingress], ingress: [{action: Deny}]}
  - open: {from: shop/web, to: 'shop/db:5432'}
    expect: {verdict: deny, by: {name: db, rule: 1}}
`)
	if code != exitFine {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	var got scenario.Result
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if s := got.Steps[2].Reason.Source; s == nil || s.Line != 13 {
		t.Errorf("the rule's place is %+v, want line 13 of the scenario", s)
	}
}

// Docker's rules stand behind what Felix inserts, or in front of what it appends.
func TestRender_NodeRules(t *testing.T) {
	for mode, wantFirst := range map[string]string{"Insert": "cali-FORWARD", "Append": "DOCKER-USER"} {
		t.Run(mode, func(t *testing.T) {
			out, errs, code := tortie(t, "render", "-f", "examples/gateway", "--node", "gw", "--dataplane", "iptables",
				"--node-rules", "gw=examples/gateway/docker.rules", "--felix-env", "FELIX_CHAININSERTMODE="+mode)
			if code != exitFine {
				t.Fatalf("exit %d: %s", code, errs)
			}
			var order []string
			for _, line := range strings.Split(out, "\n") {
				if rest, ok := strings.CutPrefix(line, "-A FORWARD "); ok {
					order = append(order, rest)
				}
			}
			if len(order) < 8 || !strings.Contains(order[0], wantFirst) {
				t.Errorf("FORWARD begins otherwise:\n%s", strings.Join(order, "\n"))
			}
			if !strings.Contains(out, ":FORWARD DROP ") {
				t.Error("FORWARD's policy is not docker's")
			}
		})
	}
}

func TestRender_NodeRulesErrors(t *testing.T) {
	for arg, want := range map[string]string{
		"gw":                               "is not NODE=FILE",
		"gw=examples/gateway/nowhere":      "no such file",
		"w=examples/gateway/docker.rules":  `no node "w"`,
		"gw=examples/gateway/cluster.yaml": "cluster.yaml",
	} {
		_, errs, code := tortie(t, "render", "-f", "examples/gateway", "--node", "gw", "--node-rules", arg)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, want %q in %s", arg, code, want, errs)
		}
		t.Chdir("cmd/tortie")
	}
}

// Each mode of kube-proxy says which service refuses a packet.
func TestReplay_ServiceThatRefuses(t *testing.T) {
	const dir = "cmd/tortie/testdata/scenario/service-addresses/"
	for _, mode := range []string{"iptables", "nftables", "ipvs"} {
		for _, dataplane := range []string{"iptables", "nftables"} {
			out, errs, code := tortie(t, "replay", dir+"scenario-refused.yaml", "--kube-proxy", mode, "--dataplane", dataplane)
			if code != exitFine || strings.Contains(out, "is port") {
				t.Errorf("kube-proxy %s, Felix %s: exit %d\n%s%s", mode, dataplane, code, out, errs)
			}
			t.Chdir("cmd/tortie")
		}
	}
	// IPVS leads to the other node, whose pod answers by itself.
	out, _, code := tortie(t, "replay", dir+"scenario-local.yaml", "--kube-proxy", "ipvs")
	if code != exitFindings || !strings.Contains(out, "deny on n1: the reply comes from 10.50.1.10 to 198.51.100.7") {
		t.Errorf("IPVS: exit %d\n%s", code, out)
	}
}
