package check

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/yamlpos"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// kindTypes are Calico's kinds whose Go types carry the validator's tags. Those
// marked as other are not decoded by the reader, so unknown fields are looked
// for here.
var kindTypes = map[string]struct {
	t     reflect.Type
	other bool
}{
	"GlobalNetworkPolicy":           {t: reflect.TypeFor[v3.GlobalNetworkPolicy]()},
	"NetworkPolicy":                 {t: reflect.TypeFor[v3.NetworkPolicy]()},
	"StagedGlobalNetworkPolicy":     {t: reflect.TypeFor[v3.StagedGlobalNetworkPolicy]()},
	"StagedNetworkPolicy":           {t: reflect.TypeFor[v3.StagedNetworkPolicy]()},
	"StagedKubernetesNetworkPolicy": {t: reflect.TypeFor[v3.StagedKubernetesNetworkPolicy]()},
	"Tier":                          {t: reflect.TypeFor[v3.Tier]()},
	"GlobalNetworkSet":              {t: reflect.TypeFor[v3.GlobalNetworkSet]()},
	"NetworkSet":                    {t: reflect.TypeFor[v3.NetworkSet]()},
	"HostEndpoint":                  {t: reflect.TypeFor[v3.HostEndpoint]()},
	"Profile":                       {t: reflect.TypeFor[v3.Profile]()},
	"IPPool":                        {t: reflect.TypeFor[v3.IPPool]()},
	"FelixConfiguration":            {t: reflect.TypeFor[v3.FelixConfiguration]()},
	"BGPConfiguration":              {t: reflect.TypeFor[v3.BGPConfiguration]()},
	"KubeControllersConfiguration":  {t: reflect.TypeFor[v3.KubeControllersConfiguration]()},
	"BGPPeer":                       {t: reflect.TypeFor[v3.BGPPeer](), other: true},
	"BGPFilter":                     {t: reflect.TypeFor[v3.BGPFilter](), other: true},
	"IPReservation":                 {t: reflect.TypeFor[v3.IPReservation](), other: true},
	"IPAMConfiguration":             {t: reflect.TypeFor[v3.IPAMConfiguration](), other: true},
	"CalicoNodeStatus":              {t: reflect.TypeFor[v3.CalicoNodeStatus](), other: true},
	"WorkloadEndpoint":              {t: reflect.TypeFor[calico.WorkloadEndpoint]()},
}

// tags checks an object by the validate tags of its Go type.
func (o on) tags() {
	if k, ok := kindTypes[o.src.Kind]; ok {
		o.structTags(k.t, o.src.Node, nil, k.other)
	}
}

// structTags checks the fields of a struct against the node that holds them.
func (o on) structTags(t reflect.Type, n *yamlpos.Node, at path, other bool) {
	if other {
		o.unknownFields(t, n, at)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "metadata" || name == "status" {
			continue
		}
		o.field(f.Type, f.Tag.Get("validate"), n.Get(name), at.add(name), other)
	}
}

// field checks one value by its tag and goes on into what it holds.
func (o on) field(t reflect.Type, tag string, n *yamlpos.Node, at path, other bool) {
	verbs := strings.FieldsFunc(tag, func(r rune) bool { return r == ',' })
	own, items, dive := verbs, []string(nil), false
	if i := slices.Index(verbs, "dive"); i >= 0 {
		own, items, dive = verbs[:i], verbs[i+1:], true
	}
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	if !(slices.Contains(own, "omitempty") && isZero(n)) {
		for _, v := range own {
			o.tag(v, n, at)
		}
	}
	if n == nil && pointer {
		return
	}
	o.inside(t, items, dive, n, at, other)
}

func (o on) inside(t reflect.Type, items []string, dive bool, n *yamlpos.Node, at path, other bool) {
	switch {
	case strings.HasSuffix(t.PkgPath(), "numorstring"):
		o.numOrString(t.Name(), n, at)
	case t.Kind() == reflect.Struct && !strings.HasPrefix(t.PkgPath(), "k8s.io") && n != nil:
		o.structTags(t, n, at, other)
	case t.Kind() == reflect.Slice && dive && n != nil:
		for i, item := range n.Items {
			o.field(t.Elem(), strings.Join(items, ","), item, at.add(i), other)
		}
	}
}

// isZero says that a value is what its type has without being set.
func isZero(n *yamlpos.Node) bool {
	if n == nil {
		return true
	}
	switch n.Kind {
	case yamlpos.Map:
		return len(n.Fields) == 0
	case yamlpos.List:
		return len(n.Items) == 0
	case yamlpos.Int, yamlpos.Float:
		v, err := strconv.ParseFloat(n.Text, 64)
		return err == nil && v == 0
	case yamlpos.Bool:
		return n.Text == "false"
	}
	return n.Text == "" || n.Kind == yamlpos.Null
}

// unknownFields reports fields that a kind does not have, for kinds that the
// reader does not decode.
func (o on) unknownFields(t reflect.Type, n *yamlpos.Node, at path) {
	known := []string{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" {
			known = append(known, "apiVersion", "kind")
			continue
		}
		known = append(known, name)
	}
	for _, f := range n.Fields {
		if slices.Contains(known, f.Key) {
			continue
		}
		hint := "known fields here: " + strings.Join(known, ", ")
		if near := yamlpos.Nearest(f.Key, known); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		o.report("yaml/unknown-field", at.add(f.Key), hint, "unknown field %q", dotted(at.add(f.Key)))
	}
}
