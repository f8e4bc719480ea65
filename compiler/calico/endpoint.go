package calico

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	corev1 "k8s.io/api/core/v1"
)

// Annotations of pods that the CNI plugin writes and Calico reads.
const (
	annotationPodIP       = "cni.projectcalico.org/podIP"
	annotationPodIPs      = "cni.projectcalico.org/podIPs"
	annotationAWSPodIPs   = "vpc.amazonaws.com/pod-ips"
	annotationFloatingIPs = "cni.projectcalico.org/floatingIPs"
	annotationHWAddr      = "cni.projectcalico.org/hwAddr"
	annotationSpoof       = "cni.projectcalico.org/allowedSourcePrefixes"
	annotationNetStatus   = "k8s.v1.cni.cncf.io/network-status"
)

// InterfaceName is the name of the host's end of a pod's veth.
func InterfaceName(prefix, namespace, pod string) string {
	sum := sha1.Sum([]byte(namespace + "." + pod))
	return cmp.Or(prefix, "cali") + hex.EncodeToString(sum[:])[:11]
}

// FromPod gives the workload endpoint Felix gets of a pod. ok is false for a pod
// without one: not scheduled, host-networked, finished, or without an address.
func FromPod(o *corev1.Pod, at At) (e Endpoint, ok bool, diags diag.List) {
	if o.Spec.HostNetwork || o.Spec.NodeName == "" {
		return e, false, nil
	}
	ips := podIPs(o)
	if podFinished(o) || len(ips) == 0 {
		return e, false, nil
	}
	nets := ParseNets(ips)
	qos, problems := QoSFromAnnotations(o.Annotations)
	for _, p := range problems {
		diags.Add(diag.Finding{Code: "calico/bad-qos", Severity: diag.Warning, Span: at("metadata", "annotations", p.Annotation), Message: p.Message, Hint: p.Hint})
	}
	nats, unread, _ := floatingIPs(o.Annotations, nets)
	for _, ip := range unread {
		diags.Add(diag.Finding{
			Code: "calico/bad-floating-ip", Severity: diag.Warning, Span: at("metadata", "annotations", annotationFloatingIPs),
			Message: fmt.Sprintf("%s: %q is not an address, or not of a family that the pod has; Calico leaves it out", annotationFloatingIPs, ip),
			Hint:    `write addresses as '["172.16.0.5"]'`,
		})
	}
	if text, ok := o.Annotations[annotationHWAddr]; ok && !settableMAC(text) {
		diags.Add(diag.Finding{
			Code: "calico/bad-hwaddr", Severity: diag.Warning, Span: at("metadata", "annotations", annotationHWAddr),
			Message: fmt.Sprintf("%s: %q is no hardware address that an interface can have; the CNI plugin does not start a pod like this", annotationHWAddr, text),
			Hint:    "write six pairs of hexadecimal digits, the first one even, as 0e:12:34:56:78:9a",
		})
	}
	if why := unconvertible(o, nets); why != nil {
		return Endpoint{}, false, append(diags, diag.Finding{
			Code: "calico/unconvertible-pod", Severity: diag.Error, Span: at(why.path...),
			Message: fmt.Sprintf("pod %s/%s: %s", o.Namespace, o.Name, why.text),
			Hint:    "Calico takes a pod like this as having no endpoint; " + why.hint,
		})
	}
	spoof, _ := spoofPrefixes(o.Annotations)
	e = Endpoint{
		Node: o.Spec.NodeName, Orchestrator: "k8s", Workload: o.Namespace + "/" + o.Name, Endpoint: "eth0",
		Namespace: o.Namespace, Pod: o.Name,
		InterfaceName: InterfaceName("", o.Namespace, o.Name),
		Profiles:      []string{NamespaceProfilePrefix + o.Namespace},
		Labels:        endpointLabels(o.Labels, o.Spec.ServiceAccountName),
		Nets:          nets, NATs: nats, AllowSpoofed: spoof, QoS: qos,
		Ports:          podPorts(o),
		ServiceAccount: o.Spec.ServiceAccountName,
	}
	e.Labels[v3.LabelNamespace], e.Labels[v3.LabelOrchestrator] = o.Namespace, "k8s"
	if sa := o.Spec.ServiceAccountName; sa != "" {
		e.Profiles = append(e.Profiles, ServiceAccountProfile+o.Namespace+"."+sa)
	}
	if status, ok := o.Annotations[annotationNetStatus]; ok {
		e.Annotations = map[string]string{annotationNetStatus: status}
	}
	return e, true, diags
}

