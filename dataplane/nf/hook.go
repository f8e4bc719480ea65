package nf

// Hook is a point in the packet path where netfilter calls registered functions
// (enum nf_inet_hooks in include/uapi/linux/netfilter.h):
//
//	        ┌──────────┐   route   ┌───────┐
//	in ───▶ PREROUTING ───┬──────▶ FORWARD ──┬──▶ POSTROUTING ──▶ out
//	                      ▼                  │
//	                  LOCAL_IN           (re-)route
//	                      ▼                  ▲
//	                   process ──────▶ LOCAL_OUT
type Hook uint8

// The hooks; values are the kernel's NF_INET_ numbers plus one, so that zero is
// "no hook".
const (
	PreRouting Hook = iota + 1
	LocalIn
	Forward
	LocalOut
	PostRouting
	Ingress
	Egress
)

// String returns the hook's name as iptables spells it: PREROUTING, INPUT,
// FORWARD, OUTPUT, POSTROUTING.
func (h Hook) String() string {
	switch h {
	case PreRouting:
		return "PREROUTING"
	case LocalIn:
		return "INPUT"
	case Forward:
		return "FORWARD"
	case LocalOut:
		return "OUTPUT"
	case PostRouting:
		return "POSTROUTING"
	case Ingress:
		return "INGRESS"
	case Egress:
		return "EGRESS"
	}
	return "HOOK?"
}

// The priorities of include/uapi/linux/netfilter_ipv4.h (IPv6 has the same).
// Lower runs first.
const (
	PriRawBeforeDefrag int32 = -450 // NF_IP_PRI_RAW_BEFORE_DEFRAG
	PriConntrackDefrag int32 = -400 // NF_IP_PRI_CONNTRACK_DEFRAG
	PriRaw             int32 = -300 // NF_IP_PRI_RAW
	PriConntrack       int32 = -200 // NF_IP_PRI_CONNTRACK
	PriMangle          int32 = -150 // NF_IP_PRI_MANGLE
	PriNATDst          int32 = -100 // NF_IP_PRI_NAT_DST
	PriFilter          int32 = 0    // NF_IP_PRI_FILTER
	PriSecurity        int32 = 50   // NF_IP_PRI_SECURITY
	PriNATSrc          int32 = 100  // NF_IP_PRI_NAT_SRC
	PriConfirm         int32 = 1<<31 - 1
)

// builtin is one base chain that an iptables table brings with it.
type builtin struct {
	table    TableName
	chain    ChainName
	hook     Hook
	priority int32
	typ      ChainType
}

// builtins are the base chains of the iptables tables, in the order in which
// iptables-save prints them (packet_mangler, packet_raw, packet_filter,
// iptable_nat and iptable_security in net/ipv4/netfilter).
var builtins = []builtin{
	{"raw", "PREROUTING", PreRouting, PriRaw, TypeFilter},
	{"raw", "OUTPUT", LocalOut, PriRaw, TypeFilter},
	{"mangle", "PREROUTING", PreRouting, PriMangle, TypeFilter},
	{"mangle", "INPUT", LocalIn, PriMangle, TypeFilter},
	{"mangle", "FORWARD", Forward, PriMangle, TypeFilter},
	{"mangle", "OUTPUT", LocalOut, PriMangle, TypeRoute},
	{"mangle", "POSTROUTING", PostRouting, PriMangle, TypeFilter},
	{"nat", "PREROUTING", PreRouting, PriNATDst, TypeNAT},
	{"nat", "INPUT", LocalIn, PriNATSrc, TypeNAT},
	{"nat", "OUTPUT", LocalOut, PriNATDst, TypeNAT},
	{"nat", "POSTROUTING", PostRouting, PriNATSrc, TypeNAT},
	{"filter", "INPUT", LocalIn, PriFilter, TypeFilter},
	{"filter", "FORWARD", Forward, PriFilter, TypeFilter},
	{"filter", "OUTPUT", LocalOut, PriFilter, TypeFilter},
	{"security", "INPUT", LocalIn, PriSecurity, TypeFilter},
	{"security", "FORWARD", Forward, PriSecurity, TypeFilter},
	{"security", "OUTPUT", LocalOut, PriSecurity, TypeFilter},
}

// IptablesBase returns the base of an iptables table's built-in chain (policy
// accept), and false when the table has no built-in chain of that name.
func IptablesBase(t TableName, c ChainName) (Base, bool) {
	for _, b := range builtins {
		if b.table == t && b.chain == c {
			return Base{Type: b.typ, Hook: b.hook, Priority: b.priority, Policy: PolicyAccept}, true
		}
	}
	return Base{}, false
}

// IptablesBuiltins returns the names of the built-in chains of an iptables
// table in the order in which iptables-save prints them; nil for an unknown
// table.
func IptablesBuiltins(t TableName) []ChainName {
	var names []ChainName
	for _, b := range builtins {
		if b.table == t {
			names = append(names, b.chain)
		}
	}
	return names
}
