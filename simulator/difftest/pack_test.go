package difftest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPack writes the compact recordings of the folders named in
// TORTIE_FELIX_DIRS into the folder named in TORTIE_FELIX_PACK; it is how
// testdata/felix was made.
func TestPack(t *testing.T) {
	out := os.Getenv("TORTIE_FELIX_PACK")
	if out == "" {
		t.Skip("TORTIE_FELIX_PACK names no folder to write into")
	}
	list, err := LoadFolders(filepath.SplitList(os.Getenv("TORTIE_FELIX_DIRS"))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if err := r.Pack(out); err != nil {
			t.Fatal(err)
		}
	}
}
