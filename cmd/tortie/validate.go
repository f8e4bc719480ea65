package main

import (
	"fmt"
	"strings"

	"tortie/compiler/check"
	"tortie/compiler/diag"

	"github.com/spf13/cobra"
)

// validateFlags are the flags of tortie validate.
type validateFlags struct {
	input      inputFlags
	output     string
	strict     bool
	errorsOnly bool
}

func newValidate() *cobra.Command {
	var v validateFlags
	cmd := &cobra.Command{
		Use:   "validate -f FILE…",
		Short: "Find what is wrong with objects before they are applied",
		Long: `Find what an API server with Calico's resource definitions or Calico's own
validator refuses (errors), and what both accept though it is surely not meant
(warnings), each with its place and what to do about it. What is accepted and
then stops Felix or makes it fail is found too, in all policies and settings,
whether an endpoint has them or not: an error where Felix does not start at all,
else a warning, since Felix goes on in its other dataplane (--strict counts it).

Exit code 0: no errors; 1: errors (with --strict also warnings); 2: the input
cannot be opened.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&v.input.filenames, "filename", "f", nil, "file or folder of Calico and Kubernetes objects, or - for standard input (repeatable)")
	f.BoolVar(&v.input.lenient, "lenient", false, "unknown fields are warnings")
	f.BoolVar(&v.input.stored, "stored", false, "policies without types are as stored in a cluster: they govern both directions")
	f.StringArrayVar(&v.input.felixEnv, "felix-env", nil, "KEY=VALUE of Felix's environment, as FELIX_LOGPREFIX=x (repeatable)")
	f.StringVar(&v.input.dataplane, "dataplane", "", "iptables or nftables, whatever the configuration says")
	f.StringVarP(&v.output, "output", "o", "text", "text or json")
	f.BoolVar(&v.strict, "strict", false, "exit with 1 for warnings too")
	f.BoolVar(&v.errorsOnly, "errors-only", false, "leave warnings out")
	return cmd
}

func (v *validateFlags) run(cmd *cobra.Command) error {
	if v.output != "text" && v.output != "json" {
		return usageError("--output %q is neither text nor json", v.output)
	}
	if len(v.input.filenames) == 0 {
		return usageError("no input: give -f FILE")
	}
	l := &loaded{texts: map[string][]byte{}}
	if err := v.input.readObjects(cmd, l); err != nil {
		return err
	}
	l.findings = append(l.findings, l.named(check.Run(l.snapshot, check.Options{ErrorsOnly: v.errorsOnly, Lenient: v.input.lenient}))...)
	if err := v.felix(l); err != nil {
		return err
	}
	if v.errorsOnly {
		l.findings = onlyErrors(l.findings)
	}
	l.findings.Sort()
	if err := v.write(cmd, l); err != nil {
		return err
	}
	if l.findings.HasErrors() || v.strict && count(l.findings, diag.Warning) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// felix adds what Felix does not start with or breaks on.
func (v *validateFlags) felix(l *loaded) error {
	known := l.findings
	l.findings = nil
	if err := v.input.newLinker(l); err != nil {
		return err
	}
	l.findings = append(known, check.Beyond(l.snapshot, known, l.named(append(l.findings, l.linker.Problems()...)))...)
	return nil
}

// write writes the findings, and for people a line that counts them.
func (v *validateFlags) write(cmd *cobra.Command, l *loaded) error {
	out := cmd.OutOrStdout()
	if v.output == "json" {
		return l.findings.WriteJSON(out)
	}
	l.writeFindings(cmd, out, 0)
	_, err := fmt.Fprintf(out, "%s, %s\n",
		plural(count(l.findings, diag.Error), "error"), plural(count(l.findings, diag.Warning), "warning"))
	return err
}

func onlyErrors(l diag.List) diag.List {
	var out diag.List
	for _, f := range l {
		if f.Severity == diag.Error {
			out.Add(f)
		}
	}
	return out
}

func count(l diag.List, s diag.Severity) int {
	n := 0
	for _, f := range l {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if stem, ok := strings.CutSuffix(word, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
