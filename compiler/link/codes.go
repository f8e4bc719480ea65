package link

import (
	"strings"

	"tortie/compiler/diag"
)

// Codes returns the codes of this package's findings, sorted.
func Codes() []diag.Entry {
	const service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  clusterIP: 10.96.0.50\n  ports:\n"
	return []diag.Entry{
		{Code: "felix/breaks", Severity: diag.Warning, Title: "An input with which Felix does not work",
			Text: "Felix's own validation lets it pass, and then the kernel or the tool refuses the rule, or the rule says something else than was meant. The rules are made as far as they can be. Where the tool has no words for a rule, there are none to show: render, trace and replay refuse, and the real Felix crashes again and again. tortie validate warns of all of these, in the dataplane that the input asks for (--dataplane asks for the other one), of policies without endpoints too, and exits with 0: the API server accepts them, and Felix may take them in its other dataplane. In a pipeline, --strict makes it exit with 1.", Fix: "See the message; write the rule in another way.", Example: "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: edge\n  labels: {role: edge}\nspec:\n  node: node-1\n  interfaceName: '*'\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n  selector: role == 'edge'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    notProtocol: UDP\n"},
		{Code: "felix/unknown-setting", Severity: diag.Warning, Title: "A setting that Felix does not have",
			Text: "Felix takes the environment variables that begin with FELIX_ for its settings, in upper or lower case, and ignores those whose name it does not know. The names are those of Felix v3.32.", Fix: "Correct the name; a setting that Felix had in an earlier version has no effect any more.", Example: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: calico-node\n  namespace: kube-system\nspec:\n  selector:\n    matchLabels: {k8s-app: calico-node}\n  template:\n    metadata:\n      labels: {k8s-app: calico-node}\n    spec:\n      containers:\n      - name: calico-node\n        image: calico/node\n        env:\n        - name: FELIX_CHAININSERTMOD\n          value: Append\n"},
		{Code: "link/floating-ips-off", Severity: diag.Warning, Title: "A floating IP with floating IPs off",
			Text: "The pod's annotation asks for an address that Felix would translate to the pod. floatingIPs is Disabled where no FelixConfiguration says otherwise, and then the address is one like any other outside of the cluster.", Fix: "Enable floatingIPs in the FelixConfiguration and the CNI configuration, or take the annotation out.", Example: "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\nspec: {}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    cni.projectcalico.org/floatingIPs: '[\"198.51.100.1\"]'\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
		{Code: "link/no-such-interface", Severity: diag.Warning, Title: "A host endpoint of an interface that the node does not have",
			Text: "Felix makes chains for the interfaces that are there. What interfaces a node has is taken from its HostNetwork, else from the annotation projectcalico.org/Interfaces (calico-node writes it where it detects the node's address itself), else from a host endpoint that expects the node's own address; where nothing says it, the node has lo and eth0.", Fix: "Give the node's address in expectedIPs, or a HostNetwork; or correct the name.", Example: "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: edge\nspec:\n  node: node-1\n  interfaceName: ens3\n"},
		{Code: "link/untracked-ignored", Severity: diag.Warning, Title: "A doNotTrack policy for all interfaces of a host",
			Text: "Rules for untracked packets are made for host endpoints that name their interface, or that are found by its address. For one whose interfaceName is * (automatic host endpoints are such) Felix leaves policies with doNotTrack out and says so in its log only: what the policy denies is not denied there, and nothing is untracked.", Fix: "Select host endpoints of named interfaces, or leave doNotTrack out: preDNAT policies and others count for *.", Example: "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: edge\n  labels: {role: edge}\nspec:\n  node: node-1\n  interfaceName: '*'\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n  selector: role == 'edge'\n  doNotTrack: true\n  applyOnForward: true\n  types: [Ingress]\n  ingress:\n  - action: Deny\n    source: {nets: [203.0.113.0/24]}\n"},
		{Code: "service/kube-proxy", Severity: diag.Warning, Title: "A service that kube-proxy treats otherwise than it seems",
			Text: "kube-proxy makes no rules for a service without clusterIP; and where two services share an address and port, chance decides which of them has it.", Fix: "Give the clusterIP as the cluster has it; give each service an address and port of its own.", Example: service + "  - port: 80\n---\n" + strings.Replace(service, "web", "shop", 1) + "  - port: 80\n"},
		{Code: "service/proxy-mode", Severity: diag.Error, Title: "A mode that kube-proxy does not have",
			Text: "kube-proxy's configuration names its mode.", Fix: "Write iptables, nftables or ipvs.", Example: "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: userspace\n"},
	}
}
