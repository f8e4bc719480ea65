package link

import (
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/resolve"
)

const endpointToHost = "defaultendpointtohostaction"

// installEnv takes Felix's environment from a calico-node DaemonSet in the
// input.
func installEnv(s *cluster.Snapshot) resolve.Config {
	return resolve.EnvConfig(s.Environment("calico-node"))
}

// assumeInstall sets what the operator and the manifests set on Kubernetes and
// Felix's own defaults do not, unless the input says otherwise, and notes it.
func (l *Linker) assumeInstall() {
	s := l.snapshot
	if len(s.Namespaces)+len(s.Pods)+len(s.Nodes)+len(s.KubernetesNetworkPolicies)+len(s.Deployments) == 0 {
		return
	}
	if _, ok := l.options.Env[endpointToHost]; ok {
		return
	}
	for _, o := range s.FelixConfigurations {
		if strings.EqualFold(o.Object.Name, "default") && o.Object.Spec.DefaultEndpointToHostAction != "" {
			return
		}
	}
	l.base = resolve.Config{endpointToHost: "Accept"}
	l.notes = append(l.notes, "defaultEndpointToHostAction is taken to be Accept, as the operator and the manifests set it")
}
