package link

import "tortie/compiler/diag"

// Code explains a code of findings about services and nodes.
type Code struct {
	Code     string
	Severity diag.Severity
	Title    string
	Text     string
	Fix      string
}

// Codes returns the codes of this package's findings, sorted.
func Codes() []Code {
	return []Code{
		{"felix/breaks", diag.Warning, "An input with which Felix does not work",
			"Felix's own validation lets it pass, and then the kernel or the tool refuses the rule, or the rule says something else than was meant. The rules are made as far as they can be.",
			"See the message; write the rule in another way."},
		{"service/address", diag.Warning, "Something that is no address",
			"The API server refuses such a service. kube-proxy never sees it, and the address is left out here.", "Write an IPv4 or IPv6 address."},
		{"service/affinity", diag.Warning, "A time of session affinity that is out of range",
			"A client keeps its pod for 1 to 86400 seconds.", "Give timeoutSeconds in that range."},
		{"service/kube-proxy", diag.Warning, "A service that kube-proxy treats otherwise than it seems",
			"kube-proxy makes no rules for a service without clusterIP; and where two services share an address and port, chance decides which of them has it.",
			"Give the clusterIP as the cluster has it; give each service an address and port of its own."},
		{"service/port", diag.Warning, "A port that is none",
			"Ports go from 1 to 65535. The API server refuses others, and they are left out here.", "Give a port in that range."},
		{"service/proxy-mode", diag.Error, "A mode that kube-proxy does not have",
			"kube-proxy's configuration names its mode.", "Write iptables, nftables or ipvs."},
		{"service/range", diag.Warning, "A source range that is none",
			"loadBalancerSourceRanges are prefixes. The API server refuses others, and they are left out here: without any range everyone is let in.",
			"Write it as 198.51.100.0/24."},
	}
}
