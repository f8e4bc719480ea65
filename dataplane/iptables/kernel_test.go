package iptables

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// needKernel skips without root or tools, and fails where the kernel tests are
// required.
func needKernel(t *testing.T, tools ...string) {
	t.Helper()
	why := ""
	if os.Geteuid() != 0 {
		why = "needs root"
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			why = "needs " + tool
		}
	}
	switch {
	case why == "":
	case os.Getenv("TORTIE_REQUIRE_KERNEL") == "1":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// reload loads a text with iptables-restore in a network namespace of its own
// and returns what iptables-save prints. prepare runs before, such as the
// creation of sets.
func reload(tool string, text []byte, prepare string) ([]byte, error) {
	script := fmt.Sprintf("%s%s-restore && exec %s-save", prepare, tool, tool)
	cmd := exec.Command("unshare", "-n", "sh", "-c", script)
	cmd.Stdin = bytes.NewReader(text)
	var errText bytes.Buffer
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %s", err, errText.String())
	}
	return out, nil
}

func toolFor(f packet.Family, b nf.Backend) string {
	name := map[packet.Family]string{packet.IPv4: "iptables", packet.IPv6: "ip6tables"}[f]
	return name + map[nf.Backend]string{nf.IptablesLegacy: "-legacy", nf.IptablesNFT: "-nft"}[b]
}

// comparable reduces tables to what both sides must agree on: rules by table and
// chain, without comments, counters and lines, with the default answer of REJECT
// and the one spelling of "no tracking".
func comparable(tables []nf.Table) map[string][]nf.Rule {
	out := map[string][]nf.Rule{}
	for _, t := range tables {
		for _, c := range t.Chains {
			key := string(t.Name) + "/" + string(c.Name)
			if c.Base != nil {
				key += " " + c.Base.Policy.String()
				if len(c.Rules) == 0 && c.Base.Policy == nf.PolicyAccept {
					continue // iptables-nft has the chains that were touched
				}
			}
			out[key] = nil
			for _, r := range c.Rules {
				out[key] = append(out[key], nf.Rule{Body: normalBody(r.Body)})
			}
		}
	}
	return out
}

func normalBody(body []nf.Stmt) []nf.Stmt {
	body = append([]nf.Stmt(nil), body...)
	for i, s := range body {
		switch m := s.(type) {
		case nf.Reject:
			if m.With == nf.RejectDefault {
				body[i] = nf.Reject{With: nf.RejectPortUnreach}
			}
		case nf.NoTrack:
			body[i] = nf.NoTrack{}
		}
	}
	return body
}

// setsFor are the commands that create the sets of the tables.
func setsFor(tables []nf.Table) string {
	dims := map[string]string{}
	for _, t := range tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				for _, s := range r.Body {
					family := map[nf.Family]string{nf.FamilyIP: "inet", nf.FamilyIP6: "inet6"}[t.Family]
					switch m := s.(type) {
					case nf.MatchSet:
						dims[string(m.Set)] = []string{"", "hash:net", "hash:ip,port", "hash:ip,port,ip"}[len(m.Dirs)] + " family " + family
					case nf.SetElement:
						dims[string(m.Set)] = "hash:ip timeout 0 family " + family
					}
				}
			}
		}
	}
	var names []string
	for n := range dims {
		names = append(names, n)
	}
	sort.Strings(names)
	script := ""
	for _, n := range names {
		script += fmt.Sprintf("ipset create %s %s && ", n, dims[n])
	}
	return script
}

func checkReload(t *testing.T, tables []nf.Table, f packet.Family, b nf.Backend) {
	t.Helper()
	text, err := Write(tables, f, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := reload(toolFor(f, b), text, setsFor(tables))
	if err != nil {
		if missing(err) {
			t.Skipf("the kernel or the tools lack a module: %v", err)
		}
		t.Fatalf("%v\n%s", err, text)
	}
	saved, diags := Parse("save", out, Options{Family: f, Backend: b})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	got, want := comparable(saved), comparable(tables)
	for key := range want {
		if !reflect.DeepEqual(got[key], want[key]) {
			t.Errorf("%s:\nkernel %+v\nwant   %+v", key, got[key], want[key])
		}
	}
}

// missing reports whether an error comes from an extension that the machine does
// not have.
func missing(err error) bool {
	for _, s := range []string{"Couldn't load match", "No chain/target/match by that name", "not supported", "missing kernel module", "Extension "} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

func TestKernel_RowsComeBackEqual(t *testing.T) {
	needKernel(t, "unshare", "iptables-legacy-restore", "iptables-nft-restore", "ipset")
	for _, b := range []nf.Backend{nf.IptablesLegacy, nf.IptablesNFT} {
		for _, r := range rows {
			t.Run(b.String()+"/"+r.text, func(t *testing.T) {
				if _, acct := r.body[0].(nf.MatchNFAcct); acct {
					t.Skip("needs an accounting object, which no installed tool makes")
				}
				checkReload(t, rowTables(r, b), packet.IPv4, b)
			})
		}
	}
}

// rowTables puts a row's rule into a table and chain where the kernel takes it.
func rowTables(r row, b nf.Backend) []nf.Table {
	tb, from := nf.TableName("filter"), nf.ChainName("INPUT")
	for _, s := range r.body {
		switch m := s.(type) {
		case nf.NAT:
			tb, from = "nat", "PREROUTING"
			if m.Kind == nf.Masquerade || m.Kind == nf.SNAT {
				from = "POSTROUTING"
			}
		case nf.NoTrack:
			tb, from = "raw", "PREROUTING"
		case nf.MatchRPFilter:
			tb, from = "mangle", "PREROUTING"
		case nf.SetMark, nf.SetCtMark, nf.SetDSCP, nf.OpaqueTarget, nf.Inert:
			tb, from = "mangle", "OUTPUT"
		case nf.OpaqueMatch, nf.MatchIface, nf.MatchAddrType:
			if tb == "filter" {
				from = "FORWARD"
			}
		}
	}
	base, _ := nf.IptablesBase(tb, from)
	return []nf.Table{{Family: nf.FamilyIP, Name: tb, Backend: b, Chains: []nf.Chain{
		{Name: from, Base: &base, Rules: []nf.Rule{{Body: []nf.Stmt{nf.Jump{Chain: "r"}}}}},
		{Name: "c"}, {Name: "r", Rules: []nf.Rule{{Body: r.body}}},
	}}}
}

func TestKernel_CapturesComeBackEqual(t *testing.T) {
	needKernel(t, "unshare", "iptables-legacy-restore", "ip6tables-legacy-restore", "ipset")
	for name, text := range captures(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ts, _ := Parse(name, text, Options{})
			dropNFAcct(ts)
			checkReload(t, ts, famOf(ts[0]), ts[0].Backend)
		})
	}
}

// dropNFAcct takes out the matches that refer to accounting objects, which no
// installed tool makes.
func dropNFAcct(tables []nf.Table) {
	for _, t := range tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				r := &c.Rules[i]
				r.Body = slices.DeleteFunc(r.Body, func(s nf.Stmt) bool {
					_, acct := s.(nf.MatchNFAcct)
					return acct
				})
			}
		}
	}
}
