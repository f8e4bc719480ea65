package realapi

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The module's root, seen from this folder.
const root = "../../.."

// source is one input of tortie compile.
type source struct {
	name string
	args []string
}

// sources are the examples that hold intents, the examples of docs/intent.md and
// the cases of the language.
func sources(t *testing.T) []source {
	t.Helper()
	at := func(name string) string { return filepath.Join(root, name) }
	out := []source{
		{"first", []string{"-f", at("examples/first")}},
		{"shop", []string{"-f", at("examples/shop"), "-f", at("examples/online-shop/cluster")}},
		{"bare-metal", []string{"-f", at("examples/bare-metal")}},
		{"bare-metal with host endpoints", []string{"-f", at("examples/bare-metal"), "--host-endpoints"}},
		{"office-gateway", []string{"-f", at("examples/office-gateway")}},
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for i, block := range strings.Split(read(t, at("docs/intent.md")), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		name := fmt.Sprintf("docs-%d", i+1)
		out = append(out, source{name, []string{"-f", write(name+".yaml", text)}})
	}
	cases, err := filepath.Glob(at("cmd/tortie/testdata/intent/*.txtar"))
	if err != nil || len(cases) < 16 {
		t.Fatal(cases, err)
	}
	for _, file := range cases {
		_, text, _ := strings.Cut(read(t, file), "-- intent.yaml --\n")
		text, _, _ = strings.Cut(text, "-- trace --\n")
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		out = append(out, source{name, []string{"-f", write(name+".yaml", text), "-f", at("cmd/tortie/testdata/intent/cluster.yaml")}})
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestCompiled creates what the command makes of every source, and holds that the
// server takes it, keeps it as it was sent, and that the command takes it back.
func TestCompiled(t *testing.T) {
	ctx := context.Background()
	h := &holder{ctx: ctx, command: build(t), kinds: map[string]int{}, added: map[string]int{}}
	server, err := Start(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	definitions, err := server.Install(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if h.objects, err = server.Objects(); err != nil {
		t.Fatal(err)
	}
	t.Run("the server refuses", h.refuses)
	all := sources(t)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) { h.hold(t, s) })
	}
	t.Logf("%d resource definitions; %d sources, %d objects created: %s", definitions, len(all), h.created, counts(h.kinds))
	t.Logf("put in by the server: %s", counts(h.added))
}

func build(t *testing.T) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), "tortie")
	cmd := exec.Command("go", "build", "-o", command, "./cmd/tortie")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return command
}

func counts(m map[string]int) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%d %s", m[key], key))
	}
	return strings.Join(out, ", ")
}

// holder has a server with Calico's kinds, and counts what it was asked.
type holder struct {
	ctx     context.Context
	command string
	objects *Objects
	created int
	kinds   map[string]int
	added   map[string]int
}

// refuses holds that the server is one that says no.
func (h *holder) refuses(t *testing.T) {
	for what, spec := range map[string]map[string]any{
		"a field that Calico does not have": {"selektor": "all()"},
		"an action that Calico has not":     {"ingress": []any{map[string]any{"action": "Permit"}}},
		"text for a number":                 {"order": "first"},
	} {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy",
			"metadata": map[string]any{"name": "wrong"}, "spec": spec}}
		if err := h.objects.Create(h.ctx, u); !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// hold follows one source from the command to the server and back.
func (h *holder) hold(t *testing.T, s source) {
	compile := append([]string{"compile", "-o", "json"}, s.args...)
	first := h.tortie(t, compile...)
	sent, err := items(first)
	if err != nil || len(sent) == 0 {
		t.Fatalf("%d objects: %v", len(sent), err)
	}
	file := filepath.Join(t.TempDir(), "kept.json")
	h.keep(t, sent, file)
	if again := h.tortie(t, append(compile, "-f", file)...); !bytes.Equal(again, first) {
		t.Errorf("with the kept objects in the input it compiles to\n%s\nand not to\n%s", again, first)
	}
	h.tortie(t, "validate", "-f", file)
}

// keep creates objects, writes what the server keeps of them to a file, and takes
// them away again: the next source may give its objects the same names.
func (h *holder) keep(t *testing.T, sent []*unstructured.Unstructured, file string) {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, u := range sent {
		if ns := u.GetNamespace(); ns != "" {
			if err := h.objects.Namespace(h.ctx, ns); err != nil {
				t.Fatal(err)
			}
		}
		name := u.GetKind() + " " + u.GetName()
		if err := h.objects.Create(h.ctx, u.DeepCopy()); err != nil {
			t.Errorf("refused: %s: %v", name, err)
			continue
		}
		h.created++
		h.kinds[u.GetKind()]++
		kept, err := h.objects.Read(h.ctx, u)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h.compare(t, u, kept)
		list.Items = append(list.Items, *kept)
		if err := h.objects.Delete(h.ctx, u); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	data, err := list.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare holds that all that was sent was kept, and notes what the server put
// into the spec; it puts its own things into the metadata of every object.
func (h *holder) compare(t *testing.T, sent, kept *unstructured.Unstructured) {
	var d, spec difference
	d.compare(sent.GetKind()+" "+sent.GetName(), sent.Object, kept.Object)
	for _, line := range d.differs {
		t.Error(line)
	}
	spec.compare(sent.GetKind()+" spec", sent.Object["spec"], kept.Object["spec"])
	for _, line := range spec.added {
		h.added[line]++
	}
}

// tortie runs the command, which has to succeed.
func (h *holder) tortie(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(h.ctx, h.command, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("tortie %s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}
