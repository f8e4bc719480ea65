package cluster

import (
	"strconv"
	"strings"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	corev1 "k8s.io/api/core/v1"
)

// Variable is a variable of a container's environment. Elsewhere says that its value
// comes from somewhere else in the cluster (valueFrom) and is not known; Place is its
// name's.
type Variable struct {
	Name, Value string
	Elsewhere   bool
	Place       diag.Span
}

// Variables are those of the container of a DaemonSet or Deployment that has the same
// name, in their order.
func (s *Snapshot) Variables(name string) (out []Variable) {
	read := func(src Source, t *corev1.PodTemplateSpec) {
		for i, c := range t.Spec.Containers {
			for j, e := range c.Env {
				if c.Name == name {
					out = append(out, Variable{e.Name, e.Value, e.ValueFrom != nil,
						src.Text(0, len(e.Name), "spec", "template", "spec", "containers", i, "env", j, "name")})
				}
			}
		}
	}
	for _, o := range s.DaemonSets {
		if o.Object.Name == name {
			read(o.Source, &o.Object.Spec.Template)
		}
	}
	for _, o := range s.Deployments {
		if o.Object.Name == name {
			read(o.Source, &o.Object.Spec.Template)
		}
	}
	return out
}

// Environment are the Variables by their names, without those whose value is not known.
func (s *Snapshot) Environment(name string) map[string]string {
	env := map[string]string{}
	for _, v := range s.Variables(name) {
		if !v.Elsewhere {
			env[v.Name] = v.Value
		}
	}
	return env
}

// UsesPodCIDR reports whether nodes give their pods addresses of their own networks
// (node.spec.podCIDRs, host-local), and Calico has no blocks: by calico-node's
// USE_POD_CIDR, or the operator's Installation.
func (s *Snapshot) UsesPodCIDR() bool {
	if on, err := strconv.ParseBool(s.Environment("calico-node")["USE_POD_CIDR"]); err == nil {
		return on
	}
	for _, o := range s.Others {
		if o.Kind == "Installation" && group(o.APIVersion) == "operator.tigera.io" {
			if n := o.Node.Lookup("spec", "cni", "ipam", "type"); n != nil {
				return n.Text == "HostLocal"
			}
		}
	}
	return false
}

// HasPortmap reports whether pods' hostPorts are translated to them, by the CNI plugin
// portmap: Calico's manifests have it, and the operator unless its Installation says no.
func (s *Snapshot) HasPortmap() bool {
	for _, o := range s.Others {
		if o.Kind == "Installation" && group(o.APIVersion) == "operator.tigera.io" {
			if n := o.Node.Lookup("spec", "calicoNetwork", "hostPorts"); n != nil {
				return n.Text != "Disabled"
			}
		}
	}
	return true
}

// autoHostEndpointConfig says whether kube-controllers makes host endpoints: its
// environment decides, and then without templates, else its configuration
// (kube-controllers/pkg/config/runconfig.go at v3.32).
func (s *Snapshot) autoHostEndpointConfig() (*v3.AutoHostEndpointConfig, Source) {
	var own *v3.AutoHostEndpointConfig
	var src Source
	set, found := s.Environment("calico-kube-controllers")["AUTO_HOST_ENDPOINTS"]
	for _, o := range s.KubeControllersConfigurations {
		if o.Object.Name != "default" {
			continue
		}
		if node := o.Object.Spec.Controllers.Node; node != nil {
			own, src = node.HostEndpoint, o.Source
		}
		if !found {
			set, found = o.Object.Status.EnvironmentVars["AUTO_HOST_ENDPOINTS"]
		}
	}
	switch {
	case !found:
		return own, src
	case strings.EqualFold(set, "enabled"):
		return &v3.AutoHostEndpointConfig{AutoCreate: v3.Enabled, CreateDefaultHostEndpoint: v3.DefaultHostEndpointsEnabled}, src
	}
	return nil, src
}
