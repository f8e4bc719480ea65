package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tortie/compiler/cluster"
	"tortie/compiler/lift"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// reverse lifts the policies of the input to intents and writes them, and behind
// them the policies that stay as they are; the report goes to stderr.
func (c *compileFlags) reverse(cmd *cobra.Command, l *loaded) error {
	switch {
	case c.explain || c.hosts:
		return usageError("--reverse excludes --explain and --host-endpoints")
	case c.output != "yaml":
		return usageError("--reverse writes YAML only")
	}
	r := lift.Lift(l.snapshot)
	if len(r.Report) == 0 {
		return usageError("the input has no policies")
	}
	if err := writeReport(cmd.ErrOrStderr(), r); err != nil {
		return internal(err)
	}
	if c.outputDir == "" {
		return internal(writeLifted(cmd.OutOrStdout(), r))
	}
	return c.reverseDir(r)
}

// writeReport says what became of each policy, and in the end how many.
func writeReport(w io.Writer, r *lift.Result) error {
	count := map[string]int{}
	for _, line := range r.Report {
		count[line.Outcome]++
		text := fmt.Sprintf("%s: %s: %s", line.Span, line.Policy, line.Outcome)
		if line.Rule > 0 {
			text = fmt.Sprintf("%s: %s: %s rule %d is raw", line.Span, line.Policy, line.Direction, line.Rule)
		}
		if line.Why != "" {
			text += ": " + line.Why
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s lifted (%s raw), %d kept\n", plural(count[lift.Lifted], "policy"), plural(count[lift.Raw], "rule"), count[lift.Kept])
	return err
}

// writeLifted writes all documents.
func writeLifted(w io.Writer, r *lift.Result) error {
	for _, d := range r.Intents {
		if _, err := io.WriteString(w, "---\n"); err != nil {
			return err
		}
		if err := d.WriteYAML(w); err != nil {
			return err
		}
	}
	for _, src := range r.Kept {
		text, err := objectYAML(src)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}

// objectYAML is an object as it was read, without its comments.
func objectYAML(src cluster.Source) ([]byte, error) {
	data, err := src.Node.JSON()
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(data)
}

// reverseDir writes intents.yaml, and kept.yaml when policies were kept.
func (c *compileFlags) reverseDir(r *lift.Result) error {
	if err := os.MkdirAll(c.outputDir, 0o755); err != nil {
		return usageError("%v", err)
	}
	for name, part := range map[string]*lift.Result{"intents.yaml": {Intents: r.Intents}, "kept.yaml": {Kept: r.Kept}} {
		var b bytes.Buffer
		if err := writeLifted(&b, part); err != nil {
			return internal(err)
		}
		if b.Len() == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(c.outputDir, name), b.Bytes(), 0o644); err != nil {
			return usageError("%v", err)
		}
	}
	return nil
}
