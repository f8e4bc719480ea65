package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const storedPolicy = `apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkPolicy
metadata: {name: default.dd, uid: b, resourceVersion: "100"}
spec: {selector: all(), types: [Ingress], ingress: [{action: Allow}]}
`

// A policy that Calico stores as default.NAME and gives out as NAME is one policy, by
// the name that Felix knows; one that is not stored yet stands beside it.
func TestRead_StoredUnderTheTiersName(t *testing.T) {
	given := func(meta, action string) string {
		return fmt.Sprintf("---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {%s}\nspec: {selector: all(), types: [Ingress], ingress: [{action: %s}]}\n", meta, action)
	}
	for name, c := range map[string]struct {
		more  string
		names []string
		said  string
	}{
		"the same":     {given("name: dd, uid: a", "Allow"), []string{"default.dd"}, ""},
		"another form": {given("name: dd, uid: a", "Deny"), []string{"default.dd"}, "is given twice with different content"},
		"to apply":     {given("name: dd", "Allow"), []string{"dd", "default.dd"}, "would be a second policy"},
		"another name": {given("name: ee, uid: a", "Deny"), []string{"default.dd", "ee"}, ""},
		"equal names":  {given("name: default.dd, uid: a", "Deny"), []string{"default.dd"}, "is given twice with different content"},
	} {
		t.Run(name, func(t *testing.T) {
			s, diags := Read([]File{{Name: "f", Data: []byte(storedPolicy + c.more)}}, Options{})
			var got []string
			for _, p := range s.GlobalNetworkPolicies {
				got = append(got, p.Object.Name)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.names) {
				t.Errorf("policies %v, want %v", got, c.names)
			}
			n := 0
			for _, d := range diags {
				if d.Code == "cluster/duplicate-object" {
					if n++; c.said == "" || !strings.Contains(d.Message, c.said) {
						t.Errorf("said %q", d.Message)
					}
				}
			}
			if want := map[bool]int{true: 0, false: 1}[c.said == ""]; n != want {
				t.Errorf("%d findings, want %d: %v", n, want, diags)
			}
		})
	}
}

// The labels that Calico keeps in its annotation are added to those of the object.
func TestRead_StoredMetadataIsJoined(t *testing.T) {
	const text = `apiVersion: crd.projectcalico.org/v1
kind: HostEndpoint
metadata:
  name: h
  labels: {old: one, both: stored}
  annotations: {mine: yes-it-is, projectcalico.org/metadata: '{"labels":{"new":"two","both":"kept"}}'}
spec: {node: n1, interfaceName: eth0}
`
	s, diags := Read([]File{{Name: "f", Data: []byte(text)}}, Options{})
	if diags.HasErrors() || len(s.HostEndpoints) != 1 {
		t.Fatal(diags)
	}
	h := s.HostEndpoints[0].Object
	if got := fmt.Sprint(h.Labels, h.Annotations); got != "map[both:kept new:two old:one] map[mine:yes-it-is]" {
		t.Error(got)
	}
}
