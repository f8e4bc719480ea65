package link

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Every code that this package reports can be explained.
func TestCodes_CoverFindings(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for _, c := range slices.Concat(Codes(), resolve.Codes()) {
		explained[c.Code] = true
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:service|felix)/[a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
			if !explained[m[1]] {
				t.Errorf("%s: code %s is not explained", file, m[1])
			}
		}
	}
}

const oddServices = `apiVersion: v1
kind: Node
metadata: {name: n1, annotations: {projectcalico.org/IPv4Address: 192.0.2.1/24}}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec: {cidrs: [10.96.0.0/16]}
---
apiVersion: v1
kind: Service
metadata: {name: odd, namespace: shop}
spec:
  clusterIP: 10.96.0.300
  externalIPs: [198.51.100.1, edge]
  loadBalancerSourceRanges: [10.0.0.0/33]
  ports:
  - {name: a, port: 65616}
  - {name: b, port: 80, nodePort: -1}
---
apiVersion: v1
kind: Service
metadata: {name: one, namespace: shop}
spec: {clusterIP: 10.96.0.5, ports: [{port: 80}, {name: wrapped, port: 65616}]}
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec: {clusterIP: 10.96.0.5, ports: [{port: 80}]}
`

func oddLinker(t *testing.T, opt Options) *Linker {
	t.Helper()
	s, _ := cluster.Read([]cluster.File{{Name: "odd.yaml", Data: []byte(oddServices)}}, cluster.Options{})
	l, _ := New(s, opt)
	return l
}

// What kube-proxy leaves to chance is said once, at the service; a port that
// would wrap around to 80 makes no second service on 80.
func TestServices_NotesAreFindings(t *testing.T) {
	l := oddLinker(t, Options{KubeProxy: KubeProxyIPVS})
	f, findings, err := l.Fleet(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range []diag.List{findings, l.Problems(), oddLinker(t, Options{}).Problems()} {
		n := 0
		for _, d := range found {
			if d.Code == "service/kube-proxy" && strings.Contains(d.Message, "shop/one and shop/two share 10.96.0.5:80/tcp") && d.Span.Start.Line == 28 {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d findings about the shared address: %+v", n, found)
		}
	}
	if got := len(f.Hosts[0].IPVS); got != 1 {
		t.Errorf("%d virtual servers, want one on port 80", got)
	}
	if l := f.Hosts[0].FindLink("kube-ipvs0"); l == nil || len(l.Addrs) != 1 {
		t.Errorf("kube-ipvs0 is %+v", l)
	}
}

// kubeadm's ConfigMap says how kube-proxy runs.
func TestServices_ProxyConfig(t *testing.T) {
	const config = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-proxy, namespace: kube-system}
data:
  config.conf: |-
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    kind: KubeProxyConfiguration
    bindAddress: 0.0.0.0
    clusterCIDR: 10.244.0.0/16
    mode: %MODE%
    nodePortAddresses: null
    conntrack: {maxPerCore: null, tcpBeLiberal: true, tcpEstablishedTimeout: 2h}
    iptables: {masqueradeAll: true, masqueradeBit: 20, syncPeriod: 0s}
    ipvs: {scheduler: lc}
`
	load := func(mode string) (host.State, diag.List) {
		s, _ := cluster.Read([]cluster.File{{Name: "odd.yaml", Data: []byte(oddServices + strings.ReplaceAll(config, "%MODE%", mode))}}, cluster.Options{})
		l, findings := New(s, Options{})
		state, _, _, err := l.Node("n1")
		if err != nil {
			t.Fatal(err)
		}
		return state, findings
	}
	state, _ := load("ipvs")
	if len(state.IPVS) == 0 || state.IPVS[0].Scheduler != "lc" {
		t.Errorf("virtual servers %+v", state.IPVS)
	}
	if got := state.Sysctls["net.netfilter.nf_conntrack_tcp_timeout_established"]; got != "7200" || state.Sysctls[beLiberal] != "1" {
		t.Errorf("established connections live for %q seconds, liberal %q", got, state.Sysctls[beLiberal])
	}
	text := fmt.Sprintf("%+v", state.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "nat").FindChain("KUBE-MARK-MASQ"))
	if !strings.Contains(text, "Mask:1048576") {
		t.Errorf("the mark is not bit 20: %s", text)
	}
	if state, _ = load(`""`); state.IPVS != nil || state.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter").FindChain("KUBE-EXTERNAL-SERVICES") == nil {
		t.Error("without a mode it is not iptables mode")
	}
	if invalid := state.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter").FindChain("KUBE-FORWARD").Rules; len(invalid) != 2 {
		t.Errorf("%d rules in KUBE-FORWARD, want 2 without the drop of invalid packets", len(invalid))
	}
	if _, findings := load("userspace"); !findings.HasErrors() {
		t.Error("no error about an unknown mode")
	}
}

func TestServices_ServiceCIDRsAreRefused(t *testing.T) {
	l := oddLinker(t, Options{NFTables: true})
	state, _, _, err := l.Node(host.Name("n1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range state.Ruleset.Tables {
		if table.Name == "kube-proxy" && table.FindChain("cluster-ips-check") != nil {
			for _, r := range table.FindChain("cluster-ips-check").Rules {
				if len(r.Body) > 1 {
					return
				}
			}
		}
	}
	t.Error("no rule for addresses of the service range without a service")
}
