package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/link"
	"tortie/compiler/lower"
	"tortie/dataplane/dump"
	"tortie/dataplane/iptables"

	corev1 "k8s.io/api/core/v1"
)

// codeForm is the form of codes; a prefix of one ends with a dash.
var codeForm = regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)

// sourceCodes collects the codes of findings from the sources: what stands as Code
// in a finding, what is passed to a parameter called code, and every other text
// that begins like one of these.
func sourceCodes(t *testing.T) map[string]token.Position {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, p, nil, 0)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	takes := map[string]int{} // functions with a parameter code, and where
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if i := slices.Index(paramNames(fn), "code"); i >= 0 {
					takes[fn.Name.Name] = i
				}
			}
		}
	}
	prefixes := map[string]bool{}
	meant := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, _ := strconv.Unquote(lit.Value); codeForm.MatchString(text) {
				prefix, _, _ := strings.Cut(text, "/")
				prefixes[prefix] = true
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Code" {
					meant(n.Value)
				}
			case *ast.CallExpr:
				if i, ok := takes[calledName(n)]; ok && i < len(n.Args) {
					meant(n.Args[i])
				}
			}
			return true
		})
	}
	codes := map[string]token.Position{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				if prefix, _, _ := strings.Cut(text, "/"); prefixes[prefix] && codeForm.MatchString(text) {
					codes[text] = fset.Position(n.Pos())
				}
			}
			return true
		})
	}
	return codes
}

func paramNames(fn *ast.FuncDecl) []string {
	var names []string
	for _, p := range fn.Type.Params.List {
		for _, n := range p.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func TestCatalogue_HasEveryCodeOfTheSources(t *testing.T) {
	known := map[string]bool{}
	for _, e := range catalogue() {
		if known[e.Code] || !codeForm.MatchString(e.Code) || e.Severity == 0 || e.Title == "" || e.Text == "" || e.Fix == "" {
			t.Errorf("%q is not explained, or twice", e.Code)
		}
		known[e.Code] = true
	}
	codes := sourceCodes(t)
	for code, at := range codes {
		began := strings.HasSuffix(code, "-") && slices.ContainsFunc(catalogue(), func(e diag.Entry) bool { return strings.HasPrefix(e.Code, code) })
		if !known[code] && !began {
			t.Errorf("%s: %s has no entry", at, code)
		}
	}
	if len(codes) < 180 {
		t.Errorf("only %d codes found in the sources", len(codes))
	}
}

// noExample are codes that take more than one input, flags, or a cluster.
var noExample = map[string]bool{
	"cluster/bad-template": true, "cluster/nothing-staged": true, "yaml/too-large": true, "import/no-tables": true,
	"dump/duplicate": true, "dump/empty": true, "dump/registration-order": true, "dump/repeated": true, "dump/sub-folder": true, "dump/unreadable": true,
}

// findAll puts an example through whatever reads such text.
func findAll(code, text string) diag.List {
	prefix, _, _ := strings.Cut(code, "/")
	switch prefix {
	case "dump", "import":
		_, found := dump.ReadFiles([]dump.File{{Name: "example", Text: text}}, "node-1")
		_, more := iptables.Parse("example", []byte(text), iptables.Options{})
		return append(found, more...)
	case "scenario":
		_, found := readScenarios("example.yaml", []byte(text))
		return found
	}
	if code == "intent/tier-order" {
		text += "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: given}\nspec: {order: 70}\n"
	}
	s, found := cluster.Read([]cluster.File{{Name: "example.yaml", Data: []byte(text)}}, cluster.Options{})
	_, more := compileIntents(s, lower.Options{})
	found = append(append(found, more...), check.Run(s, check.Options{})...)
	s.Nodes = append(s.Nodes, nodeOne()...)
	linker, more := link.New(s, link.Options{})
	found = append(found, more...)
	_, more, err := linker.Fleet(nil)
	if err != nil {
		found.Add(diag.Finding{Message: err.Error()})
	}
	return append(found, more...)
}

// nodeOne is a node for examples that have none.
func nodeOne() []cluster.Object[corev1.Node] {
	s, _ := cluster.Read([]cluster.File{{Name: "node.yaml", Data: []byte("apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.1}]}\n")}}, cluster.Options{})
	return s.Nodes
}

func TestCatalogue_ExamplesYieldTheirCodes(t *testing.T) {
	shown := 0
	for _, e := range catalogue() {
		if e.Example == "" {
			if !noExample[e.Code] && !strings.HasPrefix(e.Code, "intent/") {
				t.Errorf("%s has no example", e.Code)
			}
			continue
		}
		shown++
		found := findAll(e.Code, e.Example)
		if !slices.ContainsFunc(found, func(f diag.Finding) bool { return f.Code == e.Code }) {
			var b strings.Builder
			found.WriteText(&b, diag.TextOptions{})
			t.Errorf("%s: its example yields\n%s", e.Code, b.String())
		}
	}
	t.Logf("%d of %d codes have an example", shown, len(catalogue()))
}
