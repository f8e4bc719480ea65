package iptables

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// matches are the match modules of the model. The comment module is read into
// the rule's comments.
var matches = map[string]module{
	"comment":   mod("--comment=1", nil),
	"tcp":       mod(portOptions+"--tcp-flags=2! --syn!", buildL4(packet.ProtoTCP)),
	"udp":       mod(portOptions, buildL4(packet.ProtoUDP)),
	"sctp":      mod(portOptions, buildL4(packet.ProtoSCTP)),
	"multiport": mod(multiportOptions, buildMultiport),
	"icmp":      mod("--icmp-type=1!", buildICMP(packet.IPv4, "--icmp-type", icmp4Names)),
	"icmp6":     mod("--icmpv6-type|--icmp6-type=1!", buildICMP(packet.IPv6, "--icmpv6-type", icmp6Names)),
	"mark":      mod("--mark=1!", buildMark),
	"connmark":  mod("--mark=1!", buildConnmark),
	"conntrack": mod(conntrackOptions, buildConntrack),
	"state":     mod("--state=1!", buildState),
	"set":       mod(setOptions, buildSet),
	"addrtype":  mod(addrTypeOptions, buildAddrType),
	"rpfilter":  mod("--loose --validmark --accept-local --invert", buildRPFilter),
	"statistic": mod(statisticOptions, buildStatistic),
	"limit":     mod("--limit=1 --limit-burst=1", buildLimit),
	"hashlimit": mod(hashLimitOptions, buildHashLimit),
	"connlimit": mod(connLimitOptions, buildConnLimit),
	"recent":    mod(recentOptions, buildRecent),
	"nfacct":    mod("--nfacct-name=1", buildNFAcct),
	"iprange":   mod("--src-range=1! --dst-range=1!", buildIPRange),
	"pkttype":   mod("--pkt-type=1!", buildPktType),
	"ttl":       mod("--ttl-eq|--ttl=1! --ttl-lt=1 --ttl-gt=1", buildTTL(false, "--ttl-")),
	"hl":        mod("--hl-eq|--hl=1! --hl-lt=1 --hl-gt=1", buildTTL(true, "--hl-")),
	"dscp":      mod("--dscp=1! --dscp-class=1!", buildDSCP),
	"length":    mod("--length=1!", buildLength),
	"physdev":   mod("--physdev-is-in! --physdev-is-out! --physdev-is-bridged!", buildPhysdev),
	"ipvs":      mod("--ipvs! --vproto=1! --vaddr=1! --vport=1!", buildIPVS),
}

// targets are the target modules of the model; ACCEPT, DROP, RETURN and chains
// are no modules.
var targets = map[string]module{
	"REJECT":     mod("--reject-with=1", buildReject),
	"MARK":       mod("--set-xmark=1 --set-mark=1 --and-mark=1 --or-mark=1 --xor-mark=1", buildSetMark),
	"CONNMARK":   mod(connmarkOptions, buildSetCtMark),
	"NOTRACK":    mod("", func(*group) (nf.Stmt, error) { return nf.NoTrack{}, nil }),
	"CT":         mod("--notrack", buildCT),
	"LOG":        mod(logOptions, buildLog),
	"NFLOG":      mod(nflogOptions, buildNFLog),
	"DNAT":       mod("--to-destination=1 --random --persistent", buildNAT(nf.DNAT)),
	"SNAT":       mod("--to-source=1 --random --random-fully --persistent", buildNAT(nf.SNAT)),
	"MASQUERADE": mod("--to-ports=1 --random --random-fully", buildNAT(nf.Masquerade)),
	"REDIRECT":   mod("--to-ports=1 --random", buildNAT(nf.Redirect)),
	"NETMAP":     mod("--to=1", buildNAT(nf.Netmap)),
	"DSCP":       mod("--set-dscp=1 --set-dscp-class=1", buildSetDSCP),
	"SET":        mod("--add-set=2 --del-set=2 --exist --timeout=1", buildSetElement),
	"TCPMSS":     mod("--set-mss=1 --clamp-mss-to-pmtu", buildInert),
	"CHECKSUM":   mod("--checksum-fill", buildInert),
	"TRACE":      mod("", buildInert),
	"CLASSIFY":   mod("--set-class=1", buildInert),
	"AUDIT":      mod("--type=1", buildInert),
}
