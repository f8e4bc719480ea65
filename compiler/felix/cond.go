package felix

import (
	"net/netip"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// chain is one chain of one of the four layers.
type chain struct {
	name  string
	rules []rule
	// forced chains are written although nothing refers to them.
	forced bool
}

// rule is a rule before it is written for iptables or nftables. It has at most
// one action; without one it matches and does nothing.
type rule struct {
	match []cond
	// late conditions belong to the action: nftables writes them behind the
	// counter.
	late   []cond
	act    nf.Target
	origin int
	notes  []string
}

// cond is a condition that both modes can say.
type cond interface{ cond() }

type (
	// markIs holds when mark & mask == value.
	markIs struct {
		value, mask uint32
		not         bool
	}
	// ifaceIs looks at the incoming (nf.Src) or outgoing (nf.Dst) interface.
	ifaceIs struct {
		dir    nf.Dir
		name   string
		prefix bool
	}
	protoIs struct {
		proto packet.Proto
		not   bool
	}
	// netIs looks at an address.
	netIs struct {
		dir nf.Dir
		net netip.Prefix
		not bool
	}
	// inSet looks an address, or an address with its port, up in an IP set.
	inSet struct {
		dir      nf.Dir
		set      string
		withPort bool
		not      bool
	}
	// portIn looks at a port. Single stands for the one-port match of the
	// protocol itself instead of iptables' multiport.
	portIn struct {
		dir    nf.Dir
		proto  packet.Proto
		ports  []resolve.PortRange
		single bool
		not    bool
	}
	icmpIs struct {
		icmp resolve.ICMP
		not  bool
	}
	// ctIs looks at the state of the connection.
	ctIs struct{ states nf.CtState }
	// dnated asks whether the connection's destination was changed.
	dnated struct{ not bool }
	// addrLocal asks whether an address is one of the node's (of the outgoing
	// interface's if limitOut).
	addrLocal struct {
		dir      nf.Dir
		limitOut bool
		not      bool
	}
	// rpFailed holds when the way back to the source is not the incoming
	// interface.
	rpFailed struct{}
	// rateLimit is a token bucket; over turns it round.
	rateLimit struct {
		rate  uint64
		unit  nf.LimitUnit
		burst uint32
		over  bool
	}
	// connLimit holds for a new connection above the limit.
	connLimit struct{ most uint32 }
)

func (markIs) cond()    {}
func (ifaceIs) cond()   {}
func (protoIs) cond()   {}
func (netIs) cond()     {}
func (inSet) cond()     {}
func (portIn) cond()    {}
func (icmpIs) cond()    {}
func (ctIs) cond()      {}
func (dnated) cond()    {}
func (addrLocal) cond() {}
func (rpFailed) cond()  {}
func (rateLimit) cond() {}
func (connLimit) cond() {}

// The marks' conditions and actions by short names.

func bitSet(bit uint32) cond    { return markIs{value: bit, mask: bit} }
func allClear(bits uint32) cond { return markIs{mask: bits} }
func notClear(bits uint32) cond { return markIs{mask: bits, not: true} }

func setBits(bits uint32) nf.Target   { return nf.SetMark{Value: bits, Mask: bits} }
func clearBits(bits uint32) nf.Target { return nf.SetMark{Mask: bits} }
func setMasked(value, mask uint32) nf.Target {
	return nf.SetMark{Value: value, Mask: mask}
}

func jump(chain string) nf.Target          { return nf.Jump{Chain: nf.ChainName(chain)} }
func goTo(chain string) nf.Target          { return nf.Goto{Chain: nf.ChainName(chain)} }
func on(act nf.Target, match ...cond) rule { return rule{match: match, act: act} }

// direction is ingress or egress, seen from the endpoint.
type direction uint8

const (
	ingress direction = iota + 1
	egress
)

// String returns "ingress" or "egress".
func (d direction) String() string {
	if d == egress {
		return "egress"
	}
	return "ingress"
}

func (d direction) policyPrefix() string {
	if d == egress {
		return "cali-po-"
	}
	return "cali-pi-"
}

func (d direction) profilePrefix() string {
	if d == egress {
		return "cali-pro-"
	}
	return "cali-pri-"
}

// of picks the tier's policies of the direction.
func (d direction) of(t resolve.Tier) []resolve.PolicyID {
	if d == egress {
		return t.Egress
	}
	return t.Ingress
}
