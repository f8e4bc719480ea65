package routing

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	return []diag.Entry{{
		Code: "routing/bad-host-network", Severity: diag.Error, Title: "A HostNetwork that cannot be",
		Text: "A HostNetwork says what no other object says of a node: interfaces, addresses, routes. Something in it is none of that, or names what is not there.", Fix: "See the message.",
		Example: "apiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata:\n  name: node-1\nspec:\n  interfaces:\n  - name: eth0\n    addresses: [192.0.2.1]\n",
	}}
}
