// Package felix makes the rules that Felix v3.32 programs on one node: in
// iptables mode the raw, mangle, nat and filter tables and the IP sets, in
// nftables mode the tables calico (ip, ip6) and calico-arp. A resolve.View comes
// in; tables with chains, rules and sets come out, each rule with the policy rule
// that it was made from, and what Felix could not program.
//
// It mirrors felix/rules, the managers of felix/dataplane/linux that feed them
// (endpoints, policies, masquerade, DSCP, floating IPs, service loops, host
// addresses), and how felix/iptables and felix/nftables leave out chains that
// nothing refers to. It evaluates no selectors (compiler/resolve), makes no
// routes (compiler/routing), writes no text (dataplane/iptables,
// dataplane/nftables) and knows nothing of eBPF mode.
//
// A rule is made once, as conditions and an action that both modes share
// (cond.go), and becomes statements of package nf at the end
// (lower_iptables.go, lower_nft.go), in the form in which iptables-save and nft
// list it.
package felix
