package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// endpointSlice checks an EndpointSlice as the API server does when it is created
// (pkg/apis/discovery/validation at Kubernetes v1.36).
func (o on) endpointSlice() {
	kind := path{"addressType"}
	if o.text(kind) == "" {
		o.walked(leftOut).reportAt("value/missing", o.src.At(), "add addressType: IPv4 or IPv6", "addressType is missing")
	}
	o.word(kind, append(slices.Clone(families), "FQDN"), leftOut)
	o.slicePorts()
	for i, n := range items(o.node(path{"endpoints"})) {
		at := path{"endpoints", i, "addresses"}
		all := items(child(n, "addresses"))
		if len(all) == 0 {
			o.walked(leftOut).reportAt("value/missing", o.src.At("endpoints", i), "list its address", "%s is missing", dotted(at))
		}
		for j, a := range all {
			o.sliceAddress(at.add(j), a.Text, o.text(kind))
		}
	}
}

// sliceAddress checks an address of an endpoint, of the slice's type.
func (o on) sliceAddress(at path, text, kind string) {
	if name := strings.TrimSuffix(text, "."); kind == "FQDN" && (len(name) > 253 || !nameForm.MatchString(name) || !strings.Contains(name, ".")) {
		o.walked(leftOut).report("value/format", at, "write a DNS name of two parts or more in lower case, or correct addressType", "%s: %q is not a DNS name", dotted(at), text)
	}
	if !slices.Contains(families, kind) || !o.usable(at, text) {
		return
	}
	switch addr, _ := addrOf(text); {
	case addr.Is4() != (kind == "IPv4"):
		o.walked(leftOut).report("value/family", at, "put it into a slice of its own", "%s: %s is not of %s, the addressType of the slice", dotted(at), text, kind)
	case kind == "IPv6" && addr.String() != text:
		o.walked("taken as "+addr.String()).report("service/address", at, "write "+addr.String(), "%s: %s can be written in one way only", dotted(at), text)
	}
}

func (o on) slicePorts() {
	o.eachPortOnce()
	for i := range items(o.node(path{"ports"})) {
		o.word(path{"ports", i, "protocol"}, servedProtocols, leftOut)
		at := path{"ports", i, "port"}
		if v := o.number(at); v < 0 || v > 65535 { // the server takes any number
			o.add(diag.Finding{Code: "service/port", Severity: diag.Warning, Span: o.value(at), Hint: portHint,
				Message: fmt.Sprintf("%s: %d is not a port: the endpoints are left out", dotted(at), v)}, strconv.FormatInt(v, 10))
		}
	}
}

// eachPortOnce asks that ports have different names; one may have none.
func (o on) eachPortOnce() {
	first := map[string]int{}
	for i := range items(o.node(path{"ports"})) {
		at := path{"ports", i, "name"}
		name := o.text(at)
		o.dnsLabel(at, name)
		if n, ok := first[name]; ok {
			o.walked("joined with the other").reportAt("value/duplicate", o.src.At(at...), "give each port of the list another name", "%s: ports[%d] has the same name %q", dotted(at), n, name)
			continue
		}
		first[name] = i
	}
}

const serviceNameLabel = "kubernetes.io/service-name"

// sliceDoubts warns of slices that belong to no service of the input, and of nodes of
// endpoints that are not in it, each once.
func (r *run) sliceDoubts() {
	services, nodes, told := map[string]map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range r.snap.Services {
		if ns := s.Object.Namespace; services[ns] == nil {
			services[ns] = map[string]bool{}
		}
		services[s.Object.Namespace][s.Object.Name] = true
	}
	for _, n := range r.snap.Nodes {
		nodes[n.Object.Name] = true
	}
	for _, n := range r.snap.CalicoNodes {
		nodes[n.Object.Name] = true
	}
	for _, s := range r.snap.EndpointSlices {
		if s.Source.Node == nil || s.Source.Kind != "EndpointSlice" {
			continue
		}
		o := r.on(object{src: s.Source})
		o.sliceService(s.Object, services[s.Object.Namespace])
		for i := range s.Object.Endpoints {
			at := path{"endpoints", i, "nodeName"}
			if name := o.text(at); name != "" && len(nodes) > 0 && !nodes[name] && !told[name] {
				told[name] = true
				o.report("service/slice-node", at, nearestOr(name, sortedKeys(nodes), "check the name, or add the Node"), "no node %q in the input", name)
			}
		}
	}
}

// sliceService warns of a slice that no service has.
func (o on) sliceService(s *discoveryv1.EndpointSlice, services map[string]bool) {
	name, at := s.Labels[serviceNameLabel], path{"metadata", "labels", serviceNameLabel}
	switch {
	case name == "":
		o.reportAt("service/slice-of-nobody", o.src.At("metadata"), "add the label "+serviceNameLabel, "a slice without the label %s: kube-proxy takes it for no service's", serviceNameLabel)
	case services != nil && !services[name]:
		o.report("service/slice-of-nobody", at, nearestOr(name, sortedKeys(services), "check the name, or add the Service"), "no Service %q in namespace %s of the input: its endpoints serve nobody", name, s.Namespace)
	}
}

// nearestOr asks for the name that was probably meant, or else says what to do.
func nearestOr(name string, names []string, otherwise string) string {
	if near := yamlpos.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}
