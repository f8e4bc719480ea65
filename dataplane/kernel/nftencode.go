package kernel

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

// LoadNFT adds nftables tables to the namespace by netlink, in one transaction.
// A rule, set or chain that cannot be said by netlink is an error that names it,
// and then nothing is loaded.
func LoadNFT(ns *netns.NS, tables []nf.Table) error {
	list, err := encodeNFT(fresh(tables), linkIndex(ns))
	if err != nil {
		return err
	}
	return sendNFT(ns, list)
}

// fresh are tables that come in nobody's place.
func fresh(tables []nf.Table) []change {
	out := make([]change, len(tables))
	for i := range tables {
		out[i].now = &tables[i]
	}
	return out
}

// encodeNFT writes the requests that make tables, or make them of those that are
// there: in each first the chains, then the sets with their elements, then the rules,
// because each may name those before it. Index yields the number of an interface.
func encodeNFT(changes []change, index func(string) (uint32, error)) ([]nftMessage, error) {
	e := &nftEncoder{index: index}
	for _, c := range changes {
		e.table = c.now
		for _, r := range c.removals() {
			e.remove(r)
		}
		e.tableMessages(c.filled())
	}
	return e.list, errors.Join(e.errs...)
}

// nftEncoder collects requests, and what cannot be said.
type nftEncoder struct {
	list  []nftMessage
	errs  []error
	index func(string) (uint32, error)
	table *nf.Table
	setID uint32
}

// send adds a request about an object of the table.
func (e *nftEncoder) send(kind, flags uint16, about string, parts ...[]byte) {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	about = fmt.Sprintf("table %s %s%s", e.table.Family, e.table.Name, about)
	e.list = append(e.list, nftMessage{kind: kind, flags: flags, family: uint8(e.table.Family), body: body, about: about})
}

func (e *nftEncoder) fail(about string, err error) {
	e.errs = append(e.errs, fmt.Errorf("table %s %s%s: %w", e.table.Family, e.table.Name, about, err))
}

func (e *nftEncoder) tableMessages(t *nf.Table) {
	e.table = t
	if t.Backend != nf.NFTables {
		e.fail("", fmt.Errorf("%s, not nftables", t.Backend))
		return
	}
	for _, o := range t.Opaque {
		e.fail("", fmt.Errorf("not modelled: %s", strings.SplitN(o, "\n", 2)[0]))
	}
	parts := [][]byte{cstring(unix.NFTA_TABLE_NAME, string(t.Name)), be32(unix.NFTA_TABLE_FLAGS, tableFlags(t))}
	e.send(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, "", append(parts, e.comment(nftaTableUserdata, 0, "", t.Comment)...)...)
	for i := range t.Chains {
		e.chain(&t.Chains[i])
	}
	for i := range t.Sets {
		e.namedSet(&t.Sets[i])
	}
	for i := range t.Chains {
		for j := range t.Chains[i].Rules {
			e.rule(&t.Chains[i], j)
		}
	}
}

// tableFlags are the flags of a table: dormant is NFT_TABLE_F_DORMANT.
func tableFlags(t *nf.Table) uint32 {
	if t.Dormant {
		return 1
	}
	return 0
}

// comment is the attribute with a comment, or nothing.
func (e *nftEncoder) comment(attr uint16, kind uint8, about, s string) [][]byte {
	if s == "" {
		return nil
	}
	if len(s) > maxComment {
		e.fail(about, fmt.Errorf("the comment has more than %d bytes", maxComment))
		return nil
	}
	return [][]byte{attribute(attr, commentData(kind, s))}
}

func (e *nftEncoder) chain(c *nf.Chain) {
	about := " chain " + string(c.Name)
	parts := [][]byte{cstring(unix.NFTA_CHAIN_TABLE, string(e.table.Name)), cstring(unix.NFTA_CHAIN_NAME, string(c.Name))}
	if c.Base != nil {
		base, err := baseParts(c.Base, e.table.Family)
		if err != nil {
			e.fail(about, err)
			return
		}
		parts = append(parts, base...)
	}
	parts = append(parts, e.comment(nftaChainUserdata, 0, about, c.Comment)...)
	e.send(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, about, parts...)
}

// baseParts are hook, policy and type of a base chain.
func baseParts(b *nf.Base, fam nf.Family) ([][]byte, error) {
	number, err := hookNumber(b.Hook, fam)
	if err != nil {
		return nil, err
	}
	policies := map[nf.Policy]uint32{nf.PolicyDrop: 0, nf.PolicyAccept: 1}
	policy, ok := policies[b.Policy]
	if !ok || b.Type < nf.TypeFilter || b.Type > nf.TypeRoute {
		return nil, fmt.Errorf("base chain of type %s and policy %s", b.Type, b.Policy)
	}
	hook := [][]byte{be32(unix.NFTA_HOOK_HOOKNUM, number), be32(unix.NFTA_HOOK_PRIORITY, uint32(b.Priority))}
	if devs := b.Devices; len(devs) == 1 {
		hook = append(hook, cstring(unix.NFTA_HOOK_DEV, devs[0]))
	} else if len(devs) > 1 {
		var names [][]byte
		for _, d := range devs {
			names = append(names, cstring(nftaDeviceName, d))
		}
		hook = append(hook, nested(nftaHookDevs, names...))
	}
	return [][]byte{nested(unix.NFTA_CHAIN_HOOK, hook...), be32(unix.NFTA_CHAIN_POLICY, policy), cstring(unix.NFTA_CHAIN_TYPE, b.Type.String())}, nil
}

// hookNumber is the kernel's number of a hook in a family.
func hookNumber(h nf.Hook, fam nf.Family) (uint32, error) {
	numbers := map[nf.Hook]uint32{nf.PreRouting: 0, nf.LocalIn: 1, nf.Forward: 2, nf.LocalOut: 3, nf.PostRouting: 4}
	switch fam {
	case nf.FamilyInet:
		numbers[nf.Ingress] = 5
	case nf.FamilyARP:
		numbers = map[nf.Hook]uint32{nf.LocalIn: 0, nf.LocalOut: 1}
	case nf.FamilyNetdev:
		numbers = map[nf.Hook]uint32{nf.Ingress: 0, nf.Egress: 1}
	}
	n, ok := numbers[h]
	if !ok {
		return 0, fmt.Errorf("no hook %s in family %s", h, fam)
	}
	return n, nil
}

func (e *nftEncoder) rule(c *nf.Chain, i int) {
	about := fmt.Sprintf(" chain %s rule %d", c.Name, i+1)
	r := &ruleEncoder{e: e, about: about, fam: e.table.Family}
	for _, s := range c.Rules[i].Body {
		if err := r.stmt(s); err != nil {
			e.fail(about, err)
			return
		}
	}
	parts := [][]byte{cstring(unix.NFTA_RULE_TABLE, string(e.table.Name)), cstring(unix.NFTA_RULE_CHAIN, string(c.Name)),
		nested(unix.NFTA_RULE_EXPRESSIONS, r.exprs...)}
	parts = append(parts, e.comment(unix.NFTA_RULE_USERDATA, 0, about, strings.Join(c.Rules[i].Comments, "; "))...)
	e.send(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, about, parts...)
}
