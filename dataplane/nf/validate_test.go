package nf

import (
	"strings"
	"testing"
)

func filterTable(chains ...Chain) Table {
	base, _ := IptablesBase("filter", "FORWARD")
	return Table{Family: FamilyIP, Name: "filter", Backend: IptablesNFT,
		Chains: append([]Chain{{Name: "FORWARD", Base: &base, Rules: []Rule{{Body: []Stmt{Jump{Chain: "a"}}}}}}, chains...)}
}

func chainOf(name ChainName, body ...Stmt) Chain {
	return Chain{Name: name, Rules: []Rule{{Body: body}}}
}

func TestValidate(t *testing.T) {
	deep := []Chain{}
	for c := 'a'; c < 'a'+17; c++ {
		deep = append(deep, chainOf(ChainName(c), Jump{Chain: ChainName(c + 1)}))
	}
	deep = append(deep, Chain{Name: ChainName(rune('a' + 17))})
	ports := Set{Name: "ports", Type: "hash:ip,port"}
	for _, row := range []struct {
		name   string
		chains []Chain
		want   string // part of the only problem; "" is none
	}{
		{"sound", []Chain{chainOf("a", MatchSet{Set: "ports", Dirs: []Dir{Src, Dst}}, Return{})}, ""},
		{"missing chain", nil, `no chain "a"`},
		{"loop", []Chain{chainOf("a", Jump{Chain: "b"}), chainOf("b", Goto{Chain: "a"})}, `chain "a" calls itself`},
		{"deep", deep, "18 deep"},
		{"call of a base chain", []Chain{chainOf("a"), chainOf("b", Jump{Chain: "FORWARD"})}, "base chain"},
		{"missing set", []Chain{chainOf("a", MatchSet{Set: "x", Dirs: []Dir{Src}})}, `no ipset "x"`},
		{"too few directions", []Chain{chainOf("a", MatchSet{Set: "ports", Dirs: []Dir{Src}})}, "1 directions"},
		{"long name", []Chain{chainOf("a"), chainOf(ChainName(strings.Repeat("x", 29)))}, "more than 28 bytes"},
		{"no such base", []Chain{chainOf("a"), {Name: "PREROUTING", Base: &Base{Type: TypeFilter, Hook: PreRouting}}}, "no built-in chain"},
		{"ports", []Chain{chainOf("a", MatchMultiport{Dir: Dst, Ports: make([]PortRange, 16)})}, "16 ports"},
		{"twice", []Chain{chainOf("a"), chainOf("a")}, "exists twice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rs := Ruleset{Tables: []Table{filterTable(row.chains...)}, IPSets: []Set{ports}}
			got := rs.Validate()
			switch {
			case row.want == "" && len(got) == 0:
			case row.want == "" || len(got) != 1 || !strings.Contains(got[0].Error(), row.want):
				t.Errorf("got %v, want one problem with %q", got, row.want)
			}
		})
	}
}
