package check

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// The words of a Service's fields, and of its slices'.
var (
	serviceTypes    = []string{"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}
	outsideTypes    = []string{"NodePort", "LoadBalancer"}
	trafficPolicies = []string{"Cluster", "Local"}
	affinities      = []string{"ClientIP", "None"}
	distributions   = []string{"PreferClose", "PreferSameZone", "PreferSameNode"}
	familyPolicies  = []string{"SingleStack", "PreferDualStack", "RequireDualStack"}
	families        = []string{"IPv4", "IPv6"}
	servedProtocols = []string{"TCP", "UDP", "SCTP"}
)

var specPath = path{"spec"}

// leftOut is what becomes of most that cannot be read.
const leftOut = "left out"

// service checks a Service as the API server does when it is created
// (pkg/apis/core/validation at Kubernetes v1.36).
func (o on) service() {
	o.word(specPath.add("type"), serviceTypes, "taken as ClusterIP, with the node ports that it names")
	o.word(specPath.add("externalTrafficPolicy"), trafficPolicies, "taken as Cluster")
	o.word(specPath.add("internalTrafficPolicy"), trafficPolicies, "taken as Cluster")
	o.word(specPath.add("sessionAffinity"), affinities, "taken as None")
	o.word(specPath.add("trafficDistribution"), distributions, leftOut)
	o.word(specPath.add("ipFamilyPolicy"), familyPolicies, leftOut)
	o.eachOnce(specPath.add("ipFamilies"), func(at path) { o.word(at, families, leftOut) })
	o.labelMap(o.node(specPath.add("selector")), specPath.add("selector"))
	o.servicePorts()
	o.serviceAffinity()
	o.clusterIPs()
	o.serviceAddresses()
	if kind := o.serviceType(); slices.Contains(serviceTypes, kind) {
		o.fitsType(kind)
	}
}

// serviceType is the type of a Service, with the server's default.
func (o on) serviceType() string { return cmp.Or(o.text(specPath.add("type")), "ClusterIP") }

// walked says, for whoever goes on to use the object, what is made here of what the
// next report is about.
func (o on) walked(as string) on {
	o.instead = "the API server refuses it; here it is " + as
	if o.src.Stored {
		o.instead = "here it is " + as
	}
	return o
}

// word checks a field that is one of a few words; an empty one is not given.
func (o on) word(at path, words []string, as string) {
	if text := o.text(at); text != "" && !slices.Contains(words, text) {
		o.walked(as).report("value/not-one-of", at, oneOfHint(text, words), "%s: %q is not a value of this field", dotted(at), text)
	}
}

// eachOnce checks the items of a list, of which none stands there twice.
func (o on) eachOnce(list path, check func(at path)) {
	seen := map[string]bool{}
	for i, n := range items(o.node(list)) {
		check(list.add(i))
		if seen[n.Text] && n.Text != "" {
			o.walked(leftOut).report("value/duplicate", list.add(i), "name each once", "%s: %q is there already", dotted(list.add(i)), n.Text)
		}
		seen[n.Text] = true
	}
}

func (o on) servicePorts() {
	list := specPath.add("ports")
	ports := items(o.node(list))
	if len(ports) == 0 && o.text(specPath.add("clusterIP")) != "None" && o.serviceType() != "ExternalName" {
		o.walked("a service that leads nowhere").reportAt("value/missing", o.src.At("spec"), "list the ports, as ports: [{port: 80}]", "spec.ports is missing")
	}
	seen := map[string]int{}
	for i := range ports {
		at := list.add(i)
		once := func(at path, value, what string) {
			if first, ok := seen[what+value]; ok {
				o.walked("served by the first").report("value/duplicate", at, "give each port of the list another "+what, "%s: %s has the same %s", dotted(at), dotted(list.add(first)), what)
				return
			}
			seen[what+value] = i
		}
		name, protocol := o.portName(at.add("name"), len(ports) > 1), cmp.Or(o.text(at.add("protocol")), "TCP")
		if name != "" {
			once(at.add("name"), name, "name")
		}
		o.word(at.add("protocol"), servedProtocols, leftOut)
		if o.node(at.add("port")) == nil {
			o.walked(leftOut).reportAt("value/missing", o.src.At(at...), portHint, "%s is missing", dotted(at.add("port")))
		}
		for field, what := range map[string]string{"port": "port and protocol", "nodePort": "node port and protocol"} {
			if v := o.portNumber(at.add(field)); v != 0 {
				once(at.add(field), strconv.FormatInt(v, 10)+protocol, what)
			}
		}
		o.targetPortForm(at.add("targetPort"))
	}
	o.portNumber(specPath.add("healthCheckNodePort"))
}

// portName checks the name of a service's port, which several ports have to have, and
// returns it.
func (o on) portName(at path, several bool) string {
	name := o.text(at)
	if name == "" && several {
		o.walked("a port without a name").reportAt("value/missing", o.src.At(at[:len(at)-1]...), "of several ports each has a name", "%s is missing", dotted(at))
	}
	o.dnsLabel(at, name)
	return name
}

const portHint = "ports are from 1 to 65535"

func (o on) dnsLabel(at path, name string) {
	if name != "" && (len(name) > 63 || !simpleName.MatchString(name)) {
		o.walked("taken as it is").report("service/port-name", at, "use lower case letters, digits and '-', at most 63", "%s: %q cannot be the name of a port", dotted(at), name)
	}
}

// portNumber checks a field that is a port, and returns it; 0 is one that is not given.
func (o on) portNumber(at path) int64 {
	n := o.node(at)
	if n == nil {
		return 0
	}
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if last := at[len(at)-1]; err != nil || v == 0 && last != "port" {
		return 0
	}
	if v < 1 || v > 65535 {
		o.walked(leftOut).report("service/port", at, portHint, "%s: %d is not a port", dotted(at), v)
		return 0
	}
	return v
}

// targetPortForm checks a targetPort: a number, or the name of a container's port.
func (o on) targetPortForm(at path) {
	n := o.node(at)
	if n == nil || n.Kind != yamlpos.String {
		o.portNumber(at)
		return
	}
	if n.Text == "" || isPortName(n.Text) {
		return
	}
	hint := portNameHint
	if _, err := strconv.Atoi(n.Text); err == nil {
		hint = "write " + n.Text + " without quotes: a text is the name of a port"
	}
	o.walked("taken as a name").report("value/port-name", at, hint, "%s: %q is not the name of a port", dotted(at), n.Text)
}

func (o on) serviceAffinity() {
	at := specPath.add("sessionAffinityConfig", "clientIP", "timeoutSeconds")
	n := o.node(at)
	if n == nil || o.text(specPath.add("sessionAffinity")) != "ClientIP" { // else the server drops it
		return
	}
	if v, err := strconv.ParseInt(n.Text, 10, 64); err == nil && (v < 1 || v > 86400) {
		o.walked("taken as it is").report("service/affinity", at, "give 1 to 86400 seconds", "%s: a client is remembered for 1 to 86400 seconds, not %d", dotted(at), v)
	}
}

// clusterIPs checks spec.clusterIP and spec.clusterIPs, each and together.
func (o on) clusterIPs() {
	one, list := specPath.add("clusterIP"), specPath.add("clusterIPs")
	first, all := o.text(one), items(o.node(list))
	if first != "" && first != "None" {
		o.usable(one, first)
	}
	bad := func(at path, hint, format string, args ...any) {
		o.walked("taken as far as it goes").report("service/cluster-ips", at, hint, dotted(at)+": "+format, args...)
	}
	have := map[bool]bool{}
	for i, n := range all {
		at := list.add(i)
		addr, ok := addrOf(n.Text)
		switch {
		case n.Text == "None":
			if len(all) > 1 {
				bad(at, "None stands alone", "None beside other addresses")
			}
		case i == 0 && n.Text == first && !ok: // said at clusterIP
		case o.usable(at, n.Text):
			if have[addr.Is4()] {
				bad(at, "one of IPv4 and one of IPv6 are possible", "%s is a second address of its IP version", n.Text)
			}
			have[addr.Is4()] = true
		}
	}
	switch {
	case len(all) > 0 && first == "":
		bad(list.add(0), "add clusterIP: "+all[0].Text, "there is no clusterIP, which is the first of these")
	case len(all) > 0 && first != all[0].Text:
		bad(list.add(0), "write "+first, "the first is not clusterIP, %s", first)
	}
	o.clusterIPFamilies()
}

// clusterIPFamilies holds the cluster IPs against ipFamilies.
func (o on) clusterIPFamilies() {
	list := specPath.add("clusterIPs")
	at := func(i int) path { return list.add(i) }
	all := items(o.node(list))
	if len(all) == 0 {
		at = func(int) path { return specPath.add("clusterIP") }
		all = []*yamlpos.Node{o.node(specPath.add("clusterIP"))}
	}
	for i, f := range items(o.node(specPath.add("ipFamilies"))) {
		if i >= len(all) || all[i] == nil || !slices.Contains(families, f.Text) {
			continue
		}
		if a, ok := addrOf(all[i].Text); ok && a.Is4() != (f.Text == "IPv4") {
			o.walked("without an address of that version").report("value/family", at(i), "give an address of "+f.Text+", or correct ipFamilies", "%s: %s is not of %s, as ipFamilies has it", dotted(at(i)), all[i].Text, f.Text)
		}
	}
}

// usable checks an address of a service or an endpoint, which others have to reach.
func (o on) usable(at path, text string) bool {
	addr, ok := addrOf(text)
	switch {
	case !ok:
		o.walked(leftOut).report("service/address", at, "write an address, as 10.0.0.1 or fd00::1", "%s: %q is no IP address", dotted(at), text)
		return false
	case !o.src.Stored && !isStrict(text):
		o.walked("taken as "+addr.String()).report("service/address", at, "write "+addr.String(), "%s: %q has leading zeros, or is an IPv4 address in IPv6", dotted(at), text)
		return false
	}
	what := ""
	switch {
	case addr.IsUnspecified():
		what = "unspecified"
	case addr.IsLoopback():
		what = "of loopback"
	case addr.IsLinkLocalUnicast(), addr.IsLinkLocalMulticast():
		what = "link-local"
	default:
		return true
	}
	o.walked("taken as any other").report("service/address", at, "give an address that others can reach", "%s: %s is %s", dotted(at), text, what)
	return false
}

// addrOf reads an address as Kubernetes always did, with leading zeros.
func addrOf(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(withoutZeros(text))
	return a.Unmap(), err == nil && a.Zone() == ""
}

var leadingZeros = regexp.MustCompile(`\b0+([0-9])`)

// withoutZeros is an address or a network without the leading zeros of IPv4's numbers.
func withoutZeros(text string) string {
	if strings.Contains(text, ":") {
		return text
	}
	return leadingZeros.ReplaceAllString(text, "$1")
}

// isStrict says that a server from Kubernetes 1.36 on takes the form of an address.
func isStrict(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && !a.Is4In6()
}

// serviceAddresses checks the addresses by which a service is reached from outside.
func (o on) serviceAddresses() {
	for i, n := range items(o.node(specPath.add("externalIPs"))) {
		o.usable(specPath.add("externalIPs", i), n.Text)
	}
	ranges := specPath.add("loadBalancerSourceRanges")
	for i, n := range items(o.node(ranges)) {
		at, text := ranges.add(i), strings.TrimSpace(n.Text)
		plain := withoutZeros(text)
		if _, err := netip.ParsePrefix(plain); err != nil {
			o.walked(leftOut).report("service/range", at, netHint(text), "%s: %q is no range of addresses", dotted(at), n.Text)
			continue
		}
		switch {
		case o.src.Stored:
		case plain != text:
			o.walked("taken as "+plain).report("service/range", at, "write "+plain, "%s: %q has leading zeros", dotted(at), text)
		default:
			o.walked("taken as the whole network").strictNet(text, at)
		}
	}
	status := path{"status", "loadBalancer", "ingress"}
	for i := range items(o.node(status)) {
		at := status.add(i, "ip")
		if text := o.text(at); text != "" { // the server takes a status from controllers only
			if _, ok := addrOf(text); !ok {
				o.add(diag.Finding{Code: "service/address", Severity: diag.Warning, Span: o.value(at), Hint: "write an address, as 203.0.113.1",
					Message: dotted(at) + ": " + strconv.Quote(text) + " is no IP address; here it is left out"}, text)
			}
		}
	}
}

// fitsType checks the fields that only services of some types have.
func (o on) fitsType(kind string) {
	only := func(at path, as, when string) {
		if n := o.node(at); n != nil && (len(n.Items) > 0 || n.Text != "" && n.Text != "0") {
			o.walked(as).reportAt("service/type", o.src.At(at...), "leave it out, or change the type", "%s is for %s, and this is a service of type %s", dotted(at), when, kind)
		}
	}
	headless := o.text(specPath.add("clusterIP")) == "None"
	if headless && slices.Contains(outsideTypes, kind) {
		only(specPath.add("clusterIP"), "headless", "services within the cluster if it is None")
	}
	if kind == "ExternalName" {
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} {
			only(specPath.add(field), leftOut, "services with addresses")
		}
		o.externalName()
	}
	if kind != "LoadBalancer" {
		only(specPath.add("loadBalancerSourceRanges"), "taken as it is", "type LoadBalancer")
		only(specPath.add("allocateLoadBalancerNodePorts"), leftOut, "type LoadBalancer")
		only(specPath.add("loadBalancerClass"), leftOut, "type LoadBalancer")
	}
	class := specPath.add("loadBalancerClass")
	if why := badQualifiedName(o.text(class)); kind == "LoadBalancer" && o.node(class) != nil && why != "" {
		o.walked(leftOut).report("value/format", class, why, "%s: %q cannot be the name of a class", dotted(class), o.text(class))
	}
	for i := range items(o.node(specPath.add("ports"))) {
		if kind == "ClusterIP" {
			only(specPath.add("ports", i, "nodePort"), "taken as it is", "types NodePort and LoadBalancer")
		}
	}
	local := o.text(specPath.add("externalTrafficPolicy")) == "Local"
	if !slices.Contains(outsideTypes, kind) && (kind != "ClusterIP" || len(items(o.node(specPath.add("externalIPs")))) == 0) {
		only(specPath.add("externalTrafficPolicy"), leftOut, "types NodePort and LoadBalancer, and services with externalIPs")
	}
	if kind != "LoadBalancer" || !local {
		only(specPath.add("healthCheckNodePort"), leftOut, "type LoadBalancer with externalTrafficPolicy Local")
	}
}

func (o on) externalName() {
	at := specPath.add("externalName")
	name := strings.TrimSuffix(o.text(at), ".")
	switch {
	case name == "":
		o.walked("without a name").reportAt("value/missing", o.src.At("spec", "type"), "add externalName, the name that the service stands for", "spec.externalName is missing")
	case len(name) > 253 || !nameForm.MatchString(name):
		o.walked("taken as it is").report("value/format", at, "write a DNS name in lower case", "%s: %q is not a DNS name", dotted(at), name)
	}
}

// nodePortRange remarks on node ports that API servers refuse unless told otherwise.
func (o on) nodePortRange() {
	for i := range items(o.node(specPath.add("ports"))) {
		at := specPath.add("ports", i, "nodePort")
		if v := o.number(at); v > 0 && v <= 65535 && (v < 30000 || v > 32767) && !o.src.Stored {
			o.report("service/node-port-range", at, "use one of 30000 to 32767, or see that the API server has another --service-node-port-range", "%s: API servers take node ports from 30000 to 32767 unless told otherwise, and not %d", dotted(at), v)
		}
	}
}
