package check

import (
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
)

const goodService = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n"

const goodSlice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n"

// What the API server refuses of services, at its place: VALUE is what is wrong there.
func TestService_Refused(t *testing.T) {
	const ports = "  ports: [{port: 80}]\n"
	for _, c := range []struct{ spec, want string }{
		{ports, ""},
		{"  type: nodeport\n" + ports, "5:9 value/not-one-of write NodePort: the case matters"},
		{"  type: NodePort\n  externalTrafficPolicy: local\n" + ports, "6:26 value/not-one-of write Local: the case matters"},
		{"  internalTrafficPolicy: Locl\n" + ports, "5:26 value/not-one-of did you mean Local? (one of Cluster, Local)"},
		{"  sessionAffinity: ClientIp\n" + ports, "5:20 value/not-one-of write ClientIP: the case matters"},
		{"  trafficDistribution: PreferLocal\n" + ports, "5:24 value/not-one-of write one of PreferClose, PreferSameZone, PreferSameNode"},
		{"  ipFamilies: [IPv4, ipv6]\n  ipFamilyPolicy: DualStack\n" + ports, "5:22 value/not-one-of write IPv6: the case matters, 6:19 value/not-one-of write one of SingleStack, PreferDualStack, RequireDualStack"},
		{"  ipFamilies: [IPv4, IPv4]\n" + ports, "5:22 value/duplicate name each once"},
		{"  ports: [{port: 80, protocol: tcp}]\n", "5:32 value/not-one-of write TCP: the case matters"},
		{"  type: ClusterIP\n", "4:1 value/missing list the ports, as ports: [{port: 80}]"},
		{"  clusterIP: None\n", ""},
		{"  ports: [{name: a}]\n", "5:11 value/missing ports are from 1 to 65535"},
		{"  ports: [{name: a, port: 80}, {port: 81}]\n", "5:32 value/missing of several ports each has a name"},
		{"  ports: [{name: a, port: 80}, {name: a, port: 81}]\n", "5:39 value/duplicate give each port of the list another name"},
		{"  ports: [{name: a, port: 80}, {name: b, port: 80}]\n", "5:48 value/duplicate give each port of the list another port and protocol"},
		{"  ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]\n", ""},
		{"  type: NodePort\n  ports: [{name: a, port: 80, nodePort: 31000}, {name: b, port: 81, nodePort: 31000}]\n", "6:79 value/duplicate give each port of the list another node port and protocol"},
		{"  ports: [{name: Web_1, port: 80}]\n", "5:18 service/port-name use lower case letters, digits and '-', at most 63"},
		{"  ports: [{port: 0}]\n", "5:18 service/port ports are from 1 to 65535"},
		{"  ports: [{port: 80, targetPort: 70000}]\n", "5:34 service/port ports are from 1 to 65535"},
		{"  ports: [{port: 80, targetPort: '80'}]\n", "5:34 value/port-name write 80 without quotes: a text is the name of a port"},
		{"  ports: [{port: 80, targetPort: 0}]\n", ""},
		{"  ports: [{port: 80, nodePort: 31000}]\n", "5:22 service/type leave it out, or change the type"},
		{"  type: NodePort\n  ports: [{port: 80, nodePort: -1}]\n", "6:32 service/port ports are from 1 to 65535"},
		{"  externalTrafficPolicy: Local\n" + ports, "5:3 service/type leave it out, or change the type"},
		{"  externalTrafficPolicy: Local\n  externalIPs: [203.0.113.1]\n" + ports, ""},
		{"  healthCheckNodePort: 32000\n  type: LoadBalancer\n" + ports, "5:3 service/type leave it out, or change the type"},
		{"  healthCheckNodePort: 32000\n  type: LoadBalancer\n  externalTrafficPolicy: Local\n" + ports, ""},
		{"  loadBalancerSourceRanges: [10.0.0.0/8]\n" + ports, "5:3 service/type leave it out, or change the type"},
		{"  type: LoadBalancer\n  loadBalancerSourceRanges: [' 10.0.0.0/8', 10.0.0.1/8, 10.0.0.0/33, 10.0.0.1]\n" + ports,
			"6:45 value/host-bits write 10.0.0.0/8, 6:57 service/range the prefix length of an IPv4 network is from 0 to 32, 6:70 service/range write an address and a prefix length, as 10.0.0.0/8 or fd00::/8"},
		{"  type: LoadBalancer\n  loadBalancerSourceRanges: [010.0.0.0/8]\n" + ports, "6:30 service/range write 10.0.0.0/8"},
		{"  externalIPs: [127.0.0.1, 169.254.0.1, '::', foo, 203.0.113.1]\n" + ports,
			"5:17 service/address give an address that others can reach, 5:28 service/address give an address that others can reach, 5:41 service/address give an address that others can reach, 5:47 service/address write an address, as 10.0.0.1 or fd00::1"},
		{"  clusterIP: 0.0.0.0\n" + ports, "5:14 service/address give an address that others can reach"},
		{"  clusterIP: 10.096.0.1\n" + ports, "5:14 service/address write 10.96.0.1"},
		{"  clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1, 10.96.0.2]\n" + ports, "6:27 service/cluster-ips one of IPv4 and one of IPv6 are possible"},
		{"  clusterIP: 10.96.0.1\n  clusterIPs: ['fd00::1']\n" + ports, "6:16 service/cluster-ips write 10.96.0.1"},
		{"  clusterIPs: [10.96.0.1]\n" + ports, "5:16 service/cluster-ips add clusterIP: 10.96.0.1"},
		{"  clusterIP: 10.96.0.1\n  ipFamilies: [IPv6]\n" + ports, "5:14 value/family give an address of IPv6, or correct ipFamilies"},
		{"  clusterIP: None\n  type: NodePort\n" + ports, "5:3 service/type leave it out, or change the type"},
		{"  type: ExternalName\n", "5:3 value/missing add externalName, the name that the service stands for"},
		{"  type: ExternalName\n  externalName: db.example.com.\n", ""},
		{"  type: ExternalName\n  externalName: DB\n  clusterIP: 10.96.0.1\n", "6:17 value/format write a DNS name in lower case, 7:3 service/type leave it out, or change the type"},
		{"  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}\n" + ports, "6:54 service/affinity give 1 to 86400 seconds"},
		{"  sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}\n" + ports, ""},
		{"  type: LoadBalancer\n  loadBalancerClass: a b\n" + ports, "6:22 value/format a name has letters, digits, '-', '_' and '.', and starts and ends with a letter or digit"},
		{"  selector: {app: 'a b'}\n" + ports, "5:19 meta/label a label's value has letters, digits, '-', '_' and '.', and starts and ends with a letter or digit"},
	} {
		if got := placesAndHints(errorsOf(all("f", goodService+c.spec))); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.spec, got, c.want)
		}
	}
}

