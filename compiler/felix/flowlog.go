package felix

import (
	"fmt"

	"tortie/dataplane/nf"
)

// Flow logs: before each verdict a rule copies the packet to a netlink group,
// with a prefix that names the verdict and its policy rule. They decide nothing.

func (d direction) letter() string {
	if d == egress {
		return "E"
	}
	return "I"
}

// flowGroup is the netlink group of the direction.
func (d direction) flowGroup() uint16 {
	if d == egress {
		return 2
	}
	return 1
}

func (r *renderer) nflog(d direction, prefix string) nf.Target {
	if r.nft {
		return nf.NFLog{Group: d.flowGroup(), Prefix: prefix, Options: "snaplen 80"}
	}
	return nf.NFLog{Group: d.flowGroup(), Prefix: prefix, Options: "--nflog-size 80"}
}

// flowPrefix names a policy's or profile's rule: action, kind of owner,
// direction, index, owner.
func flowPrefix(action byte, o owner, d direction, i int) string {
	letter, id := "P", shortKind(o.kind)+"/"+o.name
	switch {
	case o.profile:
		letter, id = "R", o.name
	case o.namespace != "":
		id = shortKind(o.kind) + "/" + o.namespace + "/" + o.name
	}
	return shortFlowPrefix(fmt.Sprintf("%c%s%s%d|%s", action, letter, d.letter(), i, id))
}

func flowTierPrefix(action byte, d direction, tier string) string {
	return shortFlowPrefix(fmt.Sprintf("%cP%s|%s", action, d.letter(), tier))
}

// maxFlowPrefix is NFLOG's limit without the ending zero byte.
const maxFlowPrefix = 63

// shortFlowPrefix replaces the middle of a prefix that is too long by a hash.
func shortFlowPrefix(s string) string {
	if len(s) < maxFlowPrefix {
		return s
	}
	const keep = 10
	return s[:keep] + limited("", s, maxFlowPrefix-2*keep-1) + "_" + s[len(s)-keep:]
}
