package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// Services as they are written get what an API server would give them; those from
// a cluster are left alone.
func TestRead_ServiceAddresses(t *testing.T) {
	const head = "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec: {%sports: [{port: 80%s}]}\n---\n"
	text := fmt.Sprintf(head, "b", "shop", "", "") +
		fmt.Sprintf(head, "a", "shop", "type: NodePort, ", "") +
		fmt.Sprintf(head, "given", "shop", "type: NodePort, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ", ", nodePort: 30000") +
		fmt.Sprintf(head, "headless", "shop", "clusterIP: None, ", "") +
		fmt.Sprintf(head, "both", "web", "ipFamilyPolicy: RequireDualStack, ", "") +
		fmt.Sprintf(head, "name", "web", "type: ExternalName, externalName: example.org, ", "")
	s, diags := read(t, text, Options{})
	if len(diags) != 1 || diags[0].Code != "cluster/service-addresses-made-up" || !strings.HasPrefix(diags[0].Message, "3 services ") {
		t.Errorf("%v", diags)
	}
	got := map[string]string{}
	for _, o := range s.Services {
		got[o.Object.Name] = fmt.Sprintf("%s %v %d", o.Object.Spec.ClusterIP, o.Object.Spec.ClusterIPs, o.Object.Spec.Ports[0].NodePort)
	}
	for name, want := range map[string]string{
		"a": "10.96.0.11 [10.96.0.11] 30001", "b": "10.96.0.12 [10.96.0.12] 0", "given": "10.96.0.10 [10.96.0.10] 30000",
		"headless": "None [] 0", "both": "10.96.0.13 [10.96.0.13 fd00:96::a] 0", "name": " [] 0",
	} {
		if got[name] != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
}
