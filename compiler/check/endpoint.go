package check

import (
	"tortie/compiler/diag"
)

// hostEndpoint checks a host endpoint's node, interface and ports.
func (o on) hostEndpoint() {
	spec := path{"spec"}
	if o.text(spec.add("node")) == "" {
		o.report("endpoint/no-node", spec.add("node"), "add the name of the node", "the host endpoint has no node")
	}
	if o.text(spec.add("interfaceName")) == "" && len(items(o.node(spec.add("expectedIPs")))) == 0 {
		o.report("endpoint/no-interface", spec.add("interfaceName"), "add interfaceName (* for all), or expectedIPs", "the host endpoint has neither interfaceName nor expectedIPs")
	}
	for i := range items(o.node(spec.add("ports"))) {
		at := spec.add("ports", i, "protocol")
		if n := o.node(at); n != nil && validProtocol(n.Text) && !hasPorts(n.Text) {
			o.report("endpoint/port-protocol", at, "use TCP, UDP or SCTP", "protocol %s has no ports", n.Text)
		}
	}
}

func endpointExample(rest string) string {
	return "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: example\nspec:\n" + rest
}

var endpointDocs = []diag.Entry{
	{
		Code: "endpoint/no-node", Severity: diag.Error, Title: "A host endpoint without a node",
		Text: "A host endpoint stands for an interface of one node.", Fix: "Name the node in spec.node.",
		Example: endpointExample("  interfaceName: eth0\n"),
	},
	{
		Code: "endpoint/no-interface", Severity: diag.Error, Title: "A host endpoint without an interface",
		Text: "A host endpoint names its interface, or the addresses by which it is found, or * for all interfaces.", Fix: "Give interfaceName or expectedIPs.",
		Example: endpointExample("  node: node-1\n"),
	},
	{
		Code: "endpoint/port-protocol", Severity: diag.Error, Title: "A named port of a protocol without ports",
		Text: "Named ports are of TCP, UDP or SCTP.", Fix: "Change the protocol.",
		Example: endpointExample("  node: node-1\n  interfaceName: eth0\n  ports:\n  - name: ping\n    protocol: ICMP\n    port: 1\n"),
	},
}
