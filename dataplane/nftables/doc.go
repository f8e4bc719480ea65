// Package nftables reads and writes nftables rule sets.
//
// In comes the text of "nft list ruleset" (with or without handles) or the JSON
// of "nft -j list ruleset"; out come nf.Tables and findings, and the way back:
// text that "nft -f" loads, in the spelling of nft 1.0.6 itself. What a table
// says and nf has no word for is kept verbatim (nf.OpaqueMatch, nf.OpaqueTarget,
// Table.Opaque) and reported.
//
// Tables that iptables-nft manages come back with that backend. nft shows their
// rules in part only ("xt match set"), so they are good for knowing that there are
// some; iptables-save shows them, and Write refuses them.
//
// The package does not run nft and does not evaluate rules. It reads what nft
// prints, not all that nft accepts: no variables, includes, or commands.
//
// It mirrors src/scanner.l, src/parser_bison.y and the print functions of
// src/rule.c, src/statement.c and src/datatype.c of nftables, as far as Felix
// v3.32 (felix/nftables) and kube-proxy use them.
package nftables
