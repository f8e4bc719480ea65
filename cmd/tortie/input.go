package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/felix"
	"tortie/compiler/intent"
	"tortie/compiler/link"
	"tortie/compiler/lower"
	"tortie/compiler/resolve"
	"tortie/dataplane/dump"
	"tortie/dataplane/host"

	"github.com/spf13/cobra"
)

// inputFlags are the flags by which every command takes its input.
type inputFlags struct {
	filenames []string
	nodeDumps []string
	nodeRules []string
	felixEnv  []string
	dataplane string
	kubeProxy string
	lenient   bool
	stored    bool
	staged    bool
	verbose   bool
	// chainless lets nodes in eBPF mode pass: the command does without chains.
	chainless bool
	// laterRules are those that the steps of a scenario put in the place of nodeRules.
	laterRules []nodeFile
}

func (in *inputFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&in.filenames, "filename", "f", nil, "file or folder of Calico and Kubernetes objects, or - for standard input (repeatable)")
	f.StringArrayVar(&in.felixEnv, "felix-env", nil, "KEY=VALUE of Felix's environment, as FELIX_LOGPREFIX=x (repeatable)")
	f.StringArrayVar(&in.nodeRules, "node-rules", nil, "NODE=FILE: rules of other programs on a modelled node, as iptables-save or nft list ruleset prints them (repeatable)")
	f.StringVar(&in.dataplane, "dataplane", "", "iptables or nftables, whatever the configuration says")
	f.StringVar(&in.kubeProxy, "kube-proxy", "", "mode of kube-proxy: iptables, nftables, ipvs or none; by default the dataplane's, if there are services")
	f.BoolVar(&in.lenient, "lenient", false, "unknown fields are warnings")
	f.BoolVar(&in.stored, "stored", false, "objects are as stored in a cluster: policies without types govern both directions, and what a validator refuses is there all the same")
	f.BoolVar(&in.staged, "staged", false, "as if staged policies were enforced")
	f.BoolVarP(&in.verbose, "verbose", "v", false, "list what was read and what was left alone")
}

func (in *inputFlags) registerNodeDump(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&in.nodeDumps, "node-dump", nil, "NODE=DIR or NODE=FILE,FILE…: captures of a real node, in place of the modelled one (repeatable)")
}

// loaded is what the input gave.
type loaded struct {
	snapshot *cluster.Snapshot
	linker   *link.Linker
	findings diag.List
	texts    map[string][]byte
	// compiled is what the intents in the input became; nil without any.
	compiled *lower.Output
	lower    lower.Options
}

// usable reads -f as readObjects does, and fails when something cannot be read or
// would be refused where it is applied.
func (in *inputFlags) usable(cmd *cobra.Command, l *loaded) error {
	if err := in.readObjects(cmd, l); err != nil {
		return err
	}
	in.refuse(l)
	if l.findings.HasErrors() {
		return l.report(cmd)
	}
	return nil
}

// refuse adds what the API server or Calico's validator refuses of the objects.
func (in *inputFlags) refuse(l *loaded) {
	if l.snapshot == nil {
		return
	}
	l.findings = append(l.findings, l.named(check.Refused(l.snapshot, check.Options{Lenient: in.lenient, Stored: in.stored}))...)
}

// readObjects reads -f into a snapshot; nil without -f.
func (in *inputFlags) readObjects(cmd *cobra.Command, l *loaded) error {
	if len(in.filenames) == 0 {
		return nil
	}
	var files []cluster.File
	for _, name := range in.filenames {
		more, err := readInput(name, cmd.InOrStdin())
		if err != nil {
			return usageError("%v", err)
		}
		files = append(files, more...)
	}
	for _, f := range files {
		l.texts[f.Name] = f.Data
	}
	in.read(l, files)
	if in.verbose {
		for _, o := range l.snapshot.Others {
			if intent.IsIntent(o.Node) {
				continue
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s %s is left alone\n", o.Span(), o.APIVersion, o.Kind)
		}
	}
	return nil
}

// read makes the snapshot of files, with what the intents among them are compiled
// to.
func (in *inputFlags) read(l *loaded, files []cluster.File) {
	opt := cluster.Options{Lenient: in.lenient, Stored: in.stored}
	var findings diag.List
	l.compiled = nil
	l.snapshot, findings = cluster.Read(files, opt)
	findings = l.addIntents(files, opt, findings)
	l.findings = append(l.findings, withoutOn(findings, l.snapshot)...)
}

// readInput reads a file, a folder's YAML and JSON files in order of their
// paths, or standard input.
func readInput(name string, stdin io.Reader) ([]cluster.File, error) {
	if name == "-" {
		data, err := io.ReadAll(stdin)
		return []cluster.File{{Name: "-", Data: data}}, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		data, err := os.ReadFile(name)
		return []cluster.File{{Name: name, Data: data}}, err
	}
	var files []cluster.File
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(p) {
		case ".yaml", ".yml", ".json":
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			files = append(files, cluster.File{Name: p, Data: data})
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .yaml, .yml or .json files", name)
	}
	return files, err
}

// newLinker makes the linker over what was read.
func (in *inputFlags) newLinker(l *loaded) error {
	opt := link.Options{Chainless: in.chainless}
	switch in.dataplane {
	case "":
	case "iptables":
		opt.Iptables = true
	case "nftables":
		opt.NFTables = true
	default:
		return usageError("--dataplane %q is neither iptables nor nftables", in.dataplane)
	}
	switch in.kubeProxy {
	case "", link.KubeProxyNone, link.KubeProxyIptables, link.KubeProxyNFTables, link.KubeProxyIPVS:
		opt.KubeProxy = in.kubeProxy
	default:
		return usageError("--kube-proxy %q is neither iptables, nftables, ipvs nor none", in.kubeProxy)
	}
	env := map[string]string{}
	for _, kv := range in.felixEnv {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return usageError("--felix-env %q is not KEY=VALUE", kv)
		}
		if !isFelixVariable(k) {
			return usageError("--felix-env %q: the names of Felix's variables begin with FELIX_; write FELIX_%s=%s", kv, strings.ToUpper(k), v)
		}
		env[k] = v
	}
	opt.Env = resolve.EnvConfig(env)
	var err error
	if opt.NodeRules, err = in.readNodeRules(l); err != nil {
		return err
	}
	if in.staged && l.enforceStaged() == 0 {
		l.findings.Add(diag.Finding{Code: "cluster/nothing-staged", Severity: diag.Note, Message: "--staged: no staged policies in the input"})
	}
	linker, findings := link.New(l.snapshot, opt)
	l.linker = linker
	l.findings = append(l.findings, l.named(withoutUntracked(findings))...)
	return in.checkNodeRules(l)
}

