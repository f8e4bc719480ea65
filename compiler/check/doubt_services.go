package check

import (
	"fmt"
	"slices"

	"tortie/compiler/yamlpos"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serviceDoubts warns of services whose selectors select no pod, or none that has
// a port of the name that they lead to.
func (r *run) serviceDoubts() {
	for _, s := range r.snap.Services {
		spec := &s.Object.Spec
		if s.Source.Node == nil || len(spec.Selector) == 0 {
			continue
		}
		o := r.on(object{src: s.Source})
		pods := r.podsOf(s.Object)
		if len(pods) == 0 {
			o.reportAt("service/selects-nothing", s.Source.At("spec", "selector"), "compare the selector with the labels of the pods",
				"no pod of namespace %s in the input is selected: the service leads nowhere", s.Object.Namespace)
			continue
		}
		for i := range spec.Ports {
			o.targetPort(&spec.Ports[i], path{"spec", "ports", i, "targetPort"}, pods)
		}
	}
}

// podsOf are the pods that a service selects.
func (r *run) podsOf(s *corev1.Service) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range r.snap.Pods {
		selected := p.Object.Namespace == s.Namespace
		for k, v := range s.Spec.Selector {
			have, ok := p.Object.Labels[k]
			selected = selected && ok && have == v
		}
		if selected {
			out = append(out, p.Object)
		}
	}
	return out
}

// targetPort warns of a target port by a name that no container of the service's
// pods gives to a port of its protocol.
func (o on) targetPort(port *corev1.ServicePort, at path, pods []*corev1.Pod) {
	if port.TargetPort.Type != intstr.String || port.TargetPort.StrVal == "" {
		return
	}
	protocol := func(p corev1.Protocol) corev1.Protocol {
		if p == "" {
			return corev1.ProtocolTCP
		}
		return p
	}
	names := map[string]bool{}
	for _, pod := range pods {
		for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) { // those that stay are like containers
			for _, p := range c.Ports {
				if p.Name != "" && protocol(p.Protocol) == protocol(port.Protocol) {
					names[p.Name] = true
				}
			}
		}
	}
	if names[port.TargetPort.StrVal] {
		return
	}
	hint := "name the port in the pods' containers, or write its number"
	if near := yamlpos.Nearest(port.TargetPort.StrVal, sortedKeys(names)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	o.report("service/no-such-port", at, hint, "no container of the pods that the service selects has a %s port named %q: it leads nowhere", protocol(port.Protocol), port.TargetPort.StrVal)
}
