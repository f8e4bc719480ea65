package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/netns"
	"tortie/simulator/scenario"
)

// scenarioCount is how many random scenarios are played; TORTIE_SCENARIO_N says another
// number, TORTIE_SCENARIO_SEED where the seeds begin: make scenarios takes new ones.
const scenarioCount = 5

// scenarioShrinking is for how many seconds a scenario that differs is made smaller.
const scenarioShrinking = 120

// scriptOutcome is what came of a scenario in the simulator and in the kernel.
type scriptOutcome struct {
	result scenario.Result
	said   string
	code   int
}

// brief are the ends of what was said.
func brief(said string) string {
	lines := strings.Split(said, "\n")
	if len(lines) > 24 {
		lines = append(append(lines[:12:12], "…"), lines[len(lines)-12:]...)
	}
	return strings.Join(lines, "\n")
}

// differs says whether the kernel did otherwise.
func (o *scriptOutcome) differs() bool { return o.code == exitFindings && o.result.Kernel != nil }

// breaks says whether Felix does not work with the objects.
func (o *scriptOutcome) breaks() bool {
	return o.code != exitFine && strings.Contains(o.said, "[felix/breaks]")
}

// write writes the scenario into a folder and returns the file to play.
func (s *script) write(dir string) (string, error) {
	text := fmt.Sprintf("apiVersion: tortie.dev/v1\nkind: Scenario\nmetadata: {name: seed-%d}\nspec:\n  files: [cluster.yaml]\n  dataplane: %s\n  kubeProxy: %s\n", s.seed, s.dataplane, s.kubeProxy)
	if s.foreign {
		text += "  nodeRules: {n1: foreign.rules}\n"
	}
	text += "  steps:\n"
	for _, step := range s.steps {
		text += "  - " + strings.ReplaceAll(step, "\n", "\n    ") + "\n"
	}
	files := map[string]string{"scenario.yaml": text, "cluster.yaml": strings.Join(s.docs, "---\n")}
	maps.Copy(files, s.files)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "scenario.yaml"), nil
}

// play plays the scenario from a folder as tortie replay --kernel does.
func (s *script) play(dir string) (*scriptOutcome, error) {
	file, err := s.write(dir)
	if err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	o := &scriptOutcome{}
	o.code = run([]string{"replay", file, "--kernel", "-o", "json"}, strings.NewReader(""), &out, &errs)
	o.said = errs.String()
	if out.Len() == 0 {
		return o, nil
	}
	return o, json.Unmarshal(out.Bytes(), &o.result)
}

// smaller leaves out steps and objects as long as the scenario differs.
func (s *script) smaller(differs func(*script) bool) *script {
	best := s
	for i := len(s.steps) - 1; i >= 0; i-- {
		less := *best
		less.steps = slices.Delete(slices.Clone(best.steps), i, i+1)
		if len(less.steps) > 0 && differs(&less) {
			best = &less
		}
	}
	for i := len(s.docs) - 1; i >= 0; i-- {
		less := *best
		less.docs = slices.Delete(slices.Clone(best.docs), i, i+1)
		if differs(&less) {
			best = &less
		}
	}
	return best
}

// scriptReport makes a scenario that differs smaller and leaves it in a folder.
func scriptReport(t *testing.T, s *script) {
	t.Helper()
	deadline := time.Now().Add(time.Duration(oracleEnv("TORTIE_SCENARIO_SHRINK", scenarioShrinking)) * time.Second)
	tried := t.TempDir()
	small := s.smaller(func(s *script) bool {
		if time.Now().After(deadline) {
			return false
		}
		o, err := s.play(tried)
		return err == nil && o.differs()
	})
	for name, s := range map[string]*script{"": s, "-small": small} {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("tortie-scenario-%d%s", s.seed, name))
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			_, err = s.write(dir)
		}
		if err != nil {
			t.Error(err)
		}
		t.Logf("seed %d: %d steps and %d objects are in %s/scenario.yaml", s.seed, len(s.steps), len(s.docs), dir)
	}
}

// scriptSummary counts what was compared.
type scriptSummary struct {
	scenarios, broken, once int
	steps, changes, left    int
	sum                     scenario.Comparison
	combos                  map[string]int
}

func (s *scriptSummary) note(c *script, o *scriptOutcome) {
	s.scenarios++
	s.combos["dataplane "+c.dataplane+", kube-proxy "+c.kubeProxy]++
	for i := range o.result.Steps {
		s.steps++
		if o.result.Steps[i].Action == scenario.ActionChange {
			s.changes++
		}
	}
	k := o.result.Kernel
	s.left += len(k.NotCompared)
	s.sum.Answers, s.sum.Arrivals, s.sum.Rules, s.sum.Entries = s.sum.Answers+k.Answers, s.sum.Arrivals+k.Arrivals, s.sum.Rules+k.Rules, s.sum.Entries+k.Entries
}

func (s *scriptSummary) String() string {
	return fmt.Sprintf("%d scenarios of %d steps compared, %d of them changes: %d answers, %d arrivals at the far end, %d rules hit, %d entries of connection tables; %d steps not compared, %d scenarios left out because Felix does not work with them, %d differed once and not again; %v",
		s.scenarios, s.steps, s.changes, s.sum.Answers, s.sum.Arrivals, s.sum.Rules, s.sum.Entries, s.left, s.broken, s.once, s.combos)
}

// TestScenario_Random plays random scenarios of random clusters, which change while
// connections stand, in the simulator and in the kernel.
func TestScenario_Random(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore", "iptables-legacy-save", "ip6tables-legacy-restore", "ipset", "nft", "ip", "conntrack")
	n := int(oracleEnv("TORTIE_SCENARIO_N", scenarioCount))
	seed := oracleEnv("TORTIE_SCENARIO_SEED", 30000)
	t.Logf("first seed %d (TORTIE_SCENARIO_SEED=%d repeats)", seed, seed)
	sum := scriptSummary{combos: map[string]int{}}
	dir := t.TempDir()
	for failures := 0; sum.scenarios < n && failures < int(oracleEnv("TORTIE_SCENARIO_FAILURES", 3)); seed++ {
		s := scriptOf(seed)
		o, err := s.play(dir)
		switch {
		case err != nil:
			t.Fatalf("seed %d: %v", seed, err)
		case o.breaks():
			sum.broken++
			continue
		case o.code == exitFine:
			sum.note(s, o)
			continue
		case !o.differs():
			t.Errorf("seed %d: exit %d\n%s", seed, o.code, brief(o.said))
		default:
			sum.note(s, o)
			if again, err := s.play(dir); err == nil && again.code == exitFine {
				sum.once++
				t.Logf("seed %d differed once and not again: %s", seed, brief(strings.Join(o.result.Kernel.Differences, "\n")))
				continue
			}
			t.Errorf("seed %d, dataplane %s, kube-proxy %s:\n%s", seed, s.dataplane, s.kubeProxy, brief(strings.Join(o.result.Kernel.Differences, "\n")))
		}
		failures++
		scriptReport(t, s)
	}
	t.Log(sum.String())
	if sum.once > 1+sum.scenarios/20 {
		t.Errorf("too many scenarios differed once: %d", sum.once)
	}
}
