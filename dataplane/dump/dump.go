// Package dump reads the captures of one node (iptables-save, ip6tables-save,
// ipset save, nft list ruleset, ip addr, ip route, ip rule, ip neigh, bridge fdb,
// sysctl, ipvsadm -S; nft's and ip's also as JSON) into a host.State.
//
// In: named pieces of text, or a folder of an fs.FS. What a file is is decided
// by its content, whatever it is called, and one file may hold several captures
// one after the other. Out: the state, and findings at file:line for everything
// that was not understood. A file that holds no capture is a note; a line that
// does not fit into its capture is an error, and the rest is still read. Two
// captures of the same kind are an error, also when they say the same; iptables'
// legacy and nft backends are different kinds, nft's text and JSON are one. Routes
// or rules that another capture has, too, and more besides, are a note.
//
// The package does not run tools, does not read paths, and does not guess what a
// capture leaves out. It mirrors the output of iproute2 (ip/ipaddress.c,
// ip/iproute.c, ip/iprule.c), of procps' sysctl, and leaves the rule sets to the
// codecs.
package dump

import (
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

// File is one captured text.
type File struct {
	Name string
	Text string
}

// Read reads every regular file at the top of fsys as captures of one node.
func Read(fsys fs.FS, name host.Name) (*host.State, diag.List) {
	var findings diag.List
	files, err := Files(fsys, nil)
	if err != nil {
		findings.Add(diag.Finding{Code: "dump/unreadable", Severity: diag.Error, Message: err.Error()})
	}
	state, more := ReadFiles(files, name)
	return state, append(findings, more...)
}

// Files loads the regular files at the top of fsys in order of their names; keep
// chooses among the names, nil takes all. What could be read is returned also
// when there is an error.
func Files(fsys fs.FS, keep func(name string) bool) ([]File, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []File
	var failed error
	for _, e := range entries {
		if !e.Type().IsRegular() || keep != nil && !keep(e.Name()) {
			continue
		}
		data, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			failed = err
			continue
		}
		files = append(files, File{Name: e.Name(), Text: string(data)})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files, failed
}

// Mode is the dataplane that a folder of captures with several of them is read
// for.
type Mode string

// The modes.
const (
	Legacy      Mode = "legacy"       // iptables-save.txt, ip-addr.txt …
	IptablesNFT Mode = "iptables-nft" // iptables-save.iptnft.txt …
	NFT         Mode = "nftables"     // nft-ruleset.txt, ip-addr.nft.txt …
)

// ForMode returns a keep function for Files that chooses one dataplane's files
// in a folder that holds captures of the same node under several, told apart by
// the middle of their names: "NAME.txt" for Legacy, "NAME.iptnft.txt" for
// IptablesNFT, and "NAME.nft.txt" with "nft-ruleset.txt" for NFT.
func ForMode(m Mode) func(name string) bool {
	return func(name string) bool {
		if path.Ext(name) != ".txt" || strings.HasPrefix(name, "packets") {
			return false
		}
		stem := strings.TrimSuffix(name, ".txt")
		ruleset := strings.HasPrefix(stem, "nft-ruleset")
		switch path.Ext(stem) {
		case ".iptnft":
			return m == IptablesNFT
		case ".nft":
			return m == NFT
		}
		return ruleset == (m == NFT) && m != IptablesNFT
	}
}

// ReadFiles reads the files as captures of one node.
func ReadFiles(files []File, name host.Name) (*host.State, diag.List) {
	r := reader{state: &host.State{Name: name, Sysctls: map[string]string{}}}
	for _, f := range files {
		f.Text = strings.TrimPrefix(f.Text, "\ufeff")
		before := len(r.findings)
		sections := split(f, &r.findings)
		if k, ok := emptyCapture(f); ok {
			sections = []section{{kind: k, file: f.Name, first: 1}}
			r.findings.Add(diag.Finding{Code: "dump/empty", Severity: diag.Note, Span: diag.Span{File: f.Name},
				Message: "the file is empty: taken for " + k.String() + " of a node that has none"})
		}
		if len(sections) == 0 {
			if len(r.findings) == before {
				r.noteForeign(f)
			}
			continue
		}
		sections = merge(sections)
		r.read = append(r.read, sections...)
		for _, s := range sections {
			if r.claim(s) {
				r.sections = append(r.sections, s)
			}
		}
	}
	r.assemble()
	r.findings.Sort()
	return r.state, r.findings
}

// emptyCapture says what an empty file is a capture of, by its name: iptables-save,
// nft list ruleset and ipset save print nothing where there are no tables or sets.
func emptyCapture(f File) (kind, bool) {
	name := strings.ToLower(path.Base(f.Name))
	switch {
	case strings.TrimSpace(f.Text) != "":
		return kind{}, false
	case strings.Contains(name, "iptables"), strings.Contains(name, "ip6tables"):
		return namedIptables(name), true
	case strings.Contains(name, "ipset"):
		return kind{what: whatIPSet}, true
	case strings.Contains(name, "nft"):
		return kind{what: whatNFT}, true
	}
	return kind{}, false
}

// reader collects what the sections of all files say about one node.
type reader struct {
	state    *host.State
	findings diag.List
	sections []section // those that are used
	read     []section // those of the files up to now
	neigh    neighbours
	// tableNames are the routing tables that captures call by name.
	tableNames []string
}

// otherOutputs are what is captured by mistake, with the command to run instead.
var otherOutputs = []struct {
	is         *regexp.Regexp
	what, hint string
}{
	{regexp.MustCompile(`(?m)^Chain \S+ \((policy|\d+ references)`), "the output of iptables -L", "run iptables-save (or ip6tables-save) instead"},
	{regexp.MustCompile(`(?m)^-(P|N) \S+`), "the output of iptables -S", "run iptables-save (or ip6tables-save) instead"},
	{regexp.MustCompile(`(?m)^lo\s+(UNKNOWN|UP|DOWN)\s`), "the output of ip -br", "run ip -d addr instead"},
	{regexp.MustCompile(`(?m)^Kernel IP routing table`), "the output of route or netstat -r", "run ip route show table all instead"},
	{regexp.MustCompile(`(?m)^\S+: flags=\d+<`), "the output of ifconfig", "run ip -d addr instead"},
	{regexp.MustCompile(`^\x1f`), "gzip", "unpack it with gunzip"},
}

func (r *reader) noteForeign(f File) {
	if strings.Trim(f.Text, "[]{}, \t\r\n") == "" {
		return
	}
	for _, o := range otherOutputs {
		if o.is.MatchString(f.Text) {
			r.findings.Add(diag.Finding{
				Code: "dump/not-a-capture", Severity: diag.Error, Span: diag.Span{File: f.Name},
				Message: "the file holds " + o.what + ", which does not say all that a packet meets", Hint: o.hint,
			})
			return
		}
	}
	r.findings.Add(diag.Finding{
		Code: "dump/not-a-capture", Severity: diag.Note, Span: diag.Span{File: f.Name},
		Message: "the file holds no capture that is known here and was left out",
		Hint:    "known are iptables-save, ipset save, nft list ruleset, ip addr, ip route, ip rule and sysctl",
	})
}

// spanLine is the span of a whole line.
func spanLine(file string, line int, text string) diag.Span {
	text = strings.TrimRight(text, "\r\n")
	return diag.Span{File: file, Start: diag.Pos{Line: line, Col: 1}, End: diag.Pos{Line: line, Col: len(text) + 1}}
}
