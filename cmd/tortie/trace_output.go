package main

import (
	"io"
	"os"

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
	switch t.color {
	case "auto", "always", "never":
	default:
		return usageError("--color %q is neither auto, always nor never", t.color)
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
	return c.WriteText(w, trace.TextOptions{All: t.all, Color: wantsColor(t.color, w)})
}

// wantsColor says whether to paint: what --color says, else on a terminal unless
// NO_COLOR is set or the terminal is dumb.
func wantsColor(flag string, w io.Writer) bool {
	switch flag {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
