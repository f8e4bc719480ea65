package kubeproxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
)

// recordedIPVS is what a kube-proxy in IPVS mode programmed: compiler/kubeproxy/
// oracle ran it with a kernel's sets and addresses and with stand-ins for
// iptables and virtual servers, which the kernel did not have.
type recordedIPVS struct {
	tables             []nf.Table
	sets               []nf.Set
	servers, addresses []string
}

func parseIPVS(t *testing.T, name string, o Options) recordedIPVS {
	t.Helper()
	parts := map[string]string{}
	for _, part := range strings.Split("\n"+string(readCompressed(t, shapesDir()+"/"+name+".gz")), "\n==> ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		parts[title] = text + "\n"
	}
	var r recordedIPVS
	tables, found := iptables.Parse(name, []byte(parts["iptables"]), iptables.Options{Backend: o.Backend, Family: o.Family})
	sets, more := ipset.Parse(name, []byte(parts["ipset"]))
	for _, f := range append(found, more...) {
		t.Fatalf("reading the recording: %v", f)
	}
	for _, table := range tables {
		if table.Name != "mangle" {
			r.tables = append(r.tables, table)
		}
	}
	r.sets = sets
	r.servers = strings.Split(strings.TrimSpace(parts["servers"]), "\n")
	r.addresses = strings.Fields(strings.ReplaceAll(parts["addresses"], " global", ""))
	return r
}

// asSaved brings rules into the order in which iptables-save prints them, header
// matches first, and takes out what differs by chance.
func asSaved(tables []nf.Table) []nf.Table {
	for t := range tables {
		for c := range tables[t].Chains {
			chain := &tables[t].Chains[c]
			if base, ok := nf.IptablesBase(tables[t].Name, chain.Name); ok {
				chain.Base = &base // kube-proxy's stand-in knows no policies
			}
			for r := range chain.Rules {
				body := chain.Rules[r].Body
				if i := slices.IndexFunc(body, isBareReject); i >= 0 {
					body[i] = nf.Reject{With: nf.RejectPortUnreach} // what iptables makes of a bare REJECT
				}
				slices.SortStableFunc(body, func(a, b nf.Stmt) int { return header(b) - header(a) })
			}
		}
	}
	return tables
}

func isBareReject(s nf.Stmt) bool { r, ok := s.(nf.Reject); return ok && r.With == nf.RejectDefault }

func header(s nf.Stmt) int {
	switch s.(type) {
	case nf.MatchAddr, nf.MatchIface:
		return 2
	case nf.MatchProto:
		return 1
	}
	return 0
}

// plainSets leaves out the options that kernel and ipset choose.
func plainSets(sets []nf.Set) []nf.Set {
	out := slices.Clone(sets)
	for i := range out {
		out[i].Options = slices.DeleteFunc(slices.Clone(out[i].Options), func(o string) bool {
			return strings.HasPrefix(o, "bucketsize") || strings.HasPrefix(o, "initval")
		})
	}
	return out
}

func serverText(v host.VirtualServer) string {
	flags := 0
	if v.Persistent != 0 {
		flags |= 1
	}
	if v.HashPort {
		flags |= 16
	}
	addr := v.Addr.String()
	if v.Addr.Is6() {
		addr = "[" + addr + "]"
	}
	text := fmt.Sprintf("%s:%d/%s %s flags %d timeout %d:", addr, v.Port, strings.ToUpper(protoName(v.Proto)), v.Scheduler, flags, v.Persistent)
	var list []string
	for _, r := range v.Servers {
		e := endpoint{addr: r.Addr, port: r.Port}
		list = append(list, fmt.Sprintf(" %s*%d", e.text(), r.Weight))
	}
	slices.Sort(list)
	return text + strings.Join(list, "")
}

// compareIPVS compares everything, and counts it.
func compareIPVS(t *testing.T, res Result, r recordedIPVS, family nf.Family) int {
	t.Helper()
	n := compareListings(t, listing(res.Ruleset.Tables, family), listing(asSaved(r.tables), family))
	got, want := map[string][]string{}, map[string][]string{}
	for _, s := range plainSets(res.Ruleset.IPSets) {
		listSet(got, s)
	}
	for _, s := range plainSets(r.sets) {
		listSet(want, s)
	}
	for _, v := range res.Servers {
		got["servers"] = append(got["servers"], serverText(v))
	}
	for _, a := range res.Bound {
		got["addresses"] = append(got["addresses"], single(a).String())
	}
	slices.Sort(got["servers"])
	slices.Sort(got["addresses"])
	slices.Sort(r.servers)
	want["servers"], want["addresses"] = r.servers, r.addresses
	return n + compareListings(t, got, want)
}
