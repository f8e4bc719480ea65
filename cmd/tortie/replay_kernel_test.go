package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tortie/dataplane/netns"
	"tortie/simulator/scenario"
)

// notInKernel are scenarios that are not compared with the kernel, and why.
var notInKernel = map[string]string{
	"examples/policy-table/scenario-portless.yaml": "the lab opens TCP, UDP and ICMP only",
}

// notCompared are how many steps of a scenario are not compared with the kernel; of the
// others all are.
var notCompared = map[string]int{
	"cmd/tortie/testdata/scenario/service-addresses/scenario-unknown.yaml": 2,
	"cmd/tortie/testdata/scenario/remembered/scenario-guard.yaml":          2,
	"cmd/tortie/testdata/scenario/going-on/scenario-discovery.yaml":        1,
}

// The examples' scenarios, in the simulator and between network namespaces with
// the same rules in the real kernel.
func TestReplay_ExamplesInTheKernel(t *testing.T) {
	netns.Require(t, "nft", "iptables-legacy-restore", "ipset", "ip", "conntrack")
	var sum scenario.Comparison
	for _, file := range exampleScenarios(t) {
		if why := notInKernel[file]; why != "" {
			t.Logf("%s: not compared with the kernel: %s", file, why)
			continue
		}
		if limitsTable(t, file) {
			t.Logf("%s: not compared with the kernel: its garbage collector drops closing connections of a table over 95 %% full whenever it runs", file)
			continue
		}
		for _, dataplane := range dataplanesOf(t, file) {
			t.Run(file+" "+dataplane, func(t *testing.T) {
				out, errs, code := tortie(t, "replay", file, "--dataplane", dataplane, "--kernel", "-o", "json")
				if code != exitFine {
					t.Fatalf("exit %d\n%s%s", code, out, errs)
				}
				var got scenario.Result
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatal(err)
				}
				k := got.Kernel
				if k.Answers == 0 || k.Rules == 0 {
					t.Errorf("nothing compared: %+v", k)
				}
				if len(k.NotCompared) != notCompared[file] {
					t.Errorf("not compared: %q", k.NotCompared)
				}
				sum.Answers, sum.Arrivals, sum.Rules, sum.Entries = sum.Answers+k.Answers, sum.Arrivals+k.Arrivals, sum.Rules+k.Rules, sum.Entries+k.Entries
			})
		}
	}
	t.Logf("%d answers, %d arrivals at the far end, %d rules hit, %d entries of connection tables compared, 0 differences", sum.Answers, sum.Arrivals, sum.Rules, sum.Entries)
}

// limitsTable says whether a scenario fills the connection table. Above 95 % the
// kernel's garbage collector (gc_worker in net/netfilter/nf_conntrack_core.c)
// drops closing connections early, at a time that no scenario can fix; the
// simulator does not.
func limitsTable(t *testing.T, file string) bool {
	t.Helper()
	data, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(data), "conntrackMax:")
}

// What the kernel's part cannot do is refused before anything is built, also without
// root.
func TestReplay_NotInTheKernel(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"cmd/tortie/testdata/scenario/service-addresses/scenario-refused.yaml --kube-proxy ipvs", "virtual servers of IPVS"},
		{"examples/policy-table/scenario-portless.yaml", "only those of TCP, UDP and ICMP"},
	} {
		_, errs, code := tortie(t, append([]string{"replay", "--kernel"}, strings.Fields(row.args)...)...)
		if code != exitUsage || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit %d, want %q in\n%s", row.args, code, row.want, errs)
		}
	}
}
