package dump

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

// recorded reads files of testdata.
func recorded(t *testing.T, names ...string) []File {
	t.Helper()
	var out []File
	for _, n := range names {
		text, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, File{Name: n, Text: string(text)})
	}
	return out
}

func messages(l diag.List) []string {
	var out []string
	for _, f := range l {
		out = append(out, f.Severity.String()+" "+f.Message)
	}
	return out
}

// ip -j says the same as ip.
func TestReadFiles_JSONIsTheSame(t *testing.T) {
	for _, name := range []string{"addr", "route", "rule", "ip6-rule"} {
		t.Run(name, func(t *testing.T) {
			want, wantFound := ReadFiles(recorded(t, "ip/"+name+".txt"), "n")
			got, found := ReadFiles(recorded(t, "ip/"+name+".json"), "n")
			if d := cmp.Diff(want, got, compare); d != "" {
				t.Errorf("(-text +JSON):\n%s", d)
			}
			if d := cmp.Diff(messages(wantFound), messages(found)); d != "" {
				t.Errorf("findings (-text +JSON):\n%s", d)
			}
		})
	}
}

// All of a node's JSON, in files of their own and in one file, has the far end
// of the tunnel that only neighbours and forwarding entries together say.
func TestReadFiles_JSONOfANode(t *testing.T) {
	names := []string{"ip/addr.json", "ip/route.json", "ip/rule.json", "ip/neigh.json", "ip/fdb.json"}
	files := recorded(t, names...)
	want, _ := ReadFiles(files, "n")
	if got := want.FindLink("vx").VXLAN.FDB; len(got) != 1 || got[0].MAC == "" || got[0].Via != ip("10.65.1.0") || got[0].Remote != ip("10.0.0.3") {
		t.Errorf("far ends: %+v", got)
	}
	all := File{Name: "node.json"}
	for _, f := range files {
		all.Text += f.Text
	}
	got, found := ReadFiles([]File{all}, "n")
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Errorf("in one file: %s", d)
	}
	if found.HasErrors() {
		t.Errorf("%v", messages(found))
	}
}

func TestReadFiles_JSONFindings(t *testing.T) {
	route := `[{"dst":"10.0.0.0/8","dev":"eth0"` + "},\n "
	for name, row := range map[string]struct{ text, code, place string }{
		"cut off":       {route + `{"dst":"10.`, "dump/json", "f:2:2"},
		"other words":   {route + `{"dst":"default"}]` + "\nhello", "dump/json", "f:3:1"},
		"bad address":   {route + `{"dst":"10.0.0.300/8"}]`, "dump/line", "f:2:2"},
		"unknown word":  {route + `{"dst":"10.1.0.0/16","colour":"blue"}]`, "dump/line", "f:2:2"},
		"unknown rule":  {`[{"priority":1,"src":"all","moon":"full","table":"7"}]`, "dump/line", "f:1:2"},
		"other objects": {`[{"a":1}]`, "dump/not-a-capture", "f"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := ReadFiles([]File{{Name: "f", Text: row.text}}, "n")
			if len(found) != 1 || found[0].Code != row.code || found[0].Span.String() != row.place {
				t.Errorf("got %+v, want %s at %s", found, row.code, row.place)
			}
		})
	}
}

// Text and JSON of the same kind are two captures of that kind.
func TestReadFiles_JSONAndTextAreDuplicates(t *testing.T) {
	for _, name := range []string{"addr", "route", "rule", "ip6-rule"} {
		_, found := ReadFiles(recorded(t, "ip/"+name+".json", "ip/"+name+".txt"), "n")
		if !found.HasErrors() || !strings.Contains(strings.Join(messages(found), "\n"), "error a second capture of ip") {
			t.Errorf("%s: %v", name, messages(found))
		}
	}
}

// The tables of iptables-nft that nft shows are those of iptables-save.
func TestReadFiles_IptablesNFTSeenTwice(t *testing.T) {
	alone, found := ReadFiles(recorded(t, "compat/iptables-save.txt", "compat/ipset.txt"), "n")
	if len(found) != 0 {
		t.Errorf("%v", messages(found))
	}
	for _, listing := range []string{"compat/nft.txt", "compat/nft.json"} {
		both, found := ReadFiles(recorded(t, "compat/iptables-save.txt", "compat/ipset.txt", listing), "n")
		for _, f := range found {
			if f.Severity != diag.Note {
				t.Errorf("%s: %s %s", listing, f.Severity, f.Message)
			}
		}
		n := len(alone.Ruleset.Tables)
		if tables := both.Ruleset.Tables; len(tables) != n+1 || tables[n].Name != "mine" {
			t.Errorf("%s: %d tables, want %d and the native one", listing, len(tables), n)
		} else if d := cmp.Diff(alone.Ruleset.Tables, tables[:n], compare); d != "" {
			t.Errorf("%s: %s", listing, d)
		}
	}
}

