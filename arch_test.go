package tortie

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is the import table: each package of the module and the packages of
// the module that it may import, lowest first. A package that is not here fails
// the test; adding one is a decision for ARCHITECTURE.md.
const imports = `
compiler/diag        <-
dataplane/packet     <-
dataplane/nf         <- dataplane/packet
dataplane/host       <- dataplane/packet dataplane/nf
dataplane/iptables   <- compiler/diag dataplane/packet dataplane/nf
dataplane/ipset      <- compiler/diag dataplane/packet dataplane/nf
dataplane/nftables   <- compiler/diag dataplane/packet dataplane/nf
dataplane/dump       <- compiler/diag dataplane/packet dataplane/nf dataplane/host dataplane/iptables dataplane/ipset dataplane/nftables
dataplane/netns      <-
dataplane/golden     <-
dataplane/kernel     <- dataplane/packet dataplane/nf dataplane/host dataplane/iptables dataplane/ipset dataplane/nftables dataplane/netns
dataplane/lab        <- dataplane/packet dataplane/nf dataplane/host dataplane/netns dataplane/kernel
compiler/yamlpos     <- compiler/diag
compiler/selector    <- compiler/diag
compiler/calico      <- compiler/diag compiler/yamlpos compiler/selector
compiler/cluster     <- compiler/diag compiler/yamlpos compiler/selector compiler/calico
compiler/check       <- compiler/diag compiler/yamlpos compiler/calico compiler/cluster compiler/selector
compiler/store       <- compiler/diag compiler/cluster compiler/yamlpos
compiler/intent      <- compiler/diag compiler/yamlpos compiler/selector dataplane/packet
compiler/lower       <- compiler/diag compiler/intent compiler/calico compiler/cluster compiler/selector compiler/yamlpos dataplane/packet
compiler/lift        <- compiler/diag compiler/yamlpos compiler/selector compiler/calico compiler/cluster compiler/intent
compiler/resolve     <- compiler/diag compiler/calico compiler/cluster compiler/selector dataplane/packet
compiler/felix       <- compiler/resolve dataplane/packet dataplane/nf
compiler/kubeproxy   <- compiler/cluster dataplane/packet dataplane/nf dataplane/host
compiler/routing     <- compiler/diag compiler/yamlpos compiler/calico compiler/cluster dataplane/packet dataplane/host
compiler/link        <- compiler/diag compiler/yamlpos compiler/calico compiler/cluster compiler/resolve compiler/felix compiler/kubeproxy compiler/routing dataplane/packet dataplane/nf dataplane/host
simulator/trace      <- dataplane/packet dataplane/nf
simulator/conntrack  <- dataplane/packet
simulator/eval       <- dataplane/packet dataplane/nf simulator/trace simulator/conntrack
simulator/route      <- dataplane/packet dataplane/host
simulator/walk       <- dataplane/packet dataplane/nf dataplane/host simulator/trace simulator/eval simulator/conntrack simulator/route
simulator/chance     <- dataplane/host simulator/eval simulator/trace
simulator/scenario   <- compiler/diag dataplane/packet dataplane/nf dataplane/host simulator/trace simulator/conntrack simulator/walk simulator/chance simulator/eval
simulator/perform    <- dataplane/packet dataplane/nf dataplane/host dataplane/kernel dataplane/lab simulator/trace simulator/conntrack simulator/walk simulator/chance simulator/eval simulator/scenario
simulator/difftest   <- *
cmd/policies         <- compiler/calico compiler/cluster compiler/felix compiler/link compiler/resolve compiler/selector dataplane/host dataplane/nf dataplane/packet simulator/trace simulator/walk
cmd/tortie           <- *
`

// owners names the only packages that may import a third-party or restricted
// package (by prefix of its path).
var owners = map[string][]string{
	"gopkg.in/yaml.v3":             {"compiler/yamlpos"},
	"github.com/projectcalico/api": {"compiler/calico", "compiler/cluster", "compiler/resolve", "compiler/routing", "compiler/check", "compiler/kubeproxy", "compiler/lower", "compiler/lift"},
	"k8s.io":                       {"compiler/calico", "compiler/cluster", "compiler/resolve", "compiler/check", "compiler/kubeproxy", "compiler/link", "cmd/tortie", "compiler/lower"},
	"github.com/google/nftables":   {"dataplane/kernel"},
	"github.com/vishvananda":       {"dataplane/kernel", "dataplane/netns", "simulator/difftest"},
	"github.com/spf13/cobra":       {"cmd/tortie"},
	"os/exec":                      {"dataplane/kernel", "dataplane/netns", "simulator/difftest"},
	"os":                           {"dataplane/kernel", "dataplane/lab", "dataplane/netns", "simulator/difftest", "dataplane/golden", "cmd/tortie"},
	"flag":                         {"dataplane/golden", "cmd/tortie"},
	"math/rand":                    {"simulator/difftest"},
	"testing":                      {"dataplane/golden", "dataplane/netns"},
}

func importTable(t *testing.T) (allowed map[string][]string, order map[string]int) {
	t.Helper()
	allowed, order = map[string][]string{}, map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(imports), "\n") {
		pkg, rest, ok := strings.Cut(line, "<-")
		if !ok {
			t.Fatalf("import table: no arrow in %q", line)
		}
		pkg = strings.TrimSpace(pkg)
		allowed[pkg], order[pkg] = strings.Fields(rest), i
	}
	return allowed, order
}

// productionFiles yields every Go file that is neither a test nor in a nested
// module, by package folder.
func productionFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || hasFile(p, "go.mod")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
			dir := path.Dir(filepath.ToSlash(p))
			files[dir] = append(files[dir], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func hasFile(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func TestArchitecture_ImportTable(t *testing.T) {
	allowed, order := importTable(t)
	fset := token.NewFileSet()
	for pkg, files := range productionFiles(t) {
		if pkg == "." {
			continue
		}
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s is not in the import table", pkg)
			continue
		}
		for _, file := range files {
			f, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				imp, _ := strconv.Unquote(spec.Path.Value)
				checkImport(t, file, pkg, imp, may, order)
			}
		}
	}
}

func checkImport(t *testing.T, file, pkg, imp string, may []string, order map[string]int) {
	t.Helper()
	if in, ok := strings.CutPrefix(imp, "tortie/"); ok {
		switch {
		case !slices.Contains(may, in) && !slices.Contains(may, "*"):
			t.Errorf("%s: %s may not import %s", file, pkg, in)
		case order[in] >= order[pkg]:
			t.Errorf("import table: %s stands above %s, which it imports", pkg, in)
		}
		return
	}
	for prefix, who := range owners {
		if (imp == prefix || strings.HasPrefix(imp, prefix+"/") && prefix != "os") && !slices.Contains(who, pkg) {
			t.Errorf("%s: only %v may import %s", file, who, prefix)
		}
	}
}

// A package has exactly one package comment, and no clock but an injected one.
func TestArchitecture_PackageCommentsAndClock(t *testing.T) {
	for pkg, files := range productionFiles(t) {
		comments := 0
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				comments++
			}
			if strings.HasPrefix(pkg, "compiler/") || strings.HasPrefix(pkg, "simulator/") && pkg != "simulator/difftest" {
				forbidNow(t, file, f)
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, want 1", pkg, comments)
		}
	}
}

func forbidNow(t *testing.T, file string, f *ast.File) {
	t.Helper()
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Now" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s calls time.Now; the clock is an argument", file)
			}
		}
		return true
	})
}
