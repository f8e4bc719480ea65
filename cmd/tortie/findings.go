package main

import (
	"fmt"
	"io"

	"tortie/compiler/diag"

	"github.com/spf13/cobra"
)

// source yields the text of an input file for excerpts.
func (l *loaded) source(file string) []byte { return l.texts[file] }

// writeFindings writes the findings for a person, at most limit of them (0 is
// all).
func (l *loaded) writeFindings(cmd *cobra.Command, w io.Writer, limit int) {
	l.findings.WriteText(w, diag.TextOptions{Source: l.source, Limit: limit, Color: wantsColor(cmd, w)})
}

// report writes the findings to stderr and fails when one is an error.
func (l *loaded) report(cmd *cobra.Command) error {
	l.findings.Sort()
	l.writeFindings(cmd, cmd.ErrOrStderr(), 50)
	if e := l.failure("nothing was done"); e != nil {
		return e
	}
	return nil
}

// failure is what a command ends with when a finding is an error, nil else: how
// many there are, and in which of the files.
func (l *loaded) failure(then string) *exitError {
	errors := count(l.findings, diag.Error)
	if errors == 0 {
		return nil
	}
	files := map[string]bool{}
	name, all := "", len(l.texts)
	if l.compiled != nil {
		all-- // what was compiled is no file
	}
	for _, f := range l.findings {
		if f.Severity == diag.Error && f.Span.File != "" {
			name = f.Span.File
			files[name] = true
		}
	}
	where := ""
	switch {
	case len(files) == 1 && all == 1:
		where = " in " + name
	case len(files) == 1:
		where = fmt.Sprintf(" in %s (of %d files)", name, all)
	case len(files) > 1:
		where = fmt.Sprintf(" in %d of %d files", len(files), all)
	}
	return &exitError{exitUsage, fmt.Sprintf("%s%s; %s", plural(errors, "error"), where, then)}
}
