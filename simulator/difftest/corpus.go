package difftest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"tortie/dataplane/dump"
)

// Recording is one scenario under one dataplane: the captures of the node, and
// the probes that were sent through it.
type Recording struct {
	Scenario string
	Mode     dump.Mode
	// Recorded says with what and when.
	Recorded string
	// Files are the captures by name, without the comments of rules.
	Files map[string]string
	// Places are the rules that any probe hit; Probe.Hits counts in it.
	Places []Place
	Probes []Probe
}

// Place is a rule: its position in its chain from 1 (iptables) or its handle
// (nftables). Index "policy" is the policy of a base chain.
type Place struct {
	Table, Chain, Index string
}

// Probe is one recorded exchange: an attempt to connect, or a datagram, and what
// the sender saw.
type Probe struct {
	Name, From, To   string
	Src, Dst         string
	Proto            string
	SrcPort, DstPort uint16
	Result           string // "reply", "refused", "timeout", "unreachable" or "EPERM"
	// Banner is what the listener answered: its namespace, its own address and
	// the client's address as it saw it.
	Banner string `json:",omitempty"`
	// Conntrack is node1's connection table right after, as conntrack -L lists it
	// without counters.
	Conntrack []string `json:",omitempty"`
	// Hits are pairs: an index of Places, and the number of packets.
	Hits [][2]int
}

const recorded = "Calico v3.32.1, Linux 6.18, recorded 2026-11-23"

// LoadPacked reads the recordings of a folder of *.json.gz.
func LoadPacked(fsys fs.FS) ([]Recording, error) {
	names, err := fs.Glob(fsys, "*.json.gz")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []Recording
	for _, name := range names {
		r, err := loadPacked(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func loadPacked(fsys fs.FS, name string) (r Recording, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return r, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return r, err
	}
	err = json.NewDecoder(z).Decode(&r)
	return r, err
}

// Pack writes a recording into a folder.
func (r Recording) Pack(dir string) error {
	f, err := os.Create(filepath.Join(dir, r.Scenario+"."+string(r.Mode)+".json.gz"))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return err
	}
	return z.Close()
}

// modes are the dataplanes of a scenario's folder: the middle of the names of
// its files, and the captures that make up the node.
var modes = []struct {
	mode  dump.Mode
	infix string
	files []string
}{
	{dump.Legacy, "", []string{"iptables-save", "ip6tables-save", "ipset-save"}},
	{dump.IptablesNFT, ".iptnft", []string{"iptables-save", "ip6tables-save", "ipset-save"}},
	{dump.NFT, ".nft", nil},
}

// LoadScenario reads the recordings of one scenario's folder, one per dataplane
// in which packets were sent.
func LoadScenario(fsys fs.FS, name string) ([]Recording, error) {
	var out []Recording
	for _, m := range modes {
		data, err := fs.ReadFile(fsys, "packets"+m.infix+".json")
		if err != nil {
			continue
		}
		r := Recording{Scenario: name, Mode: m.mode, Recorded: recorded, Files: map[string]string{}}
		if err := r.readProbes(data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range append([]string{"ip-addr", "ip-route", "sysctl"}, m.files...) {
			if text, err := fs.ReadFile(fsys, f+m.infix+".txt"); err == nil {
				r.Files[f+".txt"] = withoutComments(string(text))
			}
		}
		if m.mode == dump.NFT {
			text, err := fs.ReadFile(fsys, "nft-ruleset.json")
			if err != nil {
				return nil, err
			}
			if r.Files["nft-ruleset.json"], err = jsonWithoutComments(text); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// rawProbe is a probe as it was recorded.
type rawProbe struct {
	Name, From, To, Src, Dst, Proto, Result, Banner string
	SPort, DPort                                    *uint16
	Conntrack                                       []string
	Hits                                            []struct {
		Table, Chain string
		Idx          json.RawMessage
		Pkts         int
	}
}

func (r *Recording) readProbes(data []byte) error {
	var raw []rawProbe
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	at := map[Place]int{}
	for _, p := range raw {
		probe := Probe{Name: p.Name, From: p.From, To: p.To, Src: p.Src, Dst: p.Dst, Proto: p.Proto, Result: p.Result, Banner: p.Banner}
		if p.SPort != nil {
			probe.SrcPort = *p.SPort
		}
		if p.DPort != nil {
			probe.DstPort = *p.DPort
		}
		for _, line := range p.Conntrack {
			if line = reCounters.ReplaceAllString(line, ""); !slices.Contains(probe.Conntrack, line) {
				probe.Conntrack = append(probe.Conntrack, line)
			}
		}
		for _, h := range p.Hits {
			place := Place{h.Table, h.Chain, strings.Trim(string(h.Idx), `"`)}
			i, ok := at[place]
			if !ok {
				i = len(r.Places)
				at[place] = i
				r.Places = append(r.Places, place)
			}
			probe.Hits = append(probe.Hits, [2]int{i, h.Pkts})
		}
		r.Probes = append(r.Probes, probe)
	}
	return nil
}

// reCounters are the words of conntrack -L that count or name uses.
var reCounters = regexp.MustCompile(` (packets|bytes|use)=\d+`)

var reComment = regexp.MustCompile(` -m comment --comment ("([^"\\]|\\.)*"|\S+)`)

func withoutComments(text string) string { return reComment.ReplaceAllString(text, "") }

// jsonWithoutComments leaves every "comment" out of nft's JSON.
func jsonWithoutComments(data []byte) (string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return "", err
	}
	dropComments(v)
	out, err := json.Marshal(v)
	return string(out), err
}

func dropComments(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "comment")
		for _, x := range v {
			dropComments(x)
		}
	case []any:
		for _, x := range v {
			dropComments(x)
		}
	}
}

// LoadFolders reads the recordings of all scenarios below some folders.
func LoadFolders(dirs ...string) ([]Recording, error) {
	var out []Recording
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*", "packets*.json"))
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, f := range found {
			scenario := filepath.Dir(f)
			if seen[scenario] {
				continue
			}
			seen[scenario] = true
			list, err := LoadScenario(os.DirFS(scenario), path.Base(filepath.ToSlash(scenario)))
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
	}
	return out, nil
}
