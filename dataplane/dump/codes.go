package dump

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings. Those without an example
// take two captures.
func Codes() []diag.Entry {
	return []diag.Entry{
		{
			Code: "dump/duplicate", Severity: diag.Error, Title: "Two captures of the same kind",
			Text: "A node has one state; of two captures nobody knows which holds, even if they are alike today. nft's listing as text and as JSON are one kind; iptables-legacy and iptables-nft are two.", Fix: "Remove one of the two that the message names.",
		},
		{
			Code: "dump/iptables-nft-missing", Severity: diag.Error, Title: "Rules of iptables-nft that only nft shows",
			Text: "nft does not show all that such rules say, so they were left out.", Fix: "Add the output of iptables-nft-save (ip6tables-nft-save).",
			Example: "# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tdrop\n\t}\n}\n",
		},
		{
			Code: "dump/empty", Severity: diag.Note, Title: "An empty capture",
			Text: "iptables-save, nft list ruleset and ipset save print nothing where there is nothing. What an empty file is a capture of its name says: iptables, ip6tables, nft or ipset.", Fix: "Nothing, unless the node does have such rules or sets: then capture them as root.",
		},
		{
			Code: "dump/ipvs", Severity: diag.Error, Title: "A line that ipvsadm does not print",
			Text: "ipvsadm -S -n prints -A for virtual servers and -a for real ones.", Fix: "Give the output of ipvsadm -S -n.",
			Example: "-A -t 10.96.0.10:53 -s rr\n-a -t 10.96.0.10:53 -r nowhere -m -w 1\n",
		},
		{
			Code: "dump/ipvs-missing", Severity: diag.Warning, Title: "A node with IPVS whose virtual servers are not captured",
			Text: "kube-proxy balances services there by IPVS, and no chain shows it: packets to services are unknown.", Fix: "Add the output of ipvsadm -S -n.",
			Example: "4: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default\n    inet 10.96.0.10/32 scope global kube-ipvs0\n",
		},
		{
			Code: "dump/json", Severity: diag.Error, Title: "JSON that ends too early",
			Text: "The text begins as ip -j prints it and cannot be read to its end.", Fix: "Capture it again.",
			Example: "[{\"dst\":\"default\",\"dev\":\"eth0\"}]\n[{\"dst\":\n",
		},
		{
			Code: "dump/line", Severity: diag.Error, Title: "A line with a word that is not known",
			Text: "An address, a number or a keyword of a capture is none; what the rest of the line says is used where that is safe. Some such words are warnings only.", Fix: "Give the output as it is.",
			Example: "default via 192.0.2.300 dev eth0\n",
		},
		{
			Code: "dump/not-a-capture", Severity: diag.Note, Title: "A file that is no capture",
			Text: "Captures are known by their content, whatever the files are called; this one is left out.", Fix: "Nothing, unless it should have been one: then see the hint.",
			Example: "Dear reader,\n",
		},
		{
			Code: "dump/registration-order", Severity: diag.Note, Title: "iptables-legacy beside nf_tables",
			Text: "Where both have chains of one priority in one hook, the one that was registered last runs first, and captures do not say which.", Fix: "Nothing, unless their verdicts contradict.",
		},
		{
			Code: "dump/repeated", Severity: diag.Note, Title: "Routes or rules that another capture has, too",
			Text: "ip route show table all says what ip route and ip -6 route say; what is given twice counts once.", Fix: "Nothing, or leave one out.",
		},
		{
			Code: "dump/rule-order", Severity: diag.Warning, Title: "Policy routing rules out of order",
			Text: "ip rule lists rules by priority. These are used in the order of their priorities.", Fix: "Give the output of ip rule as it is, of one node.",
			Example: "0:\tfrom all lookup local\n200:\tfrom all fwmark 0x1 lookup 5\n100:\tfrom all fwmark 0x2 lookup 6\n32766:\tfrom all lookup main\n",
		},
		{
			Code: "dump/sub-folder", Severity: diag.Note, Title: "A folder among the captures",
			Text: "The captures of a node are the files of one folder; folders in it may be other nodes' and are not read.", Fix: "Move the files up, or name the folder itself.",
		},
		{
			Code: "dump/tool-message", Severity: diag.Warning, Title: "A message of the tool in the capture",
			Text: "The tool that was captured complained, so the capture may lack something.", Fix: "Capture it again, as root and with the tool's message apart.",
			Example: "default via 192.0.2.1 dev eth0\nDump terminated\n",
		},
		{
			Code: "dump/unknown-line", Severity: diag.Error, Title: "A line that belongs to no capture",
			Text: "A file may hold several captures behind each other; the line is part of none.", Fix: "Remove it, or capture it again.",
			Example: "default via 192.0.2.1 dev eth0\nand something else\n",
		},
		{
			Code: "dump/unreadable", Severity: diag.Error, Title: "A file that cannot be read",
			Text: "The file system refuses it.", Fix: "Check its name and its permissions.",
		},
	}
}
