package link

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/resolve"
	"tortie/compiler/yamlpos"
)

const endpointToHost = "defaultendpointtohostaction"

// installEnv takes Felix's environment from a calico-node DaemonSet in the
// input.
func installEnv(s *cluster.Snapshot) resolve.Config {
	return resolve.EnvConfig(s.Environment("calico-node"))
}

// unknownSettings reports the variables that begin as Felix's do and that it does not
// have: those that were given, by their names in lower case without FELIX_, which have
// no place here, and those of a calico-node DaemonSet.
func unknownSettings(s *cluster.Snapshot, given resolve.Config) (out diag.List) {
	known := resolve.SettingNames()
	say := func(variable string, at diag.Span) {
		name := variable[len(felixPrefix):]
		if slices.Contains(known, strings.ToLower(name)) {
			return
		}
		f := diag.Finding{Code: "felix/unknown-setting", Severity: diag.Warning, Span: at, Hint: "tortie knows the settings of Felix v3.32; leave it out, or correct the name",
			Message: variable + ": Felix has no setting of this name and ignores it"}
		if near := yamlpos.Nearest(name, known); near != "" {
			f.Hint = fmt.Sprintf("did you mean %s?", felixPrefix+strings.ToUpper(near))
		}
		out.Add(f)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		say(felixPrefix+strings.ToUpper(name), diag.Span{})
	}
	for _, v := range s.Variables("calico-node") {
		if strings.HasPrefix(strings.ToUpper(v.Name), felixPrefix) {
			say(v.Name, v.Place)
		}
	}
	return out
}

const felixPrefix = "FELIX_"

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
