package main

import (
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/lower"

	"github.com/spf13/cobra"
)

// compileFlags are the flags of tortie compile.
type compileFlags struct {
	input     inputFlags
	output    string
	outputDir string
	explain   bool
	hosts     bool
	lift      bool
}

func newCompile() *cobra.Command {
	c := &compileFlags{}
	cmd := &cobra.Command{
		Use:   "compile -f INTENT… [-f CLUSTER…]",
		Short: "Compile intent to Calico's objects",
		Long: `Compile documents of kind Intent to the Calico objects that enforce them:
tiers, policies, network sets. Objects of a cluster in the input are not written;
they tell the compiler which tiers, networks and host endpoints there are.

Exit code 0: compiled; 1: the intent has errors; 2: the input cannot be read, or a
server would refuse objects of the cluster.`,
		Example: "  tortie compile -f intent.yaml\n" +
			"  tortie compile -f intents/ -f cluster/ --output-dir policies/\n" +
			"  tortie compile -f intent.yaml --explain\n" +
			"  tortie compile --reverse -f policies/ -f cluster/ > intents.yaml",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&c.input.filenames, "filename", "f", nil, "file or folder of intents and of the cluster's objects, or - for standard input (repeatable)")
	f.BoolVar(&c.input.lenient, "lenient", false, "unknown fields of the cluster's objects are warnings")
	f.StringVarP(&c.output, "output", "o", "yaml", "yaml or json")
	f.StringVar(&c.outputDir, "output-dir", "", "write one file per object into this folder, and take away those that the same intents made before and make no more")
	f.BoolVar(&c.explain, "explain", false, "say which line of intent became which rule, instead of the objects")
	f.BoolVar(&c.lift, "reverse", false, "write the policies of the input as intents; what the language cannot say is raw, or stays as it is")
	f.BoolVar(&c.hosts, "host-endpoints", false, "write host endpoints for nodes whose labels fit a party that has none")
	return cmd
}

func (c *compileFlags) run(cmd *cobra.Command) error {
	switch {
	case c.output != "yaml" && c.output != "json":
		return usageError("-o %q is neither yaml nor json", c.output)
	case c.explain && c.outputDir != "":
		return usageError("--explain and --output-dir exclude each other")
	case len(c.input.filenames) == 0:
		return usageError("no input: give -f FILE")
	}
	l := &loaded{texts: map[string][]byte{}, lower: lower.Options{HostEndpoints: c.hosts}}
	if err := c.input.readObjects(cmd, l); err != nil {
		return err
	}
	c.input.refuse(l)
	l.findings.Sort()
	l.writeFindings(cmd, cmd.ErrOrStderr(), 0)
	if e := l.failure("nothing was compiled"); e != nil {
		if l.onlyIntents() {
			e.code = exitFindings
		}
		return e
	}
	switch {
	case c.lift:
		return c.reverse(cmd, l)
	case l.compiled == nil:
		return usageError("the input has no documents of kind Intent (apiVersion tortie.dev/v1)")
	case c.explain:
		return internal(l.compiled.Explain(cmd.OutOrStdout()))
	case c.outputDir != "":
		return c.writeDir(cmd.ErrOrStderr(), l.compiled)
	case c.output == "json":
		return internal(l.compiled.WriteJSON(cmd.OutOrStdout()))
	}
	return internal(l.compiled.WriteYAML(cmd.OutOrStdout()))
}

// onlyIntents says that all errors are about what intents say.
func (l *loaded) onlyIntents() bool {
	return !slices.ContainsFunc(l.findings, func(f diag.Finding) bool {
		return f.Severity == diag.Error && !strings.HasPrefix(f.Code, "intent/") && !l.inIntent(f.Span)
	})
}

// inIntent says that a place is in an intent.
func (l *loaded) inIntent(at diag.Span) bool {
	for _, o := range l.snapshot.Others {
		if s := o.Node.Span; intent.IsIntent(o.Node) && s.File == at.File && s.Start.Byte <= at.Start.Byte && at.Start.Byte < s.End.Byte {
			return true
		}
	}
	return false
}

func internal(err error) error {
	if err != nil {
		return &exitError{exitInternal, err.Error()}
	}
	return nil
}
