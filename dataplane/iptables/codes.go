package iptables

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	const table = "*filter\n:cali-a - [0:0]\n"
	return []diag.Entry{
		{
			Code: "import/duplicate-chain", Severity: diag.Error, Title: "A chain that is declared twice",
			Text: "iptables-save declares each chain of a table once, before the rules.", Fix: "Give the output of one run.",
			Example: table + ":cali-a - [0:0]\nCOMMIT\n",
		},
		{
			Code: "import/missing-commit", Severity: diag.Error, Title: "A table that does not end",
			Text: "Each table ends with COMMIT. Without it the text was cut off, and rules may be missing.", Fix: "Capture it again.",
			Example: table,
		},
		{
			Code: "import/unknown-chain", Severity: diag.Error, Title: "A rule of a chain that is not declared",
			Text: "iptables-restore takes rules only for chains that the table declares or has by itself.", Fix: "Give the whole output, not a part of it.",
			Example: table + "-A cali-b -j ACCEPT\nCOMMIT\n",
		},
		{
			Code: "import/unknown-table", Severity: diag.Error, Title: "A table that iptables does not have",
			Text: "The tables are raw, mangle, nat, filter and security.", Fix: "Correct the line.",
			Example: "*fitler\nCOMMIT\n",
		},
		{
			Code: "import/unmodelled-match", Severity: diag.Warning, Title: "A match that is not modelled",
			Text: "The match is kept as it is written, and nobody here knows what it says: a packet that meets the rule has the verdict unknown, with the name of the rule.", Fix: "Nothing, unless the verdict is unknown; then judge this rule yourself.",
			Example: table + "-A cali-a -m quota --quota 5 -j ACCEPT\nCOMMIT\n",
		},
		{
			Code: "import/unmodelled-target", Severity: diag.Warning, Title: "A target that is not modelled",
			Text: "The target is kept as it is written, and nobody here knows what it does: a packet that the rule matches has the verdict unknown, with the name of the rule.", Fix: "Nothing, unless the verdict is unknown; then judge this rule yourself.",
			Example: table + "-A cali-a -j IDLETIMER --timeout 60 --label web\nCOMMIT\n",
		},
		{
			Code: "import/unreadable-line", Severity: diag.Error, Title: "A line that iptables-save does not print",
			Text: "The lines are *TABLE, :CHAIN POLICY [PACKETS:BYTES], rules and COMMIT.", Fix: "Give the output as it is.",
			Example: table + "allow everything\nCOMMIT\n",
		},
		{
			Code: "import/unreadable-rule", Severity: diag.Error, Title: "A rule that iptables does not take",
			Text: "An option lacks its value, or the value is none of that kind.", Fix: "See the message.",
			Example: table + "-A cali-a -s 10.0.0.300 -j ACCEPT\nCOMMIT\n",
		},
	}
}
