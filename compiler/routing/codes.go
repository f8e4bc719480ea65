package routing

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	return []diag.Entry{{
		Code: "routing/bad-host-network", Severity: diag.Error, Title: "A HostNetwork that cannot be",
		Text: "A HostNetwork says what no other object says of a node: interfaces, addresses, routes. Something in it is none of that, or names what is not there.", Fix: "See the message.",
		Example: "apiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata:\n  name: node-1\nspec:\n  interfaces:\n  - name: eth0\n    addresses: [192.0.2.1]\n",
	}, {
		Code: "routing/unknown-node", Severity: diag.Warning, Title: "A HostNetwork of a node that is not there",
		Text: "A HostNetwork has the name of a node. The input has nodes, and none of that name, so nothing comes of it.", Fix: "Correct metadata.name, or add the Node.",
		Example: "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\n---\napiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata:\n  name: node-2\nspec:\n  interfaces:\n  - name: eth0\n    addresses: [192.0.2.1/24]\n",
	}}
}
