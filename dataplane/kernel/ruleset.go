package kernel

import (
	"fmt"
	"io"
	"strings"

	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// ApplyRuleset replaces IP sets and tables of the namespace by those of the rule
// set. Tables are loaded in their order, because the kernel runs the newest
// registration of a priority first.
func ApplyRuleset(ns *netns.NS, r *nf.Ruleset) error {
	if len(r.IPSets) > 0 {
		if _, err := ns.Run(string(ipset.Write(r.IPSets)), "ipset", "restore", "-exist"); err != nil {
			return err
		}
	}
	for _, group := range runs(r.Tables) {
		if err := load(ns, group); err != nil {
			return err
		}
	}
	return nil
}

// runs cuts the tables into groups that one tool loads at once.
func runs(tables []nf.Table) [][]nf.Table {
	var out [][]nf.Table
	for i, t := range tables {
		if i > 0 && together(&tables[i-1], &t) {
			out[len(out)-1] = append(out[len(out)-1], t)
			continue
		}
		out = append(out, []nf.Table{t})
	}
	return out
}

// together reports whether one tool loads both tables at once.
func together(a, b *nf.Table) bool {
	return a.Backend == b.Backend && (a.Backend == nf.NFTables || a.Family == b.Family)
}

// load loads tables of one backend. Nftables go by netlink; those that netlink cannot
// say go as text.
func load(ns *netns.NS, tables []nf.Table) error {
	by := loadText
	if tables[0].Backend == nf.NFTables {
		by = loadNFT
	}
	if err := by(ns, tables); err != nil {
		return fmt.Errorf("load %s tables: %w", tables[0].Backend, err)
	}
	return nil
}

func loadNFT(ns *netns.NS, tables []nf.Table) error {
	list, err := encodeNFT(fresh(tables), linkIndex(ns))
	if err != nil {
		return loadText(ns, tables)
	}
	return sendNFT(ns, list)
}

// loadText loads tables of one backend by its tool.
func loadText(ns *netns.NS, tables []nf.Table) error {
	text, err := Text(tables)
	if err != nil {
		return err
	}
	restore := tools(tables[0]).restore
	_, err = ns.Run(text, restore[0], restore[1:]...)
	return err
}

// Text is what the loading tool of the tables' backend reads; all of them are of
// one backend and, if it is iptables, of one family.
func Text(tables []nf.Table) (string, error) {
	var text []byte
	var err error
	if tables[0].Backend == nf.NFTables {
		text, err = nftables.Write(tables)
	} else {
		text, err = iptables.Write(tables, ipFamily(tables[0].Family), iptables.WriteOptions{})
	}
	return string(text), err
}

// tool is how one kind of table is loaded and read.
type tool struct {
	restore, save []string
}

func tools(t nf.Table) tool {
	prefix := "iptables"
	if t.Family == nf.FamilyIP6 {
		prefix = "ip6tables"
	}
	switch t.Backend {
	case nf.IptablesLegacy:
		return tool{[]string{prefix + "-legacy-restore"}, []string{prefix + "-legacy-save", "-c"}}
	case nf.IptablesNFT:
		return tool{[]string{prefix + "-nft-restore"}, []string{prefix + "-nft-save", "-c"}}
	}
	return tool{[]string{"nft", "-f", "-"}, []string{"nft", "-a", "list", "table", t.Family.String(), string(t.Name)}}
}

// ReadBack reads the rule set of the namespace with counters, and with handles
// for nftables. Backends that like does not have are not asked, because asking
// for legacy tables makes them; of nftables, the tables of like are read, not
// those that iptables-nft keeps there.
func ReadBack(ns *netns.NS, like *nf.Ruleset) (*nf.Ruleset, error) {
	out := &nf.Ruleset{}
	if len(like.IPSets) > 0 {
		text, err := ns.Run("", "ipset", "save")
		if err != nil {
			return nil, err
		}
		sets, findings := ipset.Parse("ipset save", []byte(text))
		if err := failed(findings); err != nil {
			return nil, err
		}
		out.IPSets = sets
	}
	asked := map[string]bool{}
	for _, t := range like.Tables {
		save := tools(t).save
		key := strings.Join(save, " ")
		if asked[key] {
			continue
		}
		asked[key] = true
		tables, err := read(ns, save, t)
		if err != nil {
			return nil, err
		}
		out.Tables = append(out.Tables, tables...)
	}
	return out, nil
}

func read(ns *netns.NS, save []string, t nf.Table) ([]nf.Table, error) {
	text, err := ns.Run("", save[0], save[1:]...)
	if err != nil {
		return nil, err
	}
	if t.Backend == nf.NFTables {
		tables, findings := nftables.Parse(save[0], []byte(text))
		return tables, failed(findings)
	}
	tables, findings := iptables.Parse(save[0], []byte(text), iptables.Options{Family: ipFamily(t.Family), Backend: t.Backend})
	return tables, failed(findings)
}

func ipFamily(f nf.Family) packet.Family {
	if f == nf.FamilyIP6 {
		return packet.IPv6
	}
	return packet.IPv4
}

// findings is what codecs report (a diag.List).
type findings interface {
	HasErrors() bool
	WriteJSON(io.Writer) error
}

// failed makes findings with an error among them an error.
func failed(l findings) error {
	if !l.HasErrors() {
		return nil
	}
	var text strings.Builder
	if err := l.WriteJSON(&text); err != nil {
		return err
	}
	return fmt.Errorf("read back: %s", text.String())
}
