package resolve

import (
	"regexp"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
)

// withoutInvalid is the model without the endpoints that Felix takes as missing
// because one of their parts is not valid: they have no chains and are in no set.
func (x *Index) withoutInvalid(m *cluster.Model) *cluster.Model {
	out := *m
	const hint = "Felix ignores the endpoint: it has no chains and is in no set"
	out.Endpoints = keep(m.Endpoints, func(e *cluster.Sourced[calico.Endpoint]) bool {
		why := endpointFlaw(&e.Value)
		if why != "" {
			x.invalid(e.Source, "workload endpoint "+e.Value.Workload+": "+why, hint)
		}
		return why == ""
	})
	out.HostEndpoints = keep(m.HostEndpoints, func(h *cluster.Sourced[calico.HostEndpoint]) bool {
		why := hostEndpointFlaw(&h.Value)
		if why != "" {
			x.invalid(h.Source, "HostEndpoint "+h.Value.Name+": "+why, hint)
		}
		return why == ""
	})
	return &out
}

// keep returns the elements that are good; list itself if all are.
func keep[T any](list []T, good func(*T) bool) []T {
	var out []T
	for i := range list {
		ok := good(&list[i])
		switch {
		case !ok && out == nil:
			out = append(make([]T, 0, len(list)), list[:i]...)
		case ok && out != nil:
			out = append(out, list[i])
		}
	}
	if out == nil {
		return list
	}
	return out
}

func endpointFlaw(e *calico.Endpoint) string {
	if e.InterfaceName == "" {
		return "no interface name"
	}
	return portsFlaw(e.Ports)
}

var (
	validInterface = regexp.MustCompile(`^(\*|[a-zA-Z0-9_.-]{1,15})$`)
	validName      = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
)

func hostEndpointFlaw(h *calico.HostEndpoint) string {
	if h.InterfaceName != "" && !validInterface.MatchString(h.InterfaceName) {
		return "interface name " + h.InterfaceName
	}
	for _, p := range h.Profiles {
		if !validName.MatchString(p) {
			return "profile name " + p
		}
	}
	return portsFlaw(h.Ports)
}

// namedPortProtocols are the protocols of named ports; Felix takes no numbers.
var namedPortProtocols = []string{"tcp", "udp", "sctp"}

func portsFlaw(ports []calico.EndpointPort) string {
	for i := range ports {
		switch p := &ports[i]; {
		case !slices.Contains(namedPortProtocols, p.Protocol.String()):
			return "protocol " + p.Protocol.String() + " of port " + p.Name + " is not TCP, UDP or SCTP"
		case p.Port == 0:
			return "port " + p.Name + " is 0"
		case !validName.MatchString(p.Name):
			return "port name " + p.Name
		}
	}
	return ""
}
