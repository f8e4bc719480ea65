package check

import (
	"strings"

	"tortie/compiler/diag"
)

// serviceExample is a Service with more fields, indented as those of spec.
func serviceExample(rest string) string {
	return "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nspec:\n" + rest
}

const sliceHead = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: web-1\n  namespace: shop\n"

const sliceRest = "addressType: IPv4\nports:\n- port: 8080\nendpoints:\n- addresses: [10.65.0.2]\n  nodeName: node-9\n"

// serviceDocs explain what is wrong with services and their slices. What the API server
// refuses of them is an error for tortie validate, and a warning where the rest of the
// object is used all the same.
var serviceDocs = []diag.Entry{
	{
		Code: "service/address", Severity: diag.Error, Title: "An address that a service or an endpoint cannot have",
		Text: "It is no IP address, or is one that others cannot reach: unspecified, of loopback, link-local. The API server refuses it. render, trace and replay warn, and leave out what is no address.", Fix: "Write the IPv4 or IPv6 address that is meant.",
		Example: serviceExample("  clusterIP: 10.96.0.500\n  ports:\n  - port: 80\n"),
	},
	{
		Code: "service/affinity", Severity: diag.Error, Title: "A time of session affinity that is out of range",
		Text: "A client keeps its pod for 1 to 86400 seconds.", Fix: "Give timeoutSeconds in that range.",
		Example: serviceExample("  ports:\n  - port: 80\n  sessionAffinity: ClientIP\n  sessionAffinityConfig:\n    clientIP:\n      timeoutSeconds: 0\n"),
	},
	{
		Code: "service/cluster-ips", Severity: diag.Error, Title: "Cluster IPs that do not go together",
		Text: "clusterIPs is clusterIP, and perhaps one address of the other IP version behind it.", Fix: "Leave clusterIPs out, or make the first of them clusterIP.",
		Example: serviceExample("  clusterIP: 10.96.0.9\n  clusterIPs: [10.96.0.8]\n  ports:\n  - port: 80\n"),
	},
	{
		Code: "service/node-port-range", Severity: diag.Note, Title: "A node port outside of the usual range",
		Text: "API servers take node ports from 30000 to 32767 and refuse others, unless --service-node-port-range says otherwise.", Fix: "Use a port of the range, or see what the server's flag says.",
		Example: serviceExample("  type: NodePort\n  ports:\n  - port: 80\n    nodePort: 40\n"),
	},
	{
		Code: "service/port", Severity: diag.Error, Title: "A port that is none",
		Text: "Ports go from 1 to 65535. The API server refuses other ports of services. render, trace and replay warn, and leave them out.", Fix: "Give a port in that range.",
		Example: serviceExample("  ports:\n  - port: 80000\n"),
	},
	{
		Code: "service/port-name", Severity: diag.Error, Title: "Something that cannot be the name of a service's port",
		Text: "Names of the ports of services and slices have at most 63 lower case letters, digits and dashes, and no dash at the ends.", Fix: "Rename the port, in the service and where others name it.",
		Example: serviceExample("  ports:\n  - name: Web_Port\n    port: 80\n"),
	},
	{
		Code: "service/range", Severity: diag.Error, Title: "A source range that is none",
		Text: "loadBalancerSourceRanges are prefixes. The API server refuses others. render, trace and replay warn and leave them out: without any range everyone is let in.", Fix: "Write it as 198.51.100.0/24.",
		Example: serviceExample("  ports:\n  - port: 80\n  type: LoadBalancer\n  loadBalancerSourceRanges: [198.51.100.0]\n"),
	},
	{
		Code: "service/slice-node", Severity: diag.Warning, Title: "An endpoint on a node that is not there",
		Text: "The input has nodes, but none of that name: no node takes the endpoint for its own.", Fix: "Correct nodeName.",
		Example: nodesExample + strings.Replace(sliceHead, "  namespace: shop\n", "  namespace: shop\n  labels:\n    kubernetes.io/service-name: web\n", 1) + sliceRest,
	},
	{
		Code: "service/slice-of-nobody", Severity: diag.Warning, Title: "A slice of endpoints that no service has",
		Text: "The label kubernetes.io/service-name says whose endpoints a slice has. There is none, or the input has services of that namespace and not this one.", Fix: "Correct the label.",
		Example: sliceHead + sliceRest,
	},
	{
		Code: "service/type", Severity: diag.Error, Title: "A field that does not go with the type of a service",
		Text: "Node ports are for types NodePort and LoadBalancer, source ranges for LoadBalancer, externalTrafficPolicy for services that can be reached from outside, addresses for all but ExternalName. The API server refuses the field elsewhere.", Fix: "Leave the field out, or change the type.",
		Example: serviceExample("  ports:\n  - port: 80\n  externalTrafficPolicy: Local\n"),
	},
}