func TestService_Name(t *testing.T) {
	for name, want := range map[string]string{"web": "", "1-web": "", "web.v1": "3:18 meta/name", "Web": "3:18 meta/name"} {
		got := ""
		for _, f := range errorsOf(all("f", strings.Replace(goodService, "name: web", "name: "+name, 1)+"  ports: [{port: 80}]\n")) {
			got += strings.TrimPrefix(f.Span.String(), "f:") + " " + f.Code
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestEndpointSlice_Refused(t *testing.T) {
	for _, c := range []struct{ rest, want string }{
		{"addressType: IPv4\nports: [{name: a, port: 80}, {name: b}]\nendpoints: [{addresses: [10.65.0.1]}]\n", ""},
		{"addressType: FQDN\nendpoints: [{addresses: [example.com]}]\n", ""},
		{"addressType: FQDN\nendpoints: [{addresses: [example]}]\n", "5:26 value/format write a DNS name of two parts or more in lower case, or correct addressType"},
		{"addressType: IPv6\nendpoints: [{addresses: ['fd00::1', 'fd00:0::1']}]\n", "5:37 service/address write fd00::1"},
		{"ports: []\n", "1:1 value/missing add addressType: IPv4 or IPv6"},
		{"addressType: ipv4\n", "4:14 value/not-one-of write IPv4: the case matters"},
		{"addressType: IPv4\nports: [{port: 80, protocol: tcp}]\n", "5:30 value/not-one-of write TCP: the case matters"},
		{"addressType: IPv4\nports: [{port: 80}, {port: 81}]\n", "5:21 value/duplicate give each port of the list another name"},
		{"addressType: IPv4\nports: [{port: 80, name: A_b}]\n", "5:26 service/port-name use lower case letters, digits and '-', at most 63"},
		{"addressType: IPv4\nendpoints: [{conditions: {ready: true}}]\n", "5:13 value/missing list its address"},
		{"addressType: IPv4\nendpoints: [{addresses: ['fd00::1', 127.0.0.1, x]}]\n", "5:26 value/family put it into a slice of its own, 5:37 service/address give an address that others can reach, 5:48 service/address write an address, as 10.0.0.1 or fd00::1"},
	} {
		if got := placesAndHints(errorsOf(all("f", goodSlice+c.rest))); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.rest, got, c.want)
		}
	}
}

func placesAndHints(l diag.List) string {
	var out []string
	for _, f := range l {
		out = append(out, strings.TrimPrefix(f.Span.String(), "f:")+" "+f.Code+" "+f.Hint)
	}
	return strings.Join(out, ", ")
}

// Whoever goes on to use a service that would be refused hears what it is taken as; of
// one that a server has stored nobody says that a server refuses it.
func TestRefused_ServicesAreWarnings(t *testing.T) {
	const rest = "  type: NodePort\n  externalTrafficPolicy: local\n  ports: [{port: 80}]\nstatus: {loadBalancer: {ingress: [{ip: edge}]}}\n"
	stored := strings.Replace(goodService, "namespace", "uid: 1, namespace", 1)
	for text, want := range map[string][]string{
		goodService + rest: {
			`f:6:26: warning: spec.externalTrafficPolicy: "local" is not a value of this field; the API server refuses it; here it is taken as Cluster`,
			`f:8:40: warning: status.loadBalancer.ingress[0].ip: "edge" is no IP address; here it is left out`},
		stored + rest: {
			`f:6:26: warning: spec.externalTrafficPolicy: "local" is not a value of this field; here it is taken as Cluster`,
			`f:8:40: warning: status.loadBalancer.ingress[0].ip: "edge" is no IP address; here it is left out`},
		stored + "  type: LoadBalancer\n  clusterIP: 10.096.0.1\n  loadBalancerSourceRanges: [10.0.0.1/8]\n  ports: [{port: 80}]\n": nil,
	} {
		s, _ := cluster.Read([]cluster.File{{Name: "f", Data: []byte(text)}}, cluster.Options{})
		var got []string
		for _, f := range Refused(s, Options{}) {
			got = append(got, f.Span.String()+": "+f.Severity.String()+": "+f.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", text, got, want)
		}
	}
}

// Slices of nobody and node ports out of the usual range are doubtful, and no more.
func TestServiceDoubts(t *testing.T) {
	const rest = "addressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [10.65.0.1], nodeName: n1}, {addresses: [10.65.0.2], nodeName: n1}]\n---\n"
	const node = "apiVersion: v1\nkind: Node\nmetadata: {name: n2}\n---\n"
	service := goodService + "  type: NodePort\n  ports: [{port: 80, nodePort: 31000}]\n---\n"
	for text, want := range map[string]string{
		goodSlice + rest:           "",
		goodSlice + rest + service: "",
		goodSlice + rest + strings.Replace(service, "web", "wev", 1):            `3:79 service/slice-of-nobody did you mean "wev"?`,
		goodSlice + rest + strings.Replace(service, "shop", "other", 1):         "",
		strings.Replace(goodSlice, "kubernetes.io/service-name", "x", 1) + rest: "3:1 service/slice-of-nobody add the label kubernetes.io/service-name",
		goodSlice + rest + node:                    `6:48 service/slice-node did you mean "n2"?`,
		strings.Replace(service, "31000", "40", 1): "6:32 service/node-port-range use one of 30000 to 32767, or see that the API server has another --service-node-port-range",
	} {
		found := slices.DeleteFunc(all("f", text), func(f diag.Finding) bool { return !strings.HasPrefix(f.Code, "service/") })
		if got := placesAndHints(found); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
