package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// Read reads files into a snapshot. What cannot be read is reported, and the
// rest is read; the snapshot is never nil. An object with a value of the wrong
// type is left out, as an API server would refuse it; one with only unknown
// fields is kept without them.
func Read(files []File, opt Options) (*Snapshot, diag.List) {
	r := &reader{snap: &Snapshot{}, opt: opt}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range files {
		docs, diags := yamlpos.Parse(f.Name, f.Data)
		r.diags = append(r.diags, diags...)
		for _, d := range docs {
			r.document(f.Name, d)
		}
	}
	for _, k := range kinds {
		k.finish(r)
	}
	r.snap.sortOthers()
	r.standIns()
	r.serviceAddresses()
	r.diags.Sort()
	return r.snap, r.diags
}

type reader struct {
	snap  *Snapshot
	opt   Options
	diags diag.List
}

func (r *reader) add(code string, sev diag.Severity, at diag.Span, hint, format string, args ...any) {
	r.diags.Add(diag.Finding{Code: code, Severity: sev, Span: at, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// document reads one document: an object, a List of objects, or a bare list.
func (r *reader) document(file string, n *yamlpos.Node) {
	switch n.Kind {
	case yamlpos.List:
		for _, item := range n.Items {
			r.object(file, item, "", "")
		}
	case yamlpos.Map:
		r.object(file, n, "", "")
	default:
		r.add("cluster/not-an-object", diag.Error, n.Span, "a document is a mapping with apiVersion and kind",
			"expected an object, found a %s", n.Kind)
	}
}

// object reads one object; apiVersion and kind are what its list says of it.
func (r *reader) object(file string, n *yamlpos.Node, apiVersion, kind string) {
	if n.Kind == yamlpos.Null {
		return
	}
	if n.Kind != yamlpos.Map {
		r.add("cluster/not-an-object", diag.Error, n.Span, "an object is a mapping with apiVersion and kind",
			"expected an object, found a %s", n.Kind)
		return
	}
	apiVersion, kind = cmp.Or(n.Str("apiVersion"), apiVersion), cmp.Or(n.Str("kind"), kind)
	if items := n.Get("items"); strings.HasSuffix(kind, "List") && (items != nil || kind == "List") {
		r.list(file, n, items, apiVersion, strings.TrimSuffix(kind, "List"))
		return
	}
	if apiVersion == "" || kind == "" {
		r.noKind(n, apiVersion)
		return
	}
	src := Source{File: file, APIVersion: apiVersion, Kind: kind, Node: n}
	// Nothing fills in what a crd.projectcalico.org object leaves out: it is
	// written as it will be stored.
	src.Stored = r.opt.Stored || src.FromServer() || group(apiVersion) == "crd.projectcalico.org"
	h, known := kinds[kindKey{group(apiVersion), kind}]
	if !known || !h.version(apiVersion) {
		r.unknownKind(src)
		return
	}
	h.read(r, src)
}

func (r *reader) noKind(n *yamlpos.Node, apiVersion string) {
	missing := "kind"
	if apiVersion == "" {
		missing = "apiVersion"
	}
	r.add("cluster/no-kind", diag.Error, n.Span, "every object says apiVersion and kind", "object without %s", missing)
}

func (r *reader) list(file string, n, items *yamlpos.Node, apiVersion, kind string) {
	if kind == "" {
		apiVersion = ""
	}
	if items == nil || items.Kind == yamlpos.Null {
		return
	}
	if items.Kind != yamlpos.List {
		r.add("yaml/wrong-type", diag.Error, items.Span, "start each item with a dash", "items: expected a list of mappings, found a %s", items.Kind)
		return
	}
	for _, item := range items.Items {
		r.object(file, item, apiVersion, kind)
	}
}

// FromServer says that an object carries what only a server gives.
func (s Source) FromServer() bool {
	return s.Node.Lookup("metadata", "uid") != nil || s.Node.Lookup("metadata", "resourceVersion") != nil
}

// unknownKind keeps an object that is not modelled. One of a group that is read
// here, in a kind or version that does not exist, is worth a word.
func (r *reader) unknownKind(src Source) {
	r.snap.Others = append(r.snap.Others, src)
	if group(src.APIVersion) == "tortie.dev" {
		r.ownKind(src)
		return
	}
	for k, h := range kinds {
		if k.kind == src.Kind && k.group == group(src.APIVersion) && !h.version(src.APIVersion) {
			r.add("cluster/unknown-version", diag.Warning, src.At("apiVersion"), "use "+h.versions[0],
				"%s %s is not a version that is read here; the object is left alone", src.APIVersion, src.Kind)
			return
		}
	}
	if g := group(src.APIVersion); g != "projectcalico.org" && g != "crd.projectcalico.org" || calicoOthers[src.Kind] {
		return
	}
	var names []string
	for k := range kinds {
		if strings.HasSuffix(k.group, "projectcalico.org") {
			names = append(names, k.kind)
		}
	}
	slices.Sort(names)
	hint := ""
	if near := yamlpos.Nearest(src.Kind, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.add("cluster/unknown-kind", diag.Warning, src.At("kind"), hint, "Calico has no kind %q; the object is left alone", src.Kind)
}

// Reads reports whether objects of a kind count for anything; near is the kind that
// was probably meant if not, or "".
func Reads(apiVersion, kind string) (ok bool, near string) {
	g := group(apiVersion)
	if g == "tortie.dev" {
		near = yamlpos.Nearest(kind, ownKinds[:2])
		return slices.Contains(ownKinds[:2], kind), near
	}
	h, ok := kinds[kindKey{g, kind}]
	if ok && h.version(apiVersion) {
		return true, ""
	}
	var names []string
	for k := range kinds {
		names = append(names, k.kind)
	}
	slices.Sort(names)
	return false, yamlpos.Nearest(kind, slices.Compact(names))
}

// ownKinds are the kinds of tortie.dev/v1, which others than this package read; only
// the first two are part of a cluster.
var ownKinds = []string{"HostNetwork", "Intent", "PolicyTest", "Scenario"}

// ownKind reports a document of tortie's own group that nobody would read.
func (r *reader) ownKind(src Source) {
	if !slices.Contains(ownKinds, src.Kind) {
		hint := "the kinds are " + strings.Join(ownKinds, ", ")
		if near := yamlpos.Nearest(src.Kind, ownKinds); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		r.add("cluster/unknown-kind", diag.Error, src.At("kind"), hint, "tortie.dev has no kind %q", src.Kind)
		return
	}
	if src.APIVersion != "tortie.dev/v1" {
		r.add("cluster/unknown-version", diag.Error, src.At("apiVersion"), "use tortie.dev/v1", "%s %s is not a version that is read here", src.APIVersion, src.Kind)
	}
}

// calicoOthers are Calico's kinds that decide nothing that is modelled here.
var calicoOthers = map[string]bool{
	"BGPPeer": true, "BGPFilter": true, "CalicoNodeStatus": true, "IPAMConfig": true, "IPAMConfiguration": true,
	"IPAMHandle": true, "IPReservation": true, "LiveMigration": true,
	"UISettings": true, "UISettingsGroup": true, "PacketCapture": true, "RemoteClusterConfiguration": true,
	"LicenseKey": true, "AlertException": true, "GlobalAlert": true, "GlobalReport": true, "ManagedCluster": true,
	"EgressGatewayPolicy": true, "ExternalNetwork": true, "DeepPacketInspection": true, "SecurityEventWebhook": true,
}

func group(apiVersion string) string {
	g, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return g
}

func (s *Snapshot) sortOthers() {
	slices.SortStableFunc(s.Others, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Node.Span.Start.Byte, b.Node.Span.Start.Byte))
	})
}
