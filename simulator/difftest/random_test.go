package difftest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

var (
	diffN    = flag.Int("difftest.n", 300, "packets to compare with the kernel")
	diffSeed = flag.Uint64("difftest.seed", 0, "seed of the first rule set; 0 takes one from the clock")
	diffSave = flag.String("difftest.save", "", "folder for cases that differ")
)

var labTools = []string{"iptables-legacy-restore", "iptables-legacy-save", "iptables-nft-restore", "iptables-nft-save", "ipset", "nft", "conntrack"}

// perRuleset is how many packets are sent through one rule set.
const perRuleset = 20

// Random rule sets and packets do in the walk what they do in the kernel: the
// same packets leave the router, every rule counts the same.
func TestDiff_Random(t *testing.T) {
	netns.Require(t, labTools...)
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("first seed %d (-difftest.seed=%d repeats)", seed, seed)
	var s Summary
	for ; s.Packets < *diffN && s.Different < 5; seed++ {
		c := newMaker(seed).Case(seed, perRuleset)
		if s.Add(c); len(c.Shots) == 0 {
			continue
		}
		diffs, err := c.Run()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(diffs) > 0 && !c.differs() {
			s.Once++ // the router's kernel said something on its own
			t.Logf("seed %d differed once and not again: %s", seed, strings.Join(diffs, "\n"))
			continue
		}
		if len(diffs) > 0 {
			s.Different++
			report(t, c)
		}
	}
	t.Log(s.String())
	if s.Once > 2+s.Rulesets/50 {
		t.Errorf("too many rule sets differed once: %d", s.Once)
	}
	if n := total(s.LeftOut); s.Packets > 200 && 10*n > s.Packets {
		t.Errorf("too many packets are left out: %d", n)
	}
}

// report shrinks a case that differs and shows it.
func report(t *testing.T, c *Case) {
	t.Helper()
	small := c.Shrink()
	diffs, err := small.Run()
	t.Errorf("seed %d (%v):", c.Seed, err)
	for _, table := range small.Ruleset.Tables {
		if text, err := kernel.Text([]nf.Table{table}); err == nil {
			t.Logf("%s, %s\n%s", table.Backend, table.Family, text)
		}
	}
	t.Log(small.Network.String())
	for i, s := range small.Shots {
		t.Logf("packet %d from %s: %s", i, s.From, text(s.Packet))
	}
	for _, d := range diffs {
		t.Log(d)
	}
	if *diffSave == "" {
		return
	}
	data, err := json.MarshalIndent(small, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(*diffSave, fmt.Sprintf("seed-%d.json", c.Seed)), data, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
