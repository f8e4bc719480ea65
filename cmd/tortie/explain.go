package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tortie/compiler/check"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/link"
	"tortie/compiler/resolve"
	"tortie/compiler/routing"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/dump"
	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nftables"

	"github.com/spf13/cobra"
)

func newExplain() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain a finding: what it means, an example, what to do",
		Long:  "Explain the code of a finding. Without a code, list all codes.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return usageError("--output %q is neither text nor json", output)
			}
			entries := catalogue()
			if len(args) == 1 {
				e, err := findEntry(entries, args[0])
				if err != nil {
					return err
				}
				entries = []diag.Entry{e}
			}
			return writeEntries(cmd.OutOrStdout(), entries, output, len(args) == 0)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// catalogue is the entries of all codes that any command prints.
func catalogue() []diag.Entry {
	return diag.Catalogue(check.Catalogue(), intent.Codes(), link.Codes(), resolve.Codes(), routing.Codes(),
		dump.Codes(), iptables.Codes(), ipset.Codes(), nftables.Codes(), scenarioCodes)
}

// scenarioCodes explain what is found in scenarios and in the files beside them.
var scenarioCodes = []diag.Entry{
	{
		Code: "import/no-tables", Severity: diag.Error, Title: "A file of rules without any",
		Text: "--node-rules takes what iptables-save or nft list ruleset prints.", Fix: "Give such a file.",
	},
	{
		Code: "scenario/bad", Severity: diag.Error, Title: "A step or an expectation that cannot be",
		Text: "A step does one thing to a connection that an earlier step opened, and expects what that thing can have.", Fix: "See the message.",
		Example: "apiVersion: tortie.dev/v1\nkind: Scenario\nmetadata: {name: example}\nspec:\n  files: [cluster.yaml]\n  steps:\n  - send: nobody\n",
	},
	{
		Code: "scenario/other-kind", Severity: diag.Error, Title: "Something other than a Scenario",
		Text: "A file of scenarios holds documents of that kind only; objects are in files of their own, which spec.files names.", Fix: "Move the object to a file of its own.",
		Example: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
	},
}

// findEntry returns the entry of a code, which may lack the part before the
// slash if that leaves no doubt.
func findEntry(entries []diag.Entry, code string) (diag.Entry, error) {
	var short []diag.Entry
	var codes []string
	for _, e := range entries {
		if e.Code == code {
			return e, nil
		}
		_, last, _ := strings.Cut(e.Code, "/")
		if last == code {
			short = append(short, e)
		}
		codes = append(codes, e.Code, last)
	}
	if len(short) == 1 {
		return short[0], nil
	}
	if near := yamlpos.Nearest(code, codes); near != "" {
		return diag.Entry{}, usageError("no finding has the code %q; did you mean %s?", code, near)
	}
	return diag.Entry{}, usageError("no finding has the code %q; tortie explain lists all", code)
}

func writeEntries(w io.Writer, entries []diag.Entry, output string, list bool) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Schema  string       `json:"schema"`
			Entries []diag.Entry `json:"entries"`
		}{"tortie.codes/v1", entries})
	}
	for _, e := range entries {
		if list {
			fmt.Fprintf(w, "%-32s %-8s %s\n", e.Code, e.Severity, e.Title)
			continue
		}
		fmt.Fprintf(w, "%s (%s)\n\n%s.\n\n%s\n\nWhat to do: %s\n", e.Code, e.Severity, e.Title, e.Text, e.Fix)
		if e.Example != "" {
			fmt.Fprintf(w, "\nExample:\n\n    %s\n", strings.ReplaceAll(strings.TrimRight(e.Example, "\n"), "\n", "\n    "))
		}
	}
	return nil
}
