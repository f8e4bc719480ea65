package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"

	"github.com/spf13/cobra"
)

// renderFlags are the flags of tortie render.
type renderFlags struct {
	in     inputFlags
	node   string
	format string
	family string
}

func newRender() *cobra.Command {
	r := &renderFlags{}
	cmd := &cobra.Command{
		Use:   "render --node NODE",
		Short: "Print the rules and sets that Felix would program on a node",
		Example: "  tortie render -f cluster/ --node node1\n" +
			"  tortie render -f cluster/ --node node1 --dataplane nftables --format nft\n" +
			"  tortie render -f cluster/ --node node1 --format ipset | ipset restore",
		Args: noArgs,
		RunE: r.run,
	}
	r.in.register(cmd)
	f := cmd.Flags()
	f.StringVar(&r.node, "node", "", "the node (may be left out when there is one)")
	f.StringVar(&r.format, "format", "", "iptables-restore, ipset, nft or json; by default what the node's dataplane speaks")
	f.StringVar(&r.family, "family", "4", "4 or 6, for iptables-restore")
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no arguments, got %q", cmd.Name(), args[0])
	}
	return nil
}

func (r *renderFlags) run(cmd *cobra.Command, _ []string) error {
	if r.family != "4" && r.family != "6" {
		return usageError("--family %q is neither 4 nor 6", r.family)
	}
	if len(r.in.filenames) == 0 {
		return usageError("no input: give -f FILE")
	}
	l := &loaded{texts: map[string][]byte{}}
	if err := r.in.usable(cmd, l); err != nil {
		return err
	}
	if err := r.in.newLinker(l); err != nil {
		return err
	}
	name, err := r.pickNode(l)
	if err != nil {
		return err
	}
	state, _, findings, err := l.linker.Node(name)
	l.findings = append(l.findings, findings...)
	if err != nil {
		l.writeFindings(cmd, cmd.ErrOrStderr(), 50)
		return unlinked(err)
	}
	if err := l.report(cmd); err != nil {
		return err
	}
	return r.write(cmd.OutOrStdout(), &state)
}

func (r *renderFlags) pickNode(l *loaded) (host.Name, error) {
	names := l.linker.NodeNames()
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	switch {
	case len(names) == 0:
		return "", usageError("no nodes in the input")
	case r.node == "" && len(names) == 1:
		return names[0], nil
	case r.node == "":
		return "", usageError("--node is missing; there is %s", strings.Join(texts, ", "))
	}
	for _, n := range names {
		if string(n) == r.node {
			return n, nil
		}
	}
	return "", usageError("no node %q; there is %s", r.node, strings.Join(texts, ", "))
}

func (r *renderFlags) write(w io.Writer, s *host.State) error {
	native := false
	for _, t := range s.Ruleset.Tables {
		native = native || !t.Backend.Iptables()
	}
	format := r.format
	if format == "" {
		format = "iptables-restore"
		if native {
			format = "nft"
		}
	}
	var out []byte
	var err error
	switch format {
	case "iptables-restore", "ipset":
		if native {
			return usageError("the node is in nftables mode: --format nft, or --dataplane iptables")
		}
		if format == "ipset" {
			out = ipset.Write(s.Ruleset.IPSets)
			break
		}
		family := packet.IPv4
		if r.family == "6" {
			family = packet.IPv6
		}
		out, err = iptables.Write(s.Ruleset.Tables, family, iptables.WriteOptions{})
	case "nft":
		if !native {
			return usageError("the node is in iptables mode: --format iptables-restore, or --dataplane nftables")
		}
		out, err = nftables.Write(s.Ruleset.Tables)
	case "json":
		out, err = json.MarshalIndent(s, "", "  ")
		out = append(out, '\n')
	default:
		return usageError("--format %q is neither iptables-restore, ipset, nft nor json", r.format)
	}
	if err != nil {
		return &exitError{exitInternal, fmt.Sprintf("writing the rules: %v", err)}
	}
	_, err = w.Write(out)
	return err
}
