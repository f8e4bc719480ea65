package check

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

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

// taggedField is a field of a Go type with what its validate tag asks of it, and
// of the items of its list.
type taggedField struct {
	name       string
	t          reflect.Type
	own, items []string
	dive       bool
}

// optional says that a field which is not given passes.
func (f *taggedField) optional() bool {
	return (len(f.own) == 0 || slices.Contains(f.own, "omitempty")) && (f.t.Kind() == reflect.Pointer || !isNumOrString(f.t))
}

// taggedFields are the fields of the types that were met, which are few.
var taggedFields sync.Map

func fieldsOf(t reflect.Type) []taggedField {
	if known, ok := taggedFields.Load(t); ok {
		return known.([]taggedField)
	}
	var out []taggedField
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "metadata" || name == "status" {
			continue
		}
		tagged := taggedField{name: name, t: f.Type}
		tagged.own, tagged.items, tagged.dive = splitTag(cmp.Or(newerTags[name], f.Tag.Get("validate")))
		out = append(out, tagged)
	}
	taggedFields.Store(t, out)
	return out
}

// splitTag parts what a tag asks of a value from what it asks of its items.
func splitTag(tag string) (own, items []string, dive bool) {
	verbs := strings.FieldsFunc(tag, func(r rune) bool { return r == ',' })
	if i := slices.Index(verbs, "dive"); i >= 0 {
		return verbs[:i], verbs[i+1:], true
	}
	return verbs, nil, false
}

// structTags checks the fields of a struct against the node that holds them.
func (o on) structTags(t reflect.Type, n *yamlpos.Node, at path) {
	for _, f := range fieldsOf(t) {
		v := n.Get(f.name)
		if v == nil && f.optional() {
			continue
		}
		o.field(&f, v, at.add(f.name))
	}
}

// field checks one value by its tag and goes on into what it holds.
func (o on) field(f *taggedField, n *yamlpos.Node, at path) {
	t, pointer := f.t, f.t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	given := hasValue(n, pointer)
	if given || !slices.Contains(f.own, "omitempty") {
		for _, v := range f.own {
			if v == "required" && given {
				continue
			}
			o.tag(v, n, at)
		}
	}
	if pointer && (n == nil || n.Kind == yamlpos.Null) {
		return
	}
	o.inside(t, f, n, at)
}

func isNumOrString(t reflect.Type) bool { return strings.HasSuffix(t.PkgPath(), "numorstring") }

func (o on) inside(t reflect.Type, f *taggedField, n *yamlpos.Node, at path) {
	switch {
	case isNumOrString(t):
		o.numOrString(t.Name(), n, at)
	case t.Kind() == reflect.Struct && !strings.HasPrefix(t.PkgPath(), "k8s.io") && n != nil:
		o.structTags(t, n, at)
	case t.Kind() == reflect.Slice && f.dive && n != nil:
		item := taggedField{t: t.Elem(), own: f.items}
		if i := slices.Index(f.items, "dive"); i >= 0 {
			item.own, item.items, item.dive = f.items[:i], f.items[i+1:], true
		}
		for i, v := range n.Items {
			o.field(&item, v, at.add(i))
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
