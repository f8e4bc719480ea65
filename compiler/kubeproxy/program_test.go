package kubeproxy

import (
	"reflect"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/nf"
)

func programText(t *testing.T, text string, opt Options) Result {
	t.Helper()
	return programSnapshot(t, readText(t, text), opt)
}

func readText(t *testing.T, text string) *cluster.Snapshot {
	t.Helper()
	s, found := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(text)}}, cluster.Options{})
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	return s
}

func programSnapshot(t *testing.T, s *cluster.Snapshot, opt Options) Result {
	t.Helper()
	res, err := Program(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const webService = `---
{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: {clusterIP: 10.96.0.5, ports: [{name: http, port: 80}]}}
`

func TestProgram_EndpointsStandInForSlices(t *testing.T) {
	slices := webService + `---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, name: web-a, labels: {kubernetes.io/service-name: web}}, addressType: IPv4, ports: [{name: http, port: 8080, protocol: TCP}],
 endpoints: [{addresses: [10.244.0.1], nodeName: node-a}, {addresses: [10.244.1.1], nodeName: node-b, conditions: {ready: false, serving: false}}]}
`
	endpoints := webService + `---
{apiVersion: v1, kind: Endpoints, metadata: {namespace: shop, name: web}, subsets: [{addresses: [{ip: 10.244.0.1, nodeName: node-a}], notReadyAddresses: [{ip: 10.244.1.1}], ports: [{name: http, port: 8080}]}]}
`
	opt := Defaults(Iptables)
	opt.Node = "node-a"
	a, b := programText(t, slices, opt), programText(t, endpoints, opt)
	if !reflect.DeepEqual(a.Ruleset, b.Ruleset) {
		t.Error("an Endpoints object gives other rules than its slice")
	}
	sep := 0
	for _, c := range a.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "nat").Chains {
		if strings.HasPrefix(string(c.Name), "KUBE-SEP-") {
			sep++
		}
	}
	if sep != 1 {
		t.Errorf("%d endpoint chains, want one for the ready endpoint", sep)
	}
}

func TestProgram_NotesWhatIsChanceOrMissing(t *testing.T) {
	text := webService + strings.NewReplacer("name: web", "name: web2").Replace(webService) +
		"---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: new}, spec: {clusterIP: 10.96.0.7, ports: [{port: 80}]}}\n"
	s := readText(t, text)
	for _, o := range s.Services {
		if o.Object.Name == "new" {
			o.Object.Spec.ClusterIP = "" // as from an API server of which nothing is known yet
		}
	}
	res := programSnapshot(t, s, Defaults(Iptables))
	for _, want := range []string{"no clusterIP in the input", "share 10.96.0.5:80/tcp"} {
		n := 0
		for _, note := range res.Notes {
			if strings.Contains(note.Text, want) && res.Origins[note.Origin].Namespace == "shop" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d notes say %q, want 1: %v", n, want, res.Notes)
		}
	}
}

func TestProgram_RefusesWhatIsNotModelled(t *testing.T) {
	cases := map[string]Options{
		"ipvs mode needs": {Mode: IPVS},
		"unknown":         {},
		"needs iptables":  {Mode: Iptables},
		"is not one bit":  {Mode: NFTables, MasqueradeMark: 3},
	}
	for want, opt := range cases {
		if _, err := Program(&cluster.Snapshot{}, opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that says %q", opt, err, want)
		}
	}
}

func TestProgram_KubeletWasThereFirst(t *testing.T) {
	opt := Defaults(Iptables)
	opt.Kubelet = true
	res := programText(t, webService, opt)
	input := res.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter").FindChain("INPUT").Rules
	last := input[len(input)-1].Body
	if !reflect.DeepEqual(last, []nf.Stmt{nf.Jump{Chain: chainFirewall}}) {
		t.Errorf("INPUT ends with %v, want the kubelet's jump", last)
	}
	if res.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP6, "mangle").FindChain(chainKubeletHint) == nil {
		t.Error("the kubelet's hint chain is missing")
	}
}
