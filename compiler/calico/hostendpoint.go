package calico

import (
	"maps"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	corev1 "k8s.io/api/core/v1"
)

const annotationDSCP = "qos.projectcalico.org/dscp"

// FromHostEndpoint gives the host endpoint Felix gets. Addresses that cannot be
// read are left out.
func FromHostEndpoint(o *v3.HostEndpoint) HostEndpoint {
	h := HostEndpoint{
		Node: o.Spec.Node, Name: o.Name, InterfaceName: o.Spec.InterfaceName,
		Labels: maps.Clone(o.Labels), Profiles: o.Spec.Profiles,
	}
	for _, ip := range o.Spec.ExpectedIPs {
		if addr, ok := parseAddr(ip); ok {
			h.ExpectedIPs = append(h.ExpectedIPs, addr)
		}
	}
	for _, p := range o.Spec.Ports {
		h.Ports = append(h.Ports, EndpointPort{Name: p.Name, Protocol: p.Protocol.ToV1(), Port: p.Port})
	}
	if text, ok := o.Annotations[annotationDSCP]; ok {
		if dscp := numorstring.DSCPFromString(text); dscp.Validate() == nil {
			h.DSCP = &dscp
		}
	}
	return h
}

// FromProfile gives the profile Felix gets of a Profile.
func FromProfile(o *v3.Profile) Profile {
	return Profile{
		Name: o.Name, Labels: o.Spec.LabelsToApply,
		Ingress: toModel(index(o.Spec.Ingress), ""), Egress: toModel(index(o.Spec.Egress), ""),
	}
}

// AllowAllProfile is a profile that allows everything.
func AllowAllProfile(name string, labels map[string]string) Profile {
	allow := []Rule{{Action: "allow"}}
	return Profile{Name: name, Labels: labels, Ingress: allow, Egress: allow}
}

// FromNamespace gives the profile kns.NAME of a namespace: its labels, and allow
// both ways.
func FromNamespace(o *corev1.Namespace) Profile {
	return AllowAllProfile(NamespaceProfilePrefix+o.Name, prefixedLabels(o.Labels, NamespaceLabelPrefix, o.Name))
}

// FromServiceAccount gives the profile ksa.NAMESPACE.NAME of a service account:
// its labels, and no rules.
func FromServiceAccount(o *corev1.ServiceAccount) Profile {
	return Profile{
		Name:   ServiceAccountProfile + o.Namespace + "." + o.Name,
		Labels: prefixedLabels(o.Labels, ServiceAccountLabelPrefix, o.Name),
	}
}

func prefixedLabels(labels map[string]string, prefix, name string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		out[prefix+k] = v
	}
	out[prefix+NameLabel] = name
	return out
}

// FromGlobalNetworkSet gives the network set Felix gets.
func FromGlobalNetworkSet(o *v3.GlobalNetworkSet) NetworkSet {
	return NetworkSet{Name: o.Name, Labels: maps.Clone(o.Labels), Nets: ParseNets(o.Spec.Nets)}
}

// FromNetworkSet gives the network set Felix gets of one in a namespace: it has
// the namespace's label and inherits the namespace's own.
func FromNetworkSet(o *v3.NetworkSet) NetworkSet {
	labels := map[string]string{}
	maps.Copy(labels, o.Labels)
	labels[v3.LabelNamespace] = o.Namespace
	return NetworkSet{
		Name: o.Namespace + "/" + o.Name, Labels: labels, Nets: ParseNets(o.Spec.Nets),
		Profiles: []string{NamespaceProfilePrefix + o.Namespace},
	}
}