// settableMAC reports whether the kernel gives an interface of a pod the hardware address:
// one of Ethernet that is neither zero nor of a group.
func settableMAC(text string) bool {
	mac, err := net.ParseMAC(text)
	return err == nil && len(mac) == 6 && mac[0]&1 == 0 && slices.ContainsFunc(mac, func(b byte) bool { return b != 0 })
}

// WhyNoEndpoint says, in words that go on from its name, why a pod has no workload
// endpoint; "" when it has one, or needs none because it is on the host's network.
func WhyNoEndpoint(o *corev1.Pod) string {
	phase := ""
	if o.Status.Phase != "" {
		phase = fmt.Sprintf(" (phase %s)", o.Status.Phase)
	}
	switch {
	case o.Spec.NodeName == "":
		return "is not on a node yet" + phase + ": it has no network"
	case podFinished(o) && o.DeletionTimestamp != nil:
		return "is being deleted and has given its address back: it has no network anymore"
	case podFinished(o):
		return "has ended" + phase + ": it has no network anymore"
	case !o.Spec.HostNetwork && len(podIPs(o)) == 0:
		return "has no address yet" + phase + ": status.podIP is empty"
	case !o.Spec.HostNetwork:
		if why := unconvertible(o, ParseNets(podIPs(o))); why != nil {
			return "has no endpoint: " + why.text
		}
	}
	return ""
}

// flaw is what Calico cannot make an endpoint of, and where it is.
type flaw struct {
	path       []any
	text, hint string
}

// unconvertible is why Calico makes no endpoint of a pod that has a network and these
// of its addresses could be read; nil when it does.
func unconvertible(o *corev1.Pod, nets []netip.Prefix) *flaw {
	annotation := func(name, hint string, err error) *flaw {
		return &flaw{[]any{"metadata", "annotations", name}, fmt.Sprintf("%s: %v", name, err), hint}
	}
	if ips := podIPs(o); len(nets) != len(ips) {
		return &flaw{[]any{"status"}, "address cannot be read: " + strings.Join(ips, ","), "correct the address"}
	}
	if _, _, err := floatingIPs(o.Annotations, nets); err != nil {
		return annotation(annotationFloatingIPs, `write a list of addresses, as '["172.16.0.5"]'`, err)
	}
	if _, err := spoofPrefixes(o.Annotations); err != nil {
		return annotation(annotationSpoof, `write a list of networks, as '["198.51.100.0/24"]'`, err)
	}
	return nil
}

// podFinished says that a pod no longer owns its address: it has ended, or it is
// being deleted and the CNI plugin has taken the address away.
func podFinished(o *corev1.Pod) bool {
	if o.DeletionTimestamp != nil {
		for _, a := range []string{annotationPodIP, annotationAWSPodIPs} {
			if ip, ok := o.Annotations[a]; ok && ip == "" {
				return true
			}
		}
	}
	switch o.Status.Phase {
	case corev1.PodFailed, corev1.PodSucceeded, "Completed":
		return true
	}
	return false
}

// podIPs finds a pod's addresses: the status first, then the annotations, of
// each the list before the single one.
func podIPs(o *corev1.Pod) []string {
	var ips []string
	for _, ip := range o.Status.PodIPs {
		ips = append(ips, ip.IP)
	}
	switch {
	case len(ips) > 0:
		return ips
	case o.Status.PodIP != "":
		return []string{o.Status.PodIP}
	case o.Annotations[annotationPodIPs] != "":
		return strings.Split(o.Annotations[annotationPodIPs], ",")
	case o.Annotations[annotationPodIP] != "":
		return []string{o.Annotations[annotationPodIP]}
	case o.Annotations[annotationAWSPodIPs] != "":
		return strings.Split(o.Annotations[annotationAWSPodIPs], ",")
	}
	return nil
}

// endpointLabels are the labels of an endpoint as Felix gets them: nothing that
// passes for a namespace's or service account's label, and the service account.
func endpointLabels(labels map[string]string, serviceAccount string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if !strings.HasPrefix(k, NamespaceLabelPrefix) && !strings.HasPrefix(k, ServiceAccountLabelPrefix) {
			out[k] = v
		}
	}
	if serviceAccount != "" {
		out[v3.LabelServiceAccount] = serviceAccount
	}
	return out
}

// podPorts are the named ports of a pod's containers, then of its init
// containers.
func podPorts(o *corev1.Pod) []EndpointPort {
	var out []EndpointPort
	for _, list := range [][]corev1.Container{o.Spec.Containers, o.Spec.InitContainers} {
		for _, c := range list {
			for _, p := range c.Ports {
				if p.ContainerPort == 0 || p.Name == "" {
					continue
				}
				switch p.Protocol {
				case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP, "":
					proto := numorstring.ProtocolFromStringV1(strings.ToLower(cmp.Or(string(p.Protocol), "tcp")))
					out = append(out, EndpointPort{Name: p.Name, Protocol: proto, Port: uint16(p.ContainerPort)})
				}
			}
		}
	}
	return out
}

