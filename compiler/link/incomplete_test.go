package link

import (
	"strings"
	"testing"

	"tortie/compiler/cluster"
)

func TestIncomplete(t *testing.T) {
	pod := func(ns, uid string) string {
		return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: " + ns + uid + "}\nspec: {nodeName: n1, containers: [{name: c, image: x}]}\n"
	}
	const stored = `, uid: u1, resourceVersion: "7"`
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: there, uid: u2}\n" + pod("there", stored) + pod("gone", stored) + pod("file", "")
	s, found := cluster.Read([]cluster.File{{Name: "f", Data: []byte(text)}}, cluster.Options{})
	for _, f := range found {
		t.Error(f)
	}
	if got := incomplete(s); !strings.Contains(got, "no Namespace gone:") {
		t.Errorf("%q", got)
	}
}
