package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Policies that others wrote: of Calico without an order, with a high and a low
// one, and of Kubernetes, which lets nothing but one port in; and of a host.
var existingPolicies = map[string]string{
	"no order": `{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: lock, namespace: shop},
  spec: {selector: app == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}}`,
	"high order": `{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: lock},
  spec: {order: 500000, selector: app == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}}`,
	"low order": `{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: lock},
  spec: {order: 1000, selector: app == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}}`,
	"of Kubernetes": `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: lock, namespace: shop},
  spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP, port: 80}]}]}}`,
	"of a host": `{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: lock},
  spec: {selector: role == 'edge', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}}`,
	"none": "",
}

// Intents that close nothing: what they deny is denied, all else is as it was.
var openIntents = map[string]struct{ spec, denies string }{
	"deny": {`
  parties: {bad: {nets: [198.51.100.0/24]}, web: {namespace: shop, pods: app == 'web'}}
  deny: [{from: bad, to: web}]`, "198.51.100.7@n1/eth0 shop/web-0:"},
	"deny hosts": {`
  parties: {bad: {nets: [198.51.100.0/24]}, edge: {hosts: role == 'edge'}}
  hosts: {deny: [{from: bad, to: edge}]}`, "198.51.100.7@n1/eth0 node:n1:"},
	"forward": {`
  parties: {edge: {hosts: role == 'edge'}, office: {nets: [203.0.113.0/24]}, web: {namespace: shop, pods: app == 'web'}}
  forward: {via: edge, allow: [{from: office, to: web, on: tcp}]}`, "198.51.100.7@n1/eth0 shop/web-0:"},
	"deny going out": {`
  parties: {web: {namespace: shop, pods: app == 'web'}, db: {namespace: shop, pods: app == 'db'}}
  deny: [{from: db, to: web, at: from}]`, "shop/db-0 shop/web-0:"},
}

// What an intent says about ends that it does not protect neither opens what the
// policies of others close nor closes what they leave open.
func TestIntent_KeepsWhatOthersWrote(t *testing.T) {
	cluster, err := filepath.Abs("testdata/intent/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	verdict := func(from, to string, files ...string) string {
		args := []string{"trace", "-o", "json", "-f", cluster}
		for _, f := range files {
			args = append(args, "-f", f)
		}
		var doc struct{ Verdict string }
		if err := json.Unmarshal([]byte(runFine(t, append(args, from, to)...)), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Verdict
	}
	for what, policy := range existingPolicies {
		write("policy.yaml", policy)
		for name, one := range openIntents {
			write("intent.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:"+one.spec+"\n")
			for _, from := range []string{"203.0.113.9@n1/eth0", "198.51.100.7@n1/eth0", "shop/db-0"} {
				for _, to := range []string{"shop/web-0:80", "shop/web-0:22", "node:n1:80", "node:n1:9100"} {
					want := verdict(from, to, "policy.yaml")
					if strings.HasPrefix(from+" "+to, one.denies) {
						want = "deny"
					}
					if got := verdict(from, to, "policy.yaml", "intent.yaml"); got != want {
						t.Errorf("policy %s, intent %s: %s %s is %s, want %s", what, name, from, to, got, want)
					}
				}
			}
		}
	}
}
