package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/lift"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/simulator/walk"
)

// reverseCases is how many connections are compared; TORTIE_REVERSE_N says another
// number, TORTIE_REVERSE_SEED where the seeds begin.
const reverseCases = 4000

// lifted is the input with its policies lifted, and what became of them.
func lifted(docs []string) ([]string, *lift.Result, error) {
	text := strings.Join(docs, "---\n")
	snap, findings := cluster.Read([]cluster.File{{Name: "cluster.yaml", Data: []byte(text)}}, cluster.Options{})
	if findings.HasErrors() {
		return nil, nil, fmt.Errorf("reading: %v", findings)
	}
	r := lift.Lift(snap)
	var out []string
	for _, d := range docs {
		if !strings.Contains(d, "NetworkPolicy\n") {
			out = append(out, d)
		}
	}
	var b bytes.Buffer
	if err := writeLifted(&b, r); err != nil {
		return nil, nil, err
	}
	return append(out, strings.TrimPrefix(b.String(), "---\n")), r, nil
}

// liftedFleet compiles and links an input as the commands do.
func liftedFleet(docs []string, nftables bool) (*host.Fleet, error) {
	l := &loaded{texts: map[string][]byte{}}
	in := inputFlags{}
	in.read(l, []cluster.File{{Name: "cluster.yaml", Data: []byte(strings.Join(docs, "---\n"))}})
	if l.findings.HasErrors() {
		return nil, fmt.Errorf("reading: %v", l.findings)
	}
	linker, findings := link.New(l.snapshot, link.Options{KubeProxy: link.KubeProxyNone, Iptables: !nftables, NFTables: nftables})
	if findings.HasErrors() {
		return nil, fmt.Errorf("converting: %v", findings)
	}
	fleet, findings, err := linker.Fleet(nil)
	if err != nil || findings.HasErrors() {
		return nil, fmt.Errorf("linking: %v %v", findings, err)
	}
	return fleet, nil
}

// TestReverse_AllowsTheSame lifts the policies of random clusters to intents and
// compares the verdicts of random connections before and after.
func TestReverse_AllowsTheSame(t *testing.T) {
	n, first := int(oracleEnv("TORTIE_REVERSE_N", reverseCases)), oracleEnv("TORTIE_REVERSE_SEED", 1)
	done, differ, outcomes := 0, 0, map[string]int{}
	for seed := first; done < n && differ < 3; seed++ {
		docs := oracleCluster(seed)
		before, err := oracleLoad(docs, seed%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		after, r, err := lifted(docs)
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := liftedFleet(after, seed%2 == 0)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, after[len(after)-1])
		}
		for _, line := range r.Report {
			outcomes[line.Outcome]++
		}
		for _, try := range before.world.tries(seed, oraclePerCluster) {
			done++
			want := walk.New(before.fleet, walk.Options{}).Connect(try.request())
			got := walk.New(fleet, walk.Options{}).Connect(try.request())
			if want.Verdict != got.Verdict {
				differ++
				name := filepath.Join(os.TempDir(), fmt.Sprintf("reverse-%d.yaml", seed))
				_ = os.WriteFile(name, []byte(strings.Join(docs, "---\n")), 0o644)
				t.Errorf("seed %d: %v\nbefore: %s %+v\nafter: %s %+v\nkept as %s\n%s", seed, try, want.Verdict, want.Reason, got.Verdict, got.Reason, name, after[len(after)-1])
				break
			}
		}
	}
	t.Logf("%d connections compared from seed %d on, %d differ; policies and rules: %v", done, first, differ, outcomes)
	if outcomes[lift.Lifted] < outcomes[lift.Kept]/4 {
		t.Errorf("hardly anything was lifted: %v", outcomes)
	}
}
