package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"tortie/compiler/check"
	"tortie/compiler/intent"
	"tortie/compiler/link"
	"tortie/compiler/yamlpos"

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
				entries = []check.Entry{e}
			}
			return writeEntries(cmd.OutOrStdout(), entries, output, len(args) == 0)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// catalogue is the entries of all codes: of objects, of intents, of services and nodes.
func catalogue() []check.Entry {
	all := check.Catalogue()
	for _, c := range intent.Codes() {
		all = append(all, check.Entry{Code: c.Code, Severity: c.Severity, Title: c.Title, Text: c.Text, Fix: c.Fix})
	}
	for _, c := range link.Codes() {
		all = append(all, check.Entry{Code: c.Code, Severity: c.Severity, Title: c.Title, Text: c.Text, Fix: c.Fix})
	}
	slices.SortFunc(all, func(a, b check.Entry) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// findEntry returns the entry of a code, which may lack the part before the
// slash if that leaves no doubt.
func findEntry(entries []check.Entry, code string) (check.Entry, error) {
	var short []check.Entry
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
		return check.Entry{}, usageError("no finding has the code %q; did you mean %s?", code, near)
	}
	return check.Entry{}, usageError("no finding has the code %q; tortie explain lists all", code)
}

func writeEntries(w io.Writer, entries []check.Entry, output string, list bool) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Schema  string        `json:"schema"`
			Entries []check.Entry `json:"entries"`
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
