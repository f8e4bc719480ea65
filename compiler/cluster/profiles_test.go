package cluster

import (
	"slices"
	"strings"
	"testing"

	"tortie/compiler/calico"
)

// No pod is without its namespace: one that the input lacks has its profile all the
// same, also beside namespaces that a server has stored, and is said. A service account
// may be gone.
func TestModel_MadeUpProfiles(t *testing.T) {
	const pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: gone, uid: u1}\nspec: {nodeName: n1, serviceAccountName: robot, containers: [{name: c, image: x}]}\n"
	const stored = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: there, uid: u2}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other, namespace: there, uid: u3}\n"
	for _, c := range []struct {
		text    string
		account bool
	}{{pod, true}, {pod + stored, false}} {
		s, _ := Read([]File{{Name: "f", Data: []byte(c.text)}}, Options{})
		m, found := s.Model()
		has := func(name string) bool {
			return slices.ContainsFunc(m.Profiles, func(p Sourced[calico.Profile]) bool { return p.Value.Name == name })
		}
		if !has("kns.gone") || has("ksa.gone.robot") != c.account {
			t.Errorf("kns.gone %v, ksa.gone.robot %v", has("kns.gone"), has("ksa.gone.robot"))
		}
		if len(found) != 1 || found[0].Code != "cluster/namespace-made-up" || !strings.HasPrefix(found[0].Message, "no Namespace object for gone;") {
			t.Errorf("%v", found)
		}
	}
}
