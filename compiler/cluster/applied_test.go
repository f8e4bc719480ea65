package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a real calicoctl made of applied objects is what reading them as applied
// makes: types, tiers, orders.
func TestRead_AppliedIsAsStored(t *testing.T) {
	dirs, _ := filepath.Glob("testdata/applied-stored/*/inputs.yaml")
	if len(dirs) == 0 {
		t.Fatal("no recordings")
	}
	for _, inputs := range dirs {
		dir := filepath.Dir(inputs)
		if diff := cmp.Diff(plainModel(t, inputs), plainModel(t, filepath.Join(dir, "stored.yaml"))); diff != "" {
			t.Errorf("%s: %s", dir, diff)
		}
	}
}

// plainModel renders a file's model without places, and nodes without what only
// a server gives. Nothing and an empty list are the same.
func plainModel(t *testing.T, file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	snap, _ := Read([]File{{Name: "f", Data: data}}, Options{})
	m, _ := snap.Model()
	strip(m.Policies)
	strip(m.Tiers)
	strip(m.Profiles)
	strip(m.NetworkSets)
	strip(m.Endpoints)
	strip(m.HostEndpoints)
	strip(m.Nodes)
	for i := range m.Nodes {
		n := &m.Nodes[i].Value
		n.ObjectMeta = metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}
	}
	out, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("[]", "null", "{}", "null").Replace(string(out))
}
