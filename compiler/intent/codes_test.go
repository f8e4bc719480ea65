package intent

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestCodes_AreExplained holds that each code in the sources is explained, and each
// explained one is in the sources.
func TestCodes_AreExplained(t *testing.T) {
	used := map[string]bool{}
	form := regexp.MustCompile(`"(intent/[a-z-]+)"`)
	for _, dir := range []string{".", "../lower"} {
		files, _ := filepath.Glob(dir + "/*.go")
		for _, name := range files {
			if base := filepath.Base(name); base == "codes.go" || regexp.MustCompile(`_test\.go$`).MatchString(base) {
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range form.FindAllStringSubmatch(string(data), -1) {
				used[m[1]] = true
			}
		}
	}
	var names []string
	for _, c := range Codes() {
		names = append(names, c.Code)
		if !used[c.Code] {
			t.Errorf("%s is never reported", c.Code)
		}
		delete(used, c.Code)
		if c.Title == "" || c.Text == "" || c.Fix == "" {
			t.Errorf("%s is not explained", c.Code)
		}
	}
	for c := range used {
		t.Errorf("%s is not explained", c)
	}
	if !slices.IsSorted(names) {
		t.Error("not sorted")
	}
}
