// Package eval evaluates netfilter rules on one packet: a Ruleset is compiled
// once into an Engine, and Run walks one base chain for a packet.
//
// In goes a packet with its hook, interfaces and connection (Context); out
// comes the chain's verdict, the rule that decided, and what NAT asked for
// (Result). Changes of mark, connection mark, DSCP and NOTRACK are applied to
// the Context as the rules are walked. Both languages are evaluated with their
// own semantics: iptables' left-to-right matches with side effects, RETURN and
// goto of ipt_do_table (net/ipv4/netfilter/ip_tables.c), nftables' NFT_BREAK of
// nft_do_chain (net/netfilter/nf_tables_core.c), and ipset's look-ups
// (net/netfilter/ipset).
//
// The package does not order hooks against connection tracking, does not apply
// NAT and builds no answers; simulator/walk does. It knows no routing: address
// types and reverse paths come from the Lookups of the Context.
//
// Matches have three values. What is not modelled or not known ends the chain
// with Unknown and names the rule, unless the Context explores. Chance
// (statistic, numgen random) is the caller's: Context.Choose.
//
// Invariants: an Engine is immutable after New and may be shared; what rules
// remember between packets is in State. Run allocates nothing when Context.Rec
// is nil. No input panics: rules that name missing chains or sets evaluate to
// Unknown.
package eval
