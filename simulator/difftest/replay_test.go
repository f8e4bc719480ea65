package difftest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tortie/dataplane/dump"
)

// Every recorded packet does in the walk what it did in the kernel: the same
// answer to its sender, the same rules hit. TORTIE_FELIX_DIRS names further
// folders of recordings to use instead of testdata.
func TestReplay(t *testing.T) {
	list, err := LoadPacked(os.DirFS("testdata/felix"))
	if dirs := os.Getenv("TORTIE_FELIX_DIRS"); dirs != "" {
		list, err = LoadFolders(filepath.SplitList(dirs)...)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no recordings")
	}
	var tally Tally
	for i := range list {
		diffs, err := Replay(&list[i], &tally)
		if err != nil {
			t.Error(err)
		}
		for _, d := range diffs {
			t.Error(d)
		}
	}
	t.Log(tally)
}

// The comparison can fail: a rule that does not match any more is noticed.
func TestReplay_NoticesAChangedRule(t *testing.T) {
	list, err := LoadPacked(os.DirFS("testdata/felix"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(r Recording) bool { return r.Scenario == "02-np-ingress" && r.Mode == dump.Legacy })
	r := list[i]
	text := r.Files["iptables-save.txt"]
	r.Files["iptables-save.txt"] = strings.Replace(text, "--ctstate RELATED,ESTABLISHED -j ACCEPT", "--ctstate INVALID -j ACCEPT", 1)
	if r.Files["iptables-save.txt"] == text {
		t.Fatal("nothing was changed")
	}
	var tally Tally
	diffs, err := Replay(&r, &tally)
	if err != nil || len(diffs) == 0 {
		t.Errorf("no difference noticed (%v)", err)
	}
}
