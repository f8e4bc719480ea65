package main

import (
	"fmt"
	"regexp"
	"strings"
)

// change changes something: objects to set, or one to delete.
func (g *scriptGen) change() (set []string, gone ref) {
	switch n := g.IntN(24); n {
	case 0, 1, 2:
		return g.put(g.written(g.oneWriter(g.globalPolicy, g.namespacedPolicy, g.kubernetesPolicy))), ref{}
	case 3, 4:
		return g.changePolicy(), ref{}
	case 5:
		return g.reorderPolicy(), ref{}
	case 6, 7:
		if i := g.some("GlobalNetworkPolicy", "NetworkPolicy", "StagedGlobalNetworkPolicy", "StagedNetworkPolicy"); i >= 0 {
			return nil, g.drop(i)
		}
	case 8, 9:
		return g.relabel("Pod"), ref{}
	case 10:
		return g.relabelNamespace(), ref{}
	case 11:
		return g.changeSet()
	case 12:
		return g.changeHostEndpoint()
	case 13, 14:
		return g.put(g.configuration()), ref{}
	case 15:
		return g.changeTier(), ref{}
	case 16:
		return g.changePool(), ref{}
	case 17:
		return g.put(g.proxyConfiguration()), ref{}
	case 18, 19:
		return g.changeService(), ref{}
	case 20:
		if i := g.some("Service"); g.chance(20) && strings.HasPrefix(docRef(g.docs[i]).name, "web") {
			return nil, g.drop(i)
		}
	}
	return g.changeEndpoints()
}

func (g *scriptGen) oneWriter(writers ...func()) func() { return writers[g.IntN(len(writers))] }

// somePolicy is the index of one of Calico's policies, -1 without any.
func (g *scriptGen) somePolicy() int {
	i := g.some("GlobalNetworkPolicy", "NetworkPolicy")
	if i >= 0 && !strings.Contains(g.docs[i], "projectcalico.org/v3") {
		return -1
	}
	return i
}

// changePolicy gives a policy other types and rules.
func (g *scriptGen) changePolicy() []string {
	i := g.somePolicy()
	if i < 0 {
		return nil
	}
	head, ns, ingressOnly := []string{}, docRef(g.docs[i]).namespace, false
	for _, line := range strings.SplitAfter(g.docs[i], "\n") {
		if strings.HasPrefix(line, "  types:") || strings.HasPrefix(line, "  ingress:") || strings.HasPrefix(line, "  egress:") {
			break
		}
		ingressOnly = ingressOnly || strings.HasPrefix(line, "  preDNAT")
		if strings.HasPrefix(line, "  selector:") && g.chance(50) {
			line = fmt.Sprintf("  selector: %q\n", g.selector())
		}
		head = append(head, line)
	}
	return g.put(strings.Join(head, "") + g.body(ns, ingressOnly))
}

var orderLine = regexp.MustCompile(`(?m)^  order: .*\n`)

// reorderPolicy gives a policy another place in its tier.
func (g *scriptGen) reorderPolicy() []string {
	i := g.somePolicy()
	if i < 0 {
		return nil
	}
	return g.put(strings.Replace(orderLine.ReplaceAllString(g.docs[i], ""), "\nspec:\n", "\nspec:\n  order: "+g.oneOf("0", "5", "500", "3000")+"\n", 1))
}

var labelsLine = regexp.MustCompile(`labels: \{[^}]*\}`)

// relabel gives an object other labels.
func (g *scriptGen) relabel(kind string) []string {
	i := g.some(kind)
	if i < 0 {
		return nil
	}
	return g.put(labelsLine.ReplaceAllString(g.docs[i], "labels: "+g.labels()))
}

func (g *scriptGen) relabelNamespace() []string {
	i := g.some("Namespace")
	return g.put(regexp.MustCompile(`team: \w+`).ReplaceAllString(g.docs[i], "team: "+g.oneOf("a", "b", "c")))
}

// changeSet makes, changes or deletes a network set.
func (g *scriptGen) changeSet() ([]string, ref) {
	i := g.some("GlobalNetworkSet", "NetworkSet")
	switch {
	case i < 0 || g.chance(25):
		return g.put(g.written(g.networkSet)), ref{}
	case g.chance(20):
		return nil, g.drop(i)
	case g.chance(30):
		return g.relabel(docRef(g.docs[i]).kind), ref{}
	}
	return g.put(regexp.MustCompile(`nets: \[.*\]`).ReplaceAllString(g.docs[i], "nets: ["+g.nets()+"]")), ref{}
}

func (g *scriptGen) changeHostEndpoint() ([]string, ref) {
	i := g.some("HostEndpoint")
	switch {
	case i < 0 || g.chance(30):
		return g.put(g.written(g.hostEndpoint)), ref{}
	case g.chance(30):
		return nil, g.drop(i)
	}
	old, doc := docRef(g.docs[i]), g.written(g.hostEndpoint)
	return g.put(strings.Replace(doc, "name: "+docRef(doc).name, "name: "+old.name, 1)), ref{}
}

var vxlanLines = regexp.MustCompile(`(?m)^  vxlan(Port|VNI): .*\n`)

// configuration is another FelixConfiguration with the same devices.
func (g *scriptGen) configuration() string {
	kept := ""
	if i := g.find(ref{kind: "FelixConfiguration", name: "default"}); i >= 0 {
		kept = strings.Join(vxlanLines.FindAllString(g.docs[i], -1), "")
	}
	more := g.oneOf("", "", "  iptablesNATOutgoingInterfaceFilter: eth0\n", "  kubeNodePortRanges: ['30000:30100']\n", "  logPrefix: calico\n", "  maxIpsetSize: 65536\n")
	return vxlanLines.ReplaceAllString(g.written(g.config), "") + kept + more
}

func (g *scriptGen) changeTier() []string {
	i := g.some("Tier")
	if i < 0 {
		return nil
	}
	doc := strings.Replace(orderLine.ReplaceAllString(g.docs[i], ""), "\nspec:\n", "\nspec:\n  order: "+g.oneOf("50", "150", "3000000")+"\n", 1)
	if g.chance(50) {
		doc = regexp.MustCompile(`(?m)^  defaultAction: .*\n`).ReplaceAllString(doc, "")
		doc += g.oneOf("", "  defaultAction: Pass\n", "  defaultAction: Deny\n")
	}
	return g.put(doc)
}

func (g *scriptGen) changePool() []string {
	i := g.some("IPPool")
	other := map[bool]string{true: "natOutgoing: false", false: "natOutgoing: true"}[strings.Contains(g.docs[i], "natOutgoing: true")]
	return g.put(regexp.MustCompile(`natOutgoing: \w+`).ReplaceAllString(g.docs[i], other))
}

// proxyConfiguration is kube-proxy's, as kubeadm stores it.
func (g *scriptGen) proxyConfiguration() string {
	conf := "    apiVersion: kubeproxy.config.k8s.io/v1alpha1\n    kind: KubeProxyConfiguration\n"
	if g.chance(50) {
		conf += "    clusterCIDR: 10.65.0.0/16\n"
	}
	if g.chance(40) {
		conf += "    nodePortAddresses: [" + g.oneOf("primary", "192.168.56.11/32", "192.168.56.0/24") + "]\n"
	}
	masq := g.oneOf("{}", "{masqueradeAll: true}", "{masqueradeBit: 13}", "{localhostNodePorts: false}")
	conf += "    iptables: " + masq + "\n    nftables: " + strings.Replace(masq, "localhostNodePorts: false", "", 1) + "\n"
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\ndata:\n  config.conf: |\n" + conf
}
