package resolve

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// felixConfigurations returns the FelixConfigurations that hold for the node, the
// strongest last.
func (n *nodeResolver) felixConfigurations() []cluster.Object[v3.FelixConfiguration] {
	if n.setup != nil {
		return n.setup.configs
	}
	var labels map[string]string
	if own := n.index.findNode(n.name); own != nil {
		labels = own.Labels
	}
	list, passed := n.index.snapshot.FelixConfigurationsOf(n.name, labels)
	if len(passed) > 0 {
		counts := slices.IndexFunc(list, func(o cluster.Object[v3.FelixConfiguration]) bool { return cluster.BySelector(o.Object.Name) })
		n.findings.Add(diag.Finding{
			Code: "felix/several-selected", Severity: diag.Warning, Span: passed[0].Source.Span(),
			Message: fmt.Sprintf("several FelixConfigurations select node %s; Felix takes only the oldest, %s", n.name, list[counts].Object.Name),
			Hint:    "make the node selectors exclude each other",
		})
	}
	return list
}

// felixConfig gives the parameters of a FelixConfiguration: its fields, those
// that its Go type lacks, and the annotations that override them.
func (n *nodeResolver) felixConfig(o cluster.Object[v3.FelixConfiguration]) Config {
	c := FelixConfig(&o.Object.Spec)
	extra, findings := cluster.Extra(o)
	n.findings = append(n.findings, findings...)
	if extra.IstioAmbientMode != nil {
		c["istioambientmode"] = *extra.IstioAmbientMode
	}
	if extra.IstioDSCPMark != nil {
		c["istiodscpmark"] = extra.IstioDSCPMark.String()
	}
	for key, value := range o.Object.Annotations {
		if name, ok := strings.CutPrefix(key, configAnnotation); ok {
			c[strings.ToLower(name)] = value
		}
	}
	return c
}

// PlaceOf is where the FelixConfigurations of a node say a parameter; zero when none
// does.
func (x *Index) PlaceOf(node, parameter string) diag.Span {
	n := &nodeResolver{index: x, name: node}
	return n.placeOf(parameter)
}

func (n *nodeResolver) placeOf(parameter string) diag.Span {
	for _, o := range slices.Backward(n.felixConfigurations()) {
		if value, ok := n.felixConfig(o)[parameter]; ok {
			return placeOf(ConfigProblem{Name: parameter, Value: value}, []cluster.Object[v3.FelixConfiguration]{o}, []Config{{parameter: value}})
		}
	}
	return diag.Span{}
}

// placeOf is where the strongest of some FelixConfigurations has a value that Felix
// refuses; configs are the parameters that they give.
func placeOf(p ConfigProblem, objects []cluster.Object[v3.FelixConfiguration], configs []Config) diag.Span {
	for i, o := range slices.Backward(objects) {
		if configs[i][p.Name] != p.Value {
			continue
		}
		for _, in := range [][]any{{"metadata", "annotations"}, {"spec"}} {
			n := o.Source.Node.Lookup(in...)
			if n == nil {
				continue
			}
			for _, f := range n.Fields {
				if paramOf(f.Key, in[0] == "spec") == p.Name {
					return f.Value.Span
				}
			}
		}
		return o.Source.Span()
	}
	return diag.Span{}
}

// paramOf is the parameter of a field of the spec, or of an annotation.
func paramOf(key string, spec bool) string {
	if !spec {
		name, _ := strings.CutPrefix(key, configAnnotation)
		return strings.ToLower(name)
	}
	name := strings.ToLower(key)
	return cmp.Or(specNames[name], name)
}

// configAnnotation is the prefix of annotations that hold parameters.
const configAnnotation = "config.projectcalico.org/"

// clusterType is the parameter that the ClusterInformation holds.
func (n *nodeResolver) clusterType() Config {
	for _, o := range n.index.snapshot.ClusterInformations {
		if o.Object.Name == "default" {
			return Config{"clustertype": o.Object.Spec.ClusterType}
		}
	}
	return nil
}

// specNames are the fields of a FelixConfiguration whose parameters have other
// names.
var specNames = map[string]string{"ipipenabled": "ipinipenabled", "externalnodeslist": "externalnodescidrlist"}

// FelixConfig gives the fields of a FelixConfiguration as raw parameters, lists
// joined as FELIX_… variables have them.
func FelixConfig(spec *v3.FelixConfigurationSpec) Config {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil
	}
	var fields map[string]any
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	c := Config{}
	for name, value := range fields {
		name = strings.ToLower(name)
		if other, ok := specNames[name]; ok {
			name = other
		}
		c[name] = rawParam(value)
	}
	// An empty list of failsafe ports means none; omitempty hides it.
	if spec.FailsafeInboundHostPorts != nil && len(*spec.FailsafeInboundHostPorts) == 0 {
		c["failsafeinboundhostports"] = "none"
	}
	if spec.FailsafeOutboundHostPorts != nil && len(*spec.FailsafeOutboundHostPorts) == 0 {
		c["failsafeoutboundhostports"] = "none"
	}
	// Felix's syncer writes this list as Go prints it, which Felix cannot read
	// (libcalico-go's configurationprocessor.go), so the default holds.
	if spec.KubeNodePortRanges != nil {
		c["kubenodeportranges"] = fmt.Sprint(*spec.KubeNodePortRanges)
	}
	return c
}

func rawParam(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = rawParam(e)
		}
		return strings.Join(parts, ",")
	case map[string]any: // a failsafe port
		text := fmt.Sprint(v["port"])
		if net, ok := v["net"].(string); ok && net != "" {
			if strings.Contains(net, ":") {
				net = "[" + net + "]"
			}
			text = net + ":" + text
		}
		proto, _ := v["protocol"].(string)
		return strings.ToLower(proto) + ":" + text
	}
	return fmt.Sprint(value)
}