// isFelixVariable reports whether Felix takes a variable of its environment for a setting.
func isFelixVariable(name string) bool { return strings.HasPrefix(strings.ToUpper(name), "FELIX_") }

// loadFleet makes the fleet of all inputs: modelled nodes, and dumped ones in
// their place. only chooses the modelled nodes that are wanted; nil takes all.
func (in *inputFlags) loadFleet(cmd *cobra.Command, l *loaded, only func(*link.Linker) []host.Name) (*host.Fleet, error) {
	if len(in.filenames)+len(in.nodeDumps) == 0 {
		return nil, usageError("no input: give -f FILE or --node-dump NODE=DIR")
	}
	if err := in.usable(cmd, l); err != nil {
		return nil, err
	}
	fleet := &host.Fleet{Origins: []host.Origin{{}}}
	if l.snapshot != nil {
		if err := in.newLinker(l); err != nil {
			return nil, err
		}
		var nodes []host.Name
		if only != nil {
			nodes = only(l.linker)
		}
		f, findings, err := l.linker.Fleet(nodes)
		l.findings = append(l.findings, findings...)
		if err != nil {
			l.writeFindings(cmd, cmd.ErrOrStderr(), 50)
			return nil, unlinked(err)
		}
		fleet = f
		l.nameIntents(fleet)
	}
	dumped := map[host.Name]bool{}
	for _, d := range in.nodeDumps {
		state, findings, err := readDump(d, l.texts)
		if err != nil {
			return nil, err
		}
		if dumped[state.Name] {
			return nil, usageError("--node-dump %s: node %s is given twice; several files of one node are NODE=FILE,FILE…", d, state.Name)
		}
		dumped[state.Name] = true
		l.findings = append(l.findings, findings...)
		link.NameServices(state, fleet, l.snapshot)
		replaceHost(fleet, state)
	}
	return fleet, l.report(cmd)
}

// unlinked says why a node could not be made, and what else there is.
func unlinked(err error) error {
	if errors.Is(err, felix.ErrEBPF) {
		return usageError("%v; `tortie trace` judges connections of pods there by the policies alone", err)
	}
	return usageError("%v", err)
}

func replaceHost(f *host.Fleet, s *host.State) {
	if have := f.FindHost(s.Name); have != nil {
		*have = *s
		return
	}
	f.Hosts = append(f.Hosts, *s)
}

// readDump reads NODE=DIR or NODE=FILE,FILE….
func readDump(arg string, texts map[string][]byte) (*host.State, diag.List, error) {
	name, where, ok := strings.Cut(arg, "=")
	if !ok || name == "" || where == "" {
		return nil, nil, usageError("--node-dump %q is not NODE=DIR or NODE=FILE,FILE…", arg)
	}
	var files []dump.File
	var err error
	if info, serr := os.Stat(where); serr == nil && info.IsDir() {
		files, err = dump.Files(os.DirFS(where), nil)
		for i := range files {
			files[i].Name = filepath.Join(where, files[i].Name)
		}
	} else {
		files, err = readFiles(strings.Split(where, ","))
	}
	if err != nil {
		return nil, nil, usageError("%v", err)
	}
	if len(files) == 0 {
		return nil, nil, usageError("%s: no files", where)
	}
	for _, f := range files {
		texts[f.Name] = []byte(f.Text)
	}
	state, findings := dump.ReadFiles(files, host.Name(name))
	return state, append(findings, subFolders(where)...), nil
}

// subFolders notes the folders in a folder of captures: they are not read.
func subFolders(dir string) (out diag.List) {
	entries, _ := os.ReadDir(dir) // of a list of files there is none
	for _, e := range entries {
		if e.IsDir() {
			out.Add(diag.Finding{Code: "dump/sub-folder", Severity: diag.Note, Span: diag.Span{File: filepath.Join(dir, e.Name())},
				Message: "a folder in the folder of captures is not read"})
		}
	}
	return out
}

func readFiles(names []string) ([]dump.File, error) {
	var files []dump.File
	var failed error
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		files = append(files, dump.File{Name: n, Text: string(data)})
	}
	return files, failed
}
