package calico

import (
	"cmp"
	"slices"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// DefaultTierOrder is the order that a tier without one gets when it is applied,
// which is also that of the default tier. One stored without an order is last.
const DefaultTierOrder float64 = 1_000_000

// At gives the place of a field of the object in hand.
type At func(path ...any) diag.Span

// Default fills in what the API server and calicoctl fill in when an object is
// applied. A stored object is left as it is: where a stored policy has no types
// Felix takes both directions, and a finding says so.
func Default(obj any, stored bool, at At) diag.List {
	switch o := obj.(type) {
	case *v3.GlobalNetworkPolicy:
		return defaultTypes(&o.Spec.Types, o.Spec.Ingress, o.Spec.Egress, stored, at)
	case *v3.NetworkPolicy:
		return defaultTypes(&o.Spec.Types, o.Spec.Ingress, o.Spec.Egress, stored, at)
	case *v3.StagedGlobalNetworkPolicy:
		return defaultTypes(&o.Spec.Types, o.Spec.Ingress, o.Spec.Egress, stored, at)
	case *v3.StagedNetworkPolicy:
		return defaultTypes(&o.Spec.Types, o.Spec.Ingress, o.Spec.Egress, stored, at)
	case *networkingv1.NetworkPolicy:
		defaultPolicyTypes(&o.Spec.PolicyTypes, len(o.Spec.Egress) > 0)
	case *v3.StagedKubernetesNetworkPolicy:
		if !stored {
			defaultPolicyTypes(&o.Spec.PolicyTypes, len(o.Spec.Egress) > 0)
		}
	case *v3.Tier:
		if !stored && o.Spec.Order == nil {
			order := DefaultTierOrder
			o.Spec.Order = &order
		}
	case *corev1.Namespace:
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[corev1.LabelMetadataName] = o.Name
	case *corev1.Node:
		if !stored {
			defaultNodeLabels(o)
		}
	case *corev1.Pod:
		if !stored {
			o.Spec.ServiceAccountName = cmp.Or(o.Spec.ServiceAccountName, o.Spec.DeprecatedServiceAccount, "default")
		}
	case *corev1.Service:
		defaultService(o)
	case *discoveryv1.EndpointSlice:
		for i, p := range o.Ports {
			if p.Protocol == nil {
				tcp := corev1.ProtocolTCP
				o.Ports[i].Protocol = &tcp
			}
		}
	}
	return nil
}

// defaultNodeLabels adds the labels that every kubelet puts on its node.
func defaultNodeLabels(o *corev1.Node) {
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	for label, value := range map[string]string{corev1.LabelHostname: o.Name, corev1.LabelOSStable: "linux"} {
		if _, ok := o.Labels[label]; !ok {
			o.Labels[label] = value
		}
	}
}

// defaultService fills in type, protocols and target ports.
func defaultService(o *corev1.Service) {
	o.Spec.Type = cmp.Or(o.Spec.Type, corev1.ServiceTypeClusterIP)
	for i := range o.Spec.Ports {
		p := &o.Spec.Ports[i]
		p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == (intstr.IntOrString{}) {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

// defaultTypes infers a policy's types from its rules: egress only if there are
// only egress rules, both if there are both, else ingress.
func defaultTypes(types *[]v3.PolicyType, ingress, egress []v3.Rule, stored bool, at At) diag.List {
	if len(*types) > 0 {
		return nil
	}
	var inferred []v3.PolicyType
	if len(ingress) > 0 || len(egress) == 0 {
		inferred = append(inferred, v3.PolicyTypeIngress)
	}
	if len(egress) > 0 {
		inferred = append(inferred, v3.PolicyTypeEgress)
	}
	if !stored {
		*types = inferred
		return nil
	}
	if len(inferred) == 2 {
		return nil
	}
	return diag.List{{
		Code: "calico/stored-without-types", Severity: diag.Warning, Span: at("spec"),
		Message: "stored policy has no types, so Felix applies it to ingress and egress",
		Hint:    "apply it again through calicoctl or the API server, or write spec.types",
	}}
}

// defaultPolicyTypes is the Kubernetes API server's rule: always ingress, and
// egress if there are egress rules.
func defaultPolicyTypes(types *[]networkingv1.PolicyType, egress bool) {
	if len(*types) > 0 {
		return
	}
	*types = slices.Clip([]networkingv1.PolicyType{networkingv1.PolicyTypeIngress})
	if egress {
		*types = append(*types, networkingv1.PolicyTypeEgress)
	}
}
