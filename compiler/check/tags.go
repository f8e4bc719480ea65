package check

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/yamlpos"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// kindTypes are Calico's kinds whose Go types carry the validator's tags. Those
// marked as other are not decoded by the reader, so that is done here.
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
	"BGPFilter":                     {t: reflect.TypeFor[bgpFilter](), other: true},
	"IPReservation":                 {t: reflect.TypeFor[v3.IPReservation](), other: true},
	"IPAMConfiguration":             {t: reflect.TypeFor[v3.IPAMConfiguration](), other: true},
	"CalicoNodeStatus":              {t: reflect.TypeFor[v3.CalicoNodeStatus](), other: true},
	"WorkloadEndpoint":              {t: reflect.TypeFor[calico.WorkloadEndpoint]()},
}

// newerTags are the tags that differ at Calico v3.32.1, by the field's name.
var newerTags = map[string]string{"bpfKubeProxyHealthzPort": "omitempty,gte=0,lte=65535"}

// tags checks an object by the validate tags of its Go type.
func (o on) tags() {
	if k, ok := kindTypes[o.src.Kind]; ok {
		if k.other {
			o.decode(k.t)
		}
		o.structTags(k.t, o.src.Node, nil)
	}
}

// structTags checks the fields of a struct against the node that holds them.
func (o on) structTags(t reflect.Type, n *yamlpos.Node, at path) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "metadata" || name == "status" {
			continue
		}
		o.field(f.Type, cmp.Or(newerTags[name], f.Tag.Get("validate")), n.Get(name), at.add(name))
	}
}

// field checks one value by its tag and goes on into what it holds.
func (o on) field(t reflect.Type, tag string, n *yamlpos.Node, at path) {
	verbs := strings.FieldsFunc(tag, func(r rune) bool { return r == ',' })
	own, items, dive := verbs, []string(nil), false
	if i := slices.Index(verbs, "dive"); i >= 0 {
		own, items, dive = verbs[:i], verbs[i+1:], true
	}
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	given := hasValue(n, pointer)
	if given || !slices.Contains(own, "omitempty") {
		for _, v := range own {
			if v == "required" && given {
				continue
			}
			o.tag(v, n, at)
		}
	}
	if pointer && (n == nil || n.Kind == yamlpos.Null) {
		return
	}
	o.inside(t, items, dive, n, at)
}

func (o on) inside(t reflect.Type, items []string, dive bool, n *yamlpos.Node, at path) {
	switch {
	case strings.HasSuffix(t.PkgPath(), "numorstring"):
		o.numOrString(t.Name(), n, at)
	case t.Kind() == reflect.Struct && !strings.HasPrefix(t.PkgPath(), "k8s.io") && n != nil:
		o.structTags(t, n, at)
	case t.Kind() == reflect.Slice && dive && n != nil:
		for i, item := range n.Items {
			o.field(t.Elem(), strings.Join(items, ","), item, at.add(i))
		}
	}
}

// hasValue says that the validator takes a value as given: lists, mappings and
// what a pointer leads to, also if empty or 0; others only if they are not.
func hasValue(n *yamlpos.Node, pointer bool) bool {
	if n == nil || n.Kind == yamlpos.Null {
		return false
	}
	return pointer || n.Kind == yamlpos.List || n.Kind == yamlpos.Map || !isZero(n)
}

// decode reports what of an object's text its type cannot hold.
func (o on) decode(t reflect.Type) {
	found, _ := yamlpos.Decode(o.src.Node, reflect.New(t).Interface(), yamlpos.Options{Lenient: o.r.lenient, Ignored: []string{"status"}})
	o.r.out = append(o.r.out, found...)
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
