package resolve

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
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

// The names hold every field of the FelixConfiguration that Calico's API has, by which
// Felix knows them.
func TestSettingNames_HoldTheAPI(t *testing.T) {
	names, n := SettingNames(), 0
	spec := reflect.TypeFor[v3.FelixConfigurationSpec]()
	for i := range spec.NumField() {
		name := cmp.Or(spec.Field(i).Tag.Get("confignamev1"), spec.Field(i).Name)
		if n++; !slices.Contains(names, strings.ToLower(name)) {
			t.Errorf("no setting %s", name)
		}
	}
	t.Logf("%d fields of %d settings", n, len(names))
}
