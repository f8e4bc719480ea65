package nf

import (
	"reflect"
	"slices"
)

// Continues reports whether the set, loaded in old's place, goes on as old: its elements
// are made of the same parts and it was made with the same ones. Then those that rules
// have added since stay, each with the time that it has left; new ones get the set's
// own timeout.
func (s *Set) Continues(old *Set) bool {
	return s.Type == old.Type && s.Family == old.Family && slices.Equal(s.Key, old.Key) && slices.Equal(s.Map, old.Map) &&
		s.Interval == old.Interval && s.Constant == old.Constant && s.Dynamic == old.Dynamic && s.HasTimeout == old.HasTimeout &&
		s.AutoMerge == old.AutoMerge && slices.Equal(s.Options, old.Options) && slices.EqualFunc(s.Elements, old.Elements, sameElement)
}

func sameElement(a, b Element) bool {
	a.Origin, b.Origin, a.Packets, b.Packets, a.Bytes, b.Bytes = 0, 0, 0, 0, 0, 0
	return reflect.DeepEqual(a, b)
}

func sameSet(a, b Set) bool {
	return a.Name == b.Name && a.Timeout == b.Timeout && a.GCPeriod == b.GCPeriod && a.Size == b.Size && a.Comment == b.Comment && a.Continues(&b)
}

// Same reports whether the kernel makes the same of both tables. Where rules come from and
// what they have counted does not matter.
func (t *Table) Same(old *Table) bool {
	return t.Family == old.Family && t.Name == old.Name && t.Backend == old.Backend && t.Dormant == old.Dormant && t.Comment == old.Comment &&
		slices.Equal(t.Opaque, old.Opaque) && slices.EqualFunc(t.Sets, old.Sets, sameSet) && slices.EqualFunc(t.Chains, old.Chains, sameChain)
}

func sameChain(a, b Chain) bool {
	return a.Name == b.Name && a.Comment == b.Comment && reflect.DeepEqual(a.Base, b.Base) && slices.EqualFunc(a.Rules, b.Rules, sameRule)
}

func sameRule(a, b Rule) bool {
	return slices.Equal(a.Comments, b.Comments) && reflect.DeepEqual(a.Body, b.Body)
}

// Emptied is the table of iptables as it was before anybody touched it: its base chains,
// without rules, accept.
func (t *Table) Emptied() *Table {
	out := &Table{Family: t.Family, Name: t.Name, Backend: t.Backend}
	for _, c := range t.Chains {
		if c.Base != nil {
			base := *c.Base
			base.Policy = PolicyAccept
			out.Chains = append(out.Chains, Chain{Name: c.Name, Base: &base})
		}
	}
	return out
}
