package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
)

// colorFlag is the name of the flag that every command has.
const colorFlag = "color"

func registerColor(root *cobra.Command) {
	root.PersistentFlags().String(colorFlag, "auto", "auto, always or never; auto is on a terminal unless NO_COLOR is set")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		switch word, _ := cmd.Flags().GetString(colorFlag); word {
		case "auto", "always", "never":
			return nil
		default:
			return usageError("--color %q is neither auto, always nor never", word)
		}
	}
}

// wantsColor says whether to paint what goes to w: what --color says, else on a
// terminal unless NO_COLOR is set or the terminal is dumb.
func wantsColor(cmd *cobra.Command, w io.Writer) bool {
	switch word, _ := cmd.Flags().GetString(colorFlag); word {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && isTerminal(w)
}

// isTerminal says whether w is a terminal that knows escape sequences.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
