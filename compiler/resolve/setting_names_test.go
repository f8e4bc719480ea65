package resolve

import (
	"slices"
	"testing"
)

// Every setting that is read here is one of Felix's.
func TestSettingNames(t *testing.T) {
	names := SettingNames()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != 211 {
		t.Errorf("%d names", len(names))
	}
	for name := range params {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not among the names of Felix's settings", name)
		}
	}
}
