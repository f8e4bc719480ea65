package cluster

import (
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// extraFields are the fields of the definitions that Calico v3.32.1 ships which
// the Go types of its API module do not have yet.
var extraFields = map[string][]string{
	"FelixConfiguration": {
		"spec.ipv4ElevatedRoutePriority", "spec.ipv4NormalRoutePriority", "spec.ipv6ElevatedRoutePriority",
		"spec.ipv6NormalRoutePriority", "spec.istioAmbientMode", "spec.istioDSCPMark",
		"spec.liveMigrationRouteConvergenceTime", "spec.nodeSelector",
	},
	"BGPConfiguration": {"spec.ipv4NormalRoutePriority", "spec.ipv6NormalRoutePriority", "spec.programClusterRoutes"},
	"Tier":             {"status"},
}

// FelixExtra are the fields of a FelixConfiguration that its Go type lacks and
// that matter to rules. A field that is not set is nil.
type FelixExtra struct {
	IstioAmbientMode *string           `json:"istioAmbientMode,omitempty"`
	IstioDSCPMark    *numorstring.DSCP `json:"istioDSCPMark,omitempty"`
	NodeSelector     *string           `json:"nodeSelector,omitempty"`
}

// Extra reads those fields.
func Extra(o Object[v3.FelixConfiguration]) (FelixExtra, diag.List) {
	var extra FelixExtra
	spec := o.Source.Node.Get("spec")
	if spec == nil {
		return FelixExtra{}, nil
	}
	diags, _ := yamlpos.Decode(spec, &extra, yamlpos.Options{Lenient: true})
	var errs diag.List
	for _, f := range diags {
		if f.Severity == diag.Error {
			errs.Add(f)
		}
	}
	return extra, errs
}
