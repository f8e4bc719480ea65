// Command tortie compiles and simulates Calico network policy: it walks packets
// through the tables, chains and IP sets of a node to a verdict with its whole
// path. This package holds flags, files and exit codes only; see
// ARCHITECTURE.md for where the work is done.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitFine     = 0
	exitFindings = 1 // findings or failed expectations
	exitUsage    = 2 // usage or unreadable input
	exitInternal = 3
)

// exitError ends the program with a code; an empty text prints nothing more.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...)}
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300) // a short run over much input: a fifth less time for twice the memory
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "tortie: internal error: %v\n", r)
			code = exitInternal
		}
	}()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitFine
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitUsage, err.Error()} // cobra's own: unknown flag or command
	}
	if exit.text != "" {
		fmt.Fprintf(stderr, "tortie: %s\n", exit.text)
	}
	return exit.code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "tortie",
		Short:         "Compile and simulate Calico network policy, exactly",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	registerColor(root)
	root.AddCommand(newCompile(), newTrace(), newReplay(), newRender())
	root.AddCommand(newValidate(), newExplain())
	return root
}
