package nftables

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	return []diag.Entry{
		{
			Code: codeCompat, Severity: diag.Note, Title: "A table of iptables-nft",
			Text: "nft cannot show all that the rules of such a table say; iptables-save can, and is read in its place.", Fix: "Give the output of iptables-save too.",
			Example: "# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip filter {\n}\n",
		},
		{
			Code: codeObject, Severity: diag.Warning, Title: "Something in a table that is not modelled",
			Text: "The object is kept as text; a rule that uses it has an unknown outcome.", Fix: "Nothing, unless a verdict is unknown; then judge the rule yourself.",
			Example: "table ip filter {\n\tquota month {\n\t\tover 25 mbytes\n\t}\n}\n",
		},
		{
			Code: codeStatement, Severity: diag.Warning, Title: "A statement that is not modelled",
			Text: "The statement is kept as it is written, and nobody here knows what it does: a packet that meets the rule has the verdict unknown, with the name of the rule.", Fix: "Nothing, unless the verdict is unknown; then judge this rule yourself.",
			Example: "table ip filter {\n\tchain web {\n\t\tquota over 5 mbytes drop\n\t}\n}\n",
		},
		{
			Code: codeUnreadable, Severity: diag.Error, Title: "Text that nft does not print",
			Text: "The listing cannot be read from this place on; often it was cut off.", Fix: "Capture it again: nft list ruleset, or nft -j list ruleset.",
			Example: "table ip filter {\n\tchain web {\n",
		},
	}
}
