package main

import (
	"tortie/simulator/trace"

	"github.com/spf13/cobra"
)

// checkOutput checks the flags that say how a trace is written.
func (t *traceFlags) checkOutput() error {
	switch t.output {
	case "text", "json", "mermaid", "html":
	default:
		return usageError("-o %q is neither text, json, mermaid nor html", t.output)
	}
	return nil
}

func (t *traceFlags) write(cmd *cobra.Command, c trace.Connection) error {
	w := cmd.OutOrStdout()
	switch t.output {
	case "json":
		return c.WriteJSON(w)
	case "mermaid":
		return c.WriteMermaid(w)
	case "html":
		return c.WriteHTML(w)
	}
	return c.WriteText(w, trace.TextOptions{All: t.all, Color: wantsColor(cmd, w)})
}
