package difftest

import (
	"os"
	"path/filepath"
	"testing"
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