// floatingIPs maps the addresses of the annotation to the pod's last address of
// their family; unread are those that Calico passes over.
func floatingIPs(annotations map[string]string, nets []netip.Prefix) (out []NAT, unread []string, err error) {
	text, ok := annotations[annotationFloatingIPs]
	if !ok {
		return nil, nil, nil
	}
	var ips []string
	if json.Unmarshal([]byte(text), &ips) != nil {
		return nil, nil, fmt.Errorf("%q is not a list of texts in JSON", text)
	}
	for _, ip := range ips {
		external, ok := parseAddr(ip)
		var internal netip.Addr
		for _, n := range nets {
			if n.Addr().Is6() == strings.Contains(ip, ":") {
				internal = n.Addr()
			}
		}
		if !ok || !internal.IsValid() {
			unread = append(unread, ip)
			continue
		}
		out = append(out, NAT{Internal: internal, External: external})
	}
	return out, unread, nil
}

func spoofPrefixes(annotations map[string]string) ([]netip.Prefix, error) {
	text := annotations[annotationSpoof]
	if text == "" {
		return nil, nil
	}
	var texts []string
	if json.Unmarshal([]byte(text), &texts) != nil {
		return nil, fmt.Errorf("%q is not a list of texts in JSON", text)
	}
	var out []netip.Prefix
	for _, t := range texts {
		p, ok := ParseNet(t)
		if !ok || !strings.Contains(t, "/") {
			return nil, fmt.Errorf("%q is not a network", t)
		}
		out = append(out, p)
	}
	return out, nil
}

// FromWorkloadEndpoint gives the endpoint Felix gets of a WorkloadEndpoint; ok is
// false for one without addresses or with a value that cannot be read.
func FromWorkloadEndpoint(o *WorkloadEndpoint, at At) (e Endpoint, ok bool, diags diag.List) {
	s := &o.Spec
	bad := func(path, text string) (Endpoint, bool, diag.List) {
		return Endpoint{}, false, diag.List{{
			Code: "calico/bad-endpoint", Severity: diag.Error, Span: at("spec", path),
			Message: fmt.Sprintf("spec.%s: cannot read %q", path, text), Hint: "Felix would not see the endpoint",
		}}
	}
	e = Endpoint{
		Namespace: o.Namespace, Pod: s.Pod, InterfaceName: s.InterfaceName, MAC: s.MAC, Profiles: s.Profiles,
		Labels: endpointLabels(o.Labels, s.ServiceAccountName), QoS: s.QoSControls,
		Annotations: maps.Clone(o.Annotations), ServiceAccount: s.ServiceAccountName,
	}
	parts := splitDashes(o.Name)
	if len(parts) != 4 {
		return bad("endpoint", o.Name)
	}
	e.Node, e.Orchestrator, e.Workload, e.Endpoint = parts[0], parts[1], o.Namespace+"/"+parts[2], parts[3]
	if e.Nets = ParseNets(s.IPNetworks); len(e.Nets) != len(s.IPNetworks) {
		return bad("ipNetworks", strings.Join(s.IPNetworks, ", "))
	}
	if e.AllowSpoofed = ParseNets(s.AllowSpoofedSourcePrefixes); len(e.AllowSpoofed) != len(s.AllowSpoofedSourcePrefixes) {
		return bad("allowSpoofedSourcePrefixes", strings.Join(s.AllowSpoofedSourcePrefixes, ", "))
	}
	for _, n := range s.IPNATs {
		in, okIn := parseAddr(n.InternalIP)
		ext, okExt := parseAddr(n.ExternalIP)
		if okIn && okExt {
			e.NATs = append(e.NATs, NAT{Internal: in, External: ext})
		}
	}
	for _, p := range s.Ports {
		if p.Name != "" {
			e.Ports = append(e.Ports, EndpointPort{Name: p.Name, Protocol: p.Protocol.ToV1(), Port: p.Port})
		}
	}
	return e, len(e.Nets) > 0, nil
}

// splitDashes takes a WorkloadEndpoint's name apart: parts are joined by a dash,
// a dash within a part is doubled.
func splitDashes(name string) []string {
	var parts []string
	var cur strings.Builder
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] != '-':
			cur.WriteByte(name[i])
		case i+1 < len(name) && name[i+1] == '-':
			cur.WriteByte('-')
			i++
		default:
			parts = append(parts, cur.String())
			cur.Reset()
		}
	}
	return append(parts, cur.String())
}