// Rules of iptables-nft that only nft shows are an error, not rules fewer.
func TestReadFiles_IptablesNFTSeenInPart(t *testing.T) {
	for _, listing := range []string{"compat/nft.txt", "compat/nft.json"} {
		_, found := ReadFiles(recorded(t, listing), "n")
		codes := map[string]int{}
		for _, f := range found {
			codes[f.Code]++
		}
		if codes["dump/iptables-nft-missing"] != 2 {
			t.Errorf("%s: %v", listing, messages(found))
		}
	}
}

// A second capture of a kind is an error also when it says the same, and names both
// files; nft's text and JSON are one kind.
func TestReadFiles_SecondOfAKind(t *testing.T) {
	for _, names := range [][2]string{
		{"compat/nft.txt", "compat/nft.json"}, {"compat/iptables-save.txt", ""}, {"compat/ipset.txt", ""},
		{"ip/addr.txt", "ip/addr.json"}, {"ip/route.txt", ""}, {"ip/rule.json", ""}, {"ip/ip6-rule.txt", ""},
	} {
		files := recorded(t, names[0])
		if names[1] != "" {
			files = append(files, recorded(t, names[1])...)
		} else {
			files = append(files, File{Name: "again-" + names[0], Text: files[0].Text})
		}
		_, found := ReadFiles(files, "n")
		i := slices.IndexFunc(found, func(f diag.Finding) bool { return f.Code == "dump/duplicate" })
		if i < 0 || !strings.Contains(found[i].Message, files[0].Name) || found[i].Span.File != files[1].Name ||
			found[i].Hint != "remove one of the two: "+files[0].Name+" or "+files[1].Name {
			t.Errorf("%v: %v", names, messages(found))
		}
	}
}

// In one file routes and rules that come again count once; a table that comes again
// is a second capture.
func TestReadFiles_Repeated(t *testing.T) {
	for _, name := range []string{"ip/route.txt", "ip/route.json", "ip/rule.json"} {
		files := recorded(t, name)
		want, wantFound := ReadFiles(files, "n")
		files[0].Text += "\n" + files[0].Text
		got, found := ReadFiles(files, "n")
		if d := cmp.Diff(want, got, compare); d != "" || found.HasErrors() || len(found) <= len(wantFound) {
			t.Errorf("%s: %v %s", name, messages(found), d)
		}
	}
	for _, second := range []string{"-j DROP", "-j ACCEPT"} {
		files := recorded(t, "compat/iptables-save.txt")
		files[0].Text += strings.Replace(files[0].Text, "-j DROP", second, 1)
		if _, found := ReadFiles(files, "n"); !found.HasErrors() {
			t.Errorf("tables twice, %s: %v", second, messages(found))
		}
	}
}

// ip route show table all has the routes of IPv6 too, so that those of ip -6
// route are there twice.
func TestReadFiles_RoutesOfBothFamilies(t *testing.T) {
	all := recorded(t, "ip/route.txt")
	want, _ := ReadFiles(all, "n")
	six := "fd00::/64 dev v0 proto kernel metric 256 pref medium\ndefault dev v0 metric 1024 pref medium\n"
	for _, name := range []string{"a-route6.txt", "z-route6.txt"} {
		files := append([]File{{Name: name, Text: six}}, all...)
		if name == "z-route6.txt" {
			files[0], files[1] = files[1], files[0]
		}
		got, found := ReadFiles(files, "n")
		if d := cmp.Diff(want.Routes, sortedLike(want.Routes, got.Routes), compare); d != "" || found.HasErrors() {
			t.Errorf("%s: %v %s", name, messages(found), d)
		}
	}
	if _, found := ReadFiles(append(all, File{Name: "other", Text: "fd09::/64 dev v0 metric 1 pref medium\n"}), "n"); !found.HasErrors() {
		t.Error("routes of another time: no error")
	}
}

// sortedLike puts the routes of b that a has into the order of a.
func sortedLike(a, b []host.Route) []host.Route {
	var out []host.Route
	for _, r := range append(append([]host.Route{}, a...), b...) {
		if containsRoute(b, r) && !containsRoute(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func containsRoute(list []host.Route, r host.Route) bool {
	for _, o := range list {
		if asText(o) == asText(r) {
			return true
		}
	}
	return false
}
