package lower

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// File is one object with the name of a file for it.
type File struct {
	Name string
	tree tree
}

// YAML writes the object.
func (f File) YAML(w io.Writer) { f.tree.yaml(w, "") }

// JSON returns the object.
func (f File) JSON() ([]byte, error) { return json.MarshalIndent(f.tree, "", "  ") }

// Files are all objects in the order in which they can be applied.
func (o *Output) Files() []File {
	var out []File
	add := func(t tree, kind, ns, name string) {
		out = append(out, File{Name: fileName(kind, ns, name), tree: t})
	}
	for _, t := range o.Tiers {
		add(t.tree(), "tier", "", t.Name)
	}
	for _, s := range o.Sets {
		add(s.tree(), "globalnetworkset", "", s.Name)
	}
	for _, h := range o.HostEndpoints {
		add(h.tree(), "hostendpoint", "", h.Name)
	}
	for i := range o.Policies {
		p := &o.Policies[i]
		add(p.tree(), p.Kind(), p.Namespace, p.Name)
	}
	return out
}

// fileName is the name of an object's file, and of no other object's: behind a
// namespace with dashes stands an underscore, which no name has, so that it is
// clear where the namespace ends.
func fileName(kind, namespace, name string) string {
	end := "-"
	switch {
	case namespace == "":
		end = ""
	case strings.Contains(namespace, "-"):
		end = "_"
	}
	return strings.ToLower(kind) + "-" + namespace + end + name + ".yaml"
}

// WriteYAML writes all objects as one stream of documents.
func (o *Output) WriteYAML(w io.Writer) error {
	e := &errWriter{w: w}
	for i, f := range o.Files() {
		if i > 0 {
			fmt.Fprintln(e, "---")
		}
		f.YAML(e)
	}
	return e.err
}

// WriteJSON writes all objects as one List.
func (o *Output) WriteJSON(w io.Writer) error {
	items := []any{}
	for _, f := range o.Files() {
		items = append(items, f.tree)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(tree{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}})
}

type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(b []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	var n int
	n, e.err = e.w.Write(b)
	return n, e.err
}

func object(kind, namespace, name string, labels, notes map[string]string, spec tree) tree {
	all := map[string]string{managedBy: "tortie"}
	for k, v := range labels {
		all[k] = v
	}
	var meta tree
	meta.put("name", name)
	meta.put("namespace", namespace)
	meta.put("labels", all)
	meta.put("annotations", notes)
	return tree{{"apiVersion", "projectcalico.org/v3"}, {"kind", kind}, {"metadata", meta}, {"spec", spec}}
}

func (t Tier) tree() tree {
	action := "Deny"
	if t.Pass {
		action = "Pass"
	}
	return object("Tier", "", t.Name, nil, nil, tree{{"order", t.Order}, {"defaultAction", action}})
}

func (s NetworkSet) tree() tree {
	labels := map[string]string{netsLabel: s.Name}
	if s.Intent != "" {
		labels[partOf] = s.Intent
	}
	return object("GlobalNetworkSet", "", s.Name, labels, map[string]string{intentNote: place(s.Span)},
		tree{{"nets", s.Nets}})
}

func (h HostEndpoint) tree() tree {
	spec := tree{{"node", h.Node}, {"expectedIPs", h.ExpectedIPs}, {"profiles", []string{"projectcalico-default-allow"}}}
	return object("HostEndpoint", "", h.Name, h.Labels, nil, spec)
}

func (p *Policy) tree() tree {
	var spec tree
	spec.put("tier", p.Tier)
	if p.Delete {
		spec.put("stagedAction", "Delete")
		return object(p.Kind(), p.Namespace, p.Name, map[string]string{partOf: p.Doc.Name}, map[string]string{intentNote: place(p.Doc.Span)}, spec)
	}
	spec = append(spec, field{"order", p.Order})
	if p.Stage {
		spec.put("stagedAction", "Set")
	}
	spec.put("selector", p.Selector)
	spec.put("namespaceSelector", p.NamespaceSelector)
	spec.put("serviceAccountSelector", p.ServiceAccountSelector)
	spec.put("doNotTrack", p.DoNotTrack)
	spec.put("preDNAT", p.PreDNAT)
	spec.put("applyOnForward", p.ApplyOnForward)
	var types []string
	if p.In {
		types = append(types, "Ingress")
	}
	if p.Out {
		types = append(types, "Egress")
	}
	spec.put("types", types)
	spec.put("ingress", ruleTrees(p.Ingress))
	spec.put("egress", ruleTrees(p.Egress))
	notes := map[string]string{intentNote: place(p.Doc.Span)}
	if p.Doc.Owner != "" {
		notes["tortie.dev/owner"] = p.Doc.Owner
	}
	return object(p.Kind(), p.Namespace, p.Name, map[string]string{partOf: p.Doc.Name}, notes, spec)
}

func ruleTrees(rules []Rule) []any {
	var out []any
	for _, r := range rules {
		out = append(out, r.tree())
	}
	return out
}

func (r Rule) tree() tree {
	notes := map[string]string{intentNote: place(r.Span)}
	for key, text := range map[string]string{"because": r.Because, "owner": r.Owner, "until": r.Until} {
		if text != "" {
			notes["tortie.dev/"+key] = text
		}
	}
	if r.Raw != nil {
		return rawTree(r.Raw, notes)
	}
	t := tree{{"action", r.Action}}
	if r.IPVersion != 0 {
		t.put("ipVersion", int(r.IPVersion))
	}
	if n, err := strconv.Atoi(r.Protocol); err == nil {
		t.put("protocol", n)
	} else {
		t.put("protocol", r.Protocol)
	}
	if r.ICMPType != nil {
		icmp := tree{{"type", *r.ICMPType}}
		if r.ICMPCode != nil {
			icmp = append(icmp, field{"code", *r.ICMPCode})
		}
		t.put("icmp", icmp)
	}
	t.put("source", r.Source.tree())
	t.put("destination", r.Destination.tree())
	t.put("metadata", tree{{"annotations", notes}})
	return t
}

func (e Entity) tree() tree {
	var t tree
	t.put("nets", e.Nets)
	t.put("notNets", e.NotNets)
	t.put("selector", e.Selector)
	t.put("notSelector", e.NotSelector)
	t.put("namespaceSelector", e.NamespaceSelector)
	if len(e.Accounts) > 0 {
		t.put("serviceAccounts", tree{{"names", e.Accounts}})
	}
	if e.Service != "" {
		t.put("services", tree{{"name", e.Service}, {"namespace", e.ServiceNamespace}})
	}
	var ports []any
	for _, p := range e.Ports {
		if n, err := strconv.Atoi(p); err == nil {
			ports = append(ports, n)
		} else {
			ports = append(ports, p)
		}
	}
	t.put("ports", ports)
	return t
}
