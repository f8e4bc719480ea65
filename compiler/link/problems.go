package link

import (
	"errors"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/felix"
	"tortie/compiler/kubeproxy"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// fewNodes is how many nodes Problems makes one by one.
const fewNodes = 16

// Problems are the things with which Felix does not start or does not work, anywhere in
// the cluster: settings, rules of all policies whether an endpoint has them or not,
// endpoints, pools; and what kube-proxy makes of services that was hardly meant. That a rule cannot be written at all is a warning here, since a
// node in the other dataplane's mode could have it.
func (l *Linker) Problems() diag.List {
	setups, out := l.index.Setups(l.nodeOptions(&host.State{}))
	for _, s := range setups {
		state, _, _ := l.before(host.Name(s.Node)) // the empty state where there is no node
		view, findings := l.index.Everything(s, l.nodeOptions(&state))
		out = append(out, findings...)
		result, err := felix.Program(view)
		place := func(parameter string) diag.Span { return l.index.PlaceIn(s, parameter) }
		if f, ok := settingFinding(err, place); ok {
			out.Add(f)
		}
		out = append(out, problemFindings(&result, place)...)
	}
	if names := l.NodeNames(); len(names) <= fewNodes {
		for _, name := range names {
			out = append(out, l.nodeProblems(name)...)
		}
	}
	out = append(out, l.serviceProblems()...)
	for i := range out {
		if out[i].Code == "felix/breaks" {
			out[i].Severity = diag.Warning
		}
	}
	out.Sort()
	return once(out)
}

// nodeProblems are those of one node as it is.
func (l *Linker) nodeProblems(name host.Name) diag.List {
	view, ok := l.View(name)
	if !ok {
		return nil
	}
	result, err := felix.Program(view)
	if err != nil { // its setup has it
		return nil
	}
	return problemFindings(&result, func(parameter string) diag.Span { return l.index.PlaceOf(string(name), parameter) })
}

// serviceProblems are kube-proxy's notes on services, which are the same on all nodes.
func (l *Linker) serviceProblems() diag.List {
	state := host.State{Sysctls: map[string]string{}}
	made := (*kubeproxy.Result)(nil)
	if names := l.NodeNames(); len(names) > 0 {
		state, made, _ = l.before(names[0])
	}
	if made == nil {
		mode, ok := l.proxyMode(nf.IptablesNFT)
		if !ok {
			return nil
		}
		result, err := l.proxy(&state, mode, nf.IptablesNFT)
		if err != nil {
			return nil
		}
		made = &result
	}
	return l.noteFindings(made)
}

// settingFinding is the finding of a setting with which Felix does not start.
func settingFinding(err error, place func(parameter string) diag.Span) (diag.Finding, bool) {
	var bad *felix.SettingError
	if !errors.As(err, &bad) {
		return diag.Finding{}, false
	}
	f := diag.Finding{Code: "felix/bad-setting", Severity: diag.Error, Message: bad.Text, Span: place(bad.Setting),
		Hint: bad.Hint}
	if f.Span.File == "" {
		f.Message = bad.Setting + ": " + f.Message
	}
	return f, true
}

// problemFindings are what Felix's rules have problems with; place is where a
// parameter is set.
func problemFindings(r *felix.Result, place func(parameter string) diag.Span) (out diag.List) {
	for _, p := range r.Problems {
		f := diag.Finding{Code: "felix/breaks", Severity: diag.Warning, Message: p.Text, Hint: breaksHint, Span: placeOf(p.Place)}
		if o := r.Origins[p.Origin]; p.Origin != 0 {
			f.Span = placeOf(resolve.Origin{File: o.File, Line: o.Line, Col: o.Col})
		}
		if p.Setting != "" {
			f.Span = place(p.Setting)
		}
		if !strings.Contains(p.Text, "crashes") {
			f.Hint = "write it in another way; tortie explain felix/breaks"
		}
		if p.Unwritable {
			f.Severity = diag.Error
		}
		out.Add(f)
	}
	return out
}

const breaksHint = "until that is written in another way, Felix programs nothing new on the node"

func placeOf(o resolve.Origin) diag.Span {
	return diag.Span{File: o.File, Start: diag.Pos{Line: o.Line, Col: o.Col}}
}
