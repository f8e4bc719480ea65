package difftest

import (
	"slices"

	"tortie/dataplane/nf"
)

// Run runs the case in the walk and in the kernel and returns what differs.
func (c *Case) Run() ([]string, error) {
	walk := c.Walk()
	kern, err := c.Kernel(walk)
	if err != nil {
		return nil, err
	}
	return c.Differences(walk, kern), nil
}

// Shrink returns a smaller case that still differs: packets and rules that do
// not matter are left out.
func (c *Case) Shrink() *Case {
	best := c.clone()
	for round := 0; round < 3; round++ {
		before := best.size()
		best = best.withoutShots()
		best = best.withoutRules()
		best = best.withoutNetwork()
		if best.size() == before {
			break
		}
	}
	return best
}

// differs reports whether walk and kernel disagree. Where the walk does not know,
// as it may once packets before are left out, they do not.
func (c *Case) differs() bool {
	if slices.ContainsFunc(c.Walk().Unknown, func(why string) bool { return why != "" }) {
		return false
	}
	d, err := c.Run()
	return err == nil && len(d) > 0
}

func (c *Case) size() int {
	return len(c.Shots) + c.rules() + len(c.Network.Rules) + len(c.Network.Routes)
}

// rules is the number of netfilter rules.
func (c *Case) rules() int {
	n := 0
	for _, t := range c.Ruleset.Tables {
		for _, ch := range t.Chains {
			n += len(ch.Rules)
		}
	}
	return n
}

func (c *Case) withoutShots() *Case {
	for i := len(c.Shots) - 1; i >= 0; i-- {
		smaller := c.clone()
		smaller.Shots = slices.Delete(smaller.Shots, i, i+1)
		if smaller.differs() {
			c = smaller
		}
	}
	return c
}

func (c *Case) withoutNetwork() *Case {
	for i := len(c.Network.Rules) - 1; i >= 0; i-- {
		if c.Network.Rules[i].Table == sideTable || c.Network.Rules[i].Table == 0 {
			smaller := c.clone()
			smaller.Network.Rules = slices.Delete(smaller.Network.Rules, i, i+1)
			if smaller.differs() {
				c = smaller
			}
		}
	}
	for i := len(c.Network.Routes) - 1; i >= 0; i-- {
		smaller := c.clone()
		smaller.Network.Routes = slices.Delete(smaller.Network.Routes, i, i+1)
		if smaller.differs() {
			c = smaller
		}
	}
	return c
}

func (c *Case) withoutRules() *Case {
	for i := range c.Ruleset.Tables {
		for j := range c.Ruleset.Tables[i].Chains {
			for k := len(c.Ruleset.Tables[i].Chains[j].Rules) - 1; k >= 0; k-- {
				smaller := c.clone()
				chain := &smaller.Ruleset.Tables[i].Chains[j]
				chain.Rules = slices.Delete(chain.Rules, k, k+1)
				if smaller.differs() {
					c = smaller
				}
			}
		}
	}
	return c
}

// clone copies what shrinking changes.
func (c *Case) clone() *Case {
	out := *c
	out.Shots = slices.Clone(c.Shots)
	out.Network.Rules, out.Network.Routes = slices.Clone(c.Network.Rules), slices.Clone(c.Network.Routes)
	out.Ruleset.Tables = slices.Clone(c.Ruleset.Tables)
	for i := range out.Ruleset.Tables {
		t := &out.Ruleset.Tables[i]
		t.Chains = append([]nf.Chain(nil), t.Chains...)
		for j := range t.Chains {
			t.Chains[j].Rules = slices.Clone(t.Chains[j].Rules)
		}
	}
	return &out
}
