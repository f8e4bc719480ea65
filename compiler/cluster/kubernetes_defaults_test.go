package cluster_test

import (
	"slices"
	"testing"

	"tortie/compiler/cluster"
)

const bareObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {podIP: 10.65.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: stored, namespace: shop, uid: 11111111-1111-1111-1111-111111111111}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {podIP: 10.65.0.3}
---
apiVersion: v1
kind: Node
metadata:
  name: n1
  annotations:
    projectcalico.org/IPv4Address: 172.31.0.1/24
    projectcalico.org/Interfaces: '[{"name":"eth1","addresses":["192.168.0.1","172.31.0.1"]}]'
---
apiVersion: projectcalico.org/v3
kind: KubeControllersConfiguration
metadata: {name: default}
spec: {controllers: {node: {hostEndpoint: {autoCreate: Enabled}}}}
`

// What the API server fills in and kube-controllers makes.
func TestModel_WhatServersAdd(t *testing.T) {
	snap, diags := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(bareObjects)}}, cluster.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	snap.InterfacePrefix = "eni"
	m, _ := snap.Model()
	for _, p := range m.Profiles {
		if p.Value.Name == "kns.shop" && p.Value.Labels["pcns.kubernetes.io/metadata.name"] != "shop" {
			t.Errorf("the namespace has no label with its name: %v", p.Value.Labels)
		}
	}
	for _, e := range m.Endpoints {
		has := slices.Contains(e.Value.Profiles, "ksa.shop.default")
		if has != (e.Value.Pod == "bare") {
			t.Errorf("%s: profiles %v", e.Value.Pod, e.Value.Profiles)
		}
		if e.Value.InterfaceName[:3] != "eni" {
			t.Errorf("%s: interface %s", e.Value.Pod, e.Value.InterfaceName)
		}
	}
	if len(m.HostEndpoints) != 1 || len(m.HostEndpoints[0].Value.ExpectedIPs) != 2 {
		t.Errorf("host endpoints %+v", m.HostEndpoints)
	}
}
