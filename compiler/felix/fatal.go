package felix

import "tortie/dataplane/nf"

// What follows finds REJECT where the kernel does not take it, which makes Felix
// fail: in iptables only the table filter has it, in nftables every hook but
// postrouting.

func (r *renderer) checkRejects(l *layers) {
	if !r.set.DenyReject {
		return
	}
	for _, one := range []*layer{&l.raw, &l.mangle, &l.nat} {
		for _, h := range one.hooks {
			if r.nft && h.base != "POSTROUTING" {
				continue
			}
			if one.rejectFrom(h) {
				r.badSetting(forDataplane(r.set, "filterdenyaction"), "filterDenyAction Reject: no reject is allowed in table "+string(one.name)+
					", chain "+string(h.base)+"; Felix crashes")
				return
			}
		}
	}
}

// rejectFrom reports whether a packet of the hook can come to a Reject.
func (l *layer) rejectFrom(h hooked) bool {
	only := layer{name: l.name, chains: l.chains, hooks: []hooked{h}}
	for _, c := range only.referred() {
		for i := range c.rules {
			if _, ok := c.rules[i].act.(nf.Reject); ok {
				return true
			}
		}
	}
	return false
}
