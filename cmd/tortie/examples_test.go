package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tortie/dataplane/golden"
)

// tortie runs the program from the module's root and returns what it printed.
func tortie(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	atRoot(t)
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// atRoot makes the module's root the working directory, once per test.
func atRoot(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("go.mod"); err != nil {
		t.Chdir("../..")
	}
}

// What else READMEs of examples claim, and no scenario says.
func TestExamples_Claims(t *testing.T) {
	for name, row := range map[string]struct {
		command string
		want    []string // regular expressions, in this order
	}{
		"captured-node: its policies let no other client in": {"trace --node-dump node1=examples/captured-node/node1 172.31.0.101 172.31.0.1:30080",
			[]string{"^DENY ", "node1 PREROUTING mangle/cali-pi-gnp/prednat-deny rule"}},
		"node-ports: IPVS, another way": {"trace -f examples/node-ports --kube-proxy ipvs 198.51.100.7 node:edge-1:30080/tcp",
			[]string{"^ALLOW ", "PREROUTING  rule +mangle/cali-pi-gnp/allow-office rule 1", "for this host", "INPUT +nat +IPVS translated", "OUTPUT +rule +filter/cali-forward"}},
		"node-ports: IPVS, the same verdicts": {"replay examples/node-ports/scenario.yaml --kube-proxy ipvs", []string{"expectations met, 0 not"}},
		"shop: a policy for each protected party": {"compile -f examples/shop -f examples/online-shop/cluster",
			[]string{"name: platform.shop-catalog\n", "name: platform.shop-db\n", "name: platform.shop-orders\n", "name: platform.shop-web\n"}},
		"online-shop: what lets it out": {"trace -f examples/online-shop shop/web-0 shop/db-0:5432",
			[]string{"^DENY ", "egress of shop/web-0 +allowed by NetworkPolicy shop/web ", "ingress of shop/db-0 +denied by GlobalNetworkPolicy security.databases"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := tortie(t, strings.Fields(row.command)...)
			if code != exitFine {
				t.Fatalf("exit %d: %s", code, errs)
			}
			rest := out
			for _, want := range row.want {
				at := regexp.MustCompile(want).FindStringIndex(rest)
				if at == nil {
					t.Fatalf("no %q where it should be in\n%s", want, out)
				}
				rest = rest[at[1]:]
			}
			if n := strings.Count(out, "kind: NetworkPolicy\n"); strings.HasPrefix(row.command, "compile") && n != len(row.want) {
				t.Errorf("%d policies, want %d", n, len(row.want))
			}
		})
	}
}

// The README of the online shop counts its pods.
func TestExamples_PodsOfTheOnlineShop(t *testing.T) {
	atRoot(t)
	text, err := os.ReadFile("examples/online-shop/cluster/cluster.yaml")
	if n := strings.Count(string(text), "\nkind: Pod\n"); err != nil || n != 14 {
		t.Errorf("%d pods (%v), want 14", n, err)
	}
}

// The README of the online shop claims these.
func TestExamples_OnlineShop(t *testing.T) {
	rows := []struct {
		from, to, verdict, policy string
	}{
		{"shop/web-0", "shop/catalog-0:8082", "allow", "behind-web"},
		{"shop/web-0", "shop/db-0:5432", "deny", "security.databases"},
		{"shop/orders-0", "shop/db-0:5432", "allow", "data"},
		{"shop/web-0", "kube-system/coredns-0:53/udp", "allow", "kns.kube-system"},
		{"203.0.113.9", "shop/web-0:8080", "deny", "security.blocked"},
		{"node:node1", "shop/web-0:8080", "allow", ""},
		{"node:node1", "shop/db-0:5432", "deny", "default"},
		{"node:node2", "shop/db-0:5432", "allow", ""},
		{"node:node2", "shop/web-0:8080", "allow", "web"},
	}
	for _, r := range rows {
		for _, dataplane := range []string{"iptables", "nftables"} {
			t.Run(r.from+" "+r.to+" "+dataplane, func(t *testing.T) {
				out, errs, code := tortie(t, "trace", "-f", "examples/online-shop", "--dataplane", dataplane, "-o", "json", r.from, r.to)
				if code != 0 {
					t.Fatalf("exit %d: %s", code, errs)
				}
				var got struct {
					Verdict string
					Reason  struct{ Policy struct{ Name string } }
				}
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatal(err)
				}
				if got.Verdict != r.verdict || got.Reason.Policy.Name != r.policy {
					t.Errorf("got %s by %q, want %s by %q", got.Verdict, got.Reason.Policy.Name, r.verdict, r.policy)
				}
			})
		}
	}
}

// What README shows behind "$ bin/tortie …" is what the program prints.
func TestREADME_ShowsWhatIsPrinted(t *testing.T) {
	atRoot(t)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	shown := 0
	rest := string(readme)
	for {
		before, block, ok := strings.Cut(rest, "```console\n$ bin/tortie ")
		got.WriteString(before)
		if !ok {
			break
		}
		command, tail, _ := strings.Cut(block, "\n")
		_, tail, _ = strings.Cut(tail, "```")
		out, errs, code := tortie(t, strings.Fields(command)...)
		if code != 0 || out == "" {
			t.Fatalf("%s: exit %d: %s", command, code, errs)
		}
		got.WriteString("```console\n$ bin/tortie " + command + "\n" + out + "```")
		rest, shown = tail, shown+1
	}
	if shown < 3 {
		t.Errorf("README shows %d runs, want at least 3", shown)
	}
	golden.Check(t, "README.md", []byte(got.String()))
	first, err := os.ReadFile("examples/first/intent.yaml")
	if err != nil || !strings.Contains(string(readme), "```yaml\n"+string(first)+"```\n") {
		t.Errorf("README does not show examples/first/intent.yaml as it is (%v)", err)
	}
}

// Every command that a README of an example shows can be run as it stands.
func TestExamples_CommandsOfREADMEs(t *testing.T) {
	atRoot(t)
	files, err := filepath.Glob("examples/*/README.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no READMEs: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    tortie ")
			if !ok || strings.ContainsAny(command, "|>\"'`$") || strings.Contains(command, " --kernel") {
				continue
			}
			command, _, _ = strings.Cut(command, "  #")
			out, errs, code := tortie(t, strings.Fields(command)...)
			if code != exitFine && code != exitFindings || out == "" {
				t.Errorf("%s: tortie %s: exit %d\n%s", file, command, code, errs)
			}
		}
	}
}
