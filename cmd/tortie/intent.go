package main

import (
	"bytes"
	"regexp"
	"slices"
	"time"

	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/lower"
	"tortie/dataplane/host"
)

// compiledName stands for the file of objects that were compiled from intents.
const compiledName = "(compiled from intent)"

// clock is today; tests set another.
var clock = time.Now

// compileIntents compiles the intents among the documents of a snapshot; nil if
// there are none. When a finding is an error, what comes out is of the parts that
// can be judged all the same, for their mistakes to be found at once.
func compileIntents(s *cluster.Snapshot, opt lower.Options) (*lower.Output, diag.List) {
	var docs []*intent.Document
	var diags diag.List
	for _, o := range s.Others {
		if !intent.IsIntent(o.Node) {
			continue
		}
		d, found := intent.Parse(o.Node)
		docs, diags = append(docs, d), append(diags, found...)
	}
	if len(docs) == 0 {
		return nil, nil
	}
	p, found := intent.Link(docs, intent.Options{Tiers: lower.Tiers(s), Today: clock().UTC().Format(time.DateOnly)})
	diags = append(diags, found...)
	if !diags.HasErrors() {
		out, found := lower.Compile(p, s, opt)
		if diags = append(diags, found...); !found.HasErrors() {
			return out, diags
		}
	}
	out, found := lower.Compile(p.Independent(), s, opt)
	return out, append(diags, lower.Certain(found, diags)...)
}

// withoutOn leaves out findings about the word on where it is a field of intents,
// those within scenarios too.
func withoutOn(l diag.List, s *cluster.Snapshot) diag.List {
	var meant []diag.Span
	for _, o := range s.Others {
		if o.APIVersion == intent.APIVersion {
			meant = append(meant, intent.Words(o.Node)...)
		}
	}
	return withoutWords(l, meant)
}

// withoutWords leaves out findings about words that look like booleans at places
// where they are no such thing.
func withoutWords(l diag.List, at []diag.Span) diag.List {
	meant := map[diag.Span]bool{}
	for _, span := range at {
		meant[span] = true
	}
	return slices.DeleteFunc(l, func(f diag.Finding) bool { return f.Code == "yaml/boolean-word" && meant[f.Span] })
}

// addIntents compiles the intents in the input and reads it again with the
// objects that come of them.
func (l *loaded) addIntents(files []cluster.File, opt cluster.Options, first diag.List) diag.List {
	out, diags := compileIntents(l.snapshot, l.lower)
	l.findings = append(l.findings, diags...)
	if out == nil {
		return first
	}
	var b bytes.Buffer
	if err := out.WriteYAML(&b); err != nil {
		return first
	}
	file := cluster.File{Name: compiledName, Data: b.Bytes()}
	opt.Instead = compiledName
	snapshot, found := cluster.Read(append(files, file), opt)
	if diags.HasErrors() {
		return append(first, mistakesInRaw(out, file, snapshot, found, opt)...)
	}
	l.compiled = out
	l.texts[compiledName] = file.Data
	l.snapshot = snapshot
	return l.named(found)
}

// mistakesInRaw are the errors in rules that were carried through, at their places
// in the intents.
func mistakesInRaw(o *lower.Output, file cluster.File, s *cluster.Snapshot, found diag.List, opt cluster.Options) diag.List {
	found = append(found, check.Refused(s, check.Options{Lenient: opt.Lenient, Stored: opt.Stored})...)
	found = slices.DeleteFunc(found, func(f diag.Finding) bool { return f.Severity != diag.Error || f.Span.File != file.Name })
	tried := loaded{compiled: o, texts: map[string][]byte{file.Name: file.Data}}
	return slices.DeleteFunc(tried.named(found), func(f diag.Finding) bool { return !o.InRaw(f.Span) })
}

// enforceStaged takes staged policies as enforced, those of intents too, and says
// how many there are.
func (l *loaded) enforceStaged() int {
	if l.compiled != nil {
		l.compiled.Enforced = true
	}
	return l.snapshot.EnforceStaged()
}

// rulePath is where a rule is in a compiled object, which nobody wrote.
var rulePath = regexp.MustCompile(`\bspec\.(ingress|egress)\[\d+\]`)

// named gives findings about compiled objects the places of the intents behind
// them.
func (l *loaded) named(found diag.List) diag.List {
	if l.compiled == nil {
		return found
	}
	var places *lower.Places
	place := func(at *diag.Span) {
		if at.File != compiledName {
			return
		}
		if places == nil {
			places = l.compiled.Places(compiledName, l.texts[compiledName])
		}
		*at = places.Intent(*at)
	}
	for i := range found {
		ours := found[i].Span.File == compiledName
		place(&found[i].Span)
		if ours && l.compiled.InRaw(found[i].Span) {
			found[i].Message = rulePath.ReplaceAllString(found[i].Message, "spec.raw.rule")
		}
		for k := range found[i].Related {
			place(&found[i].Related[k].Span)
		}
	}
	return found
}

// withoutUntracked leaves out what intent/no-untracked says of the statement.
func withoutUntracked(found diag.List) diag.List {
	return slices.DeleteFunc(found, func(f diag.Finding) bool {
		return f.Code == "link/untracked-ignored" && f.Span.File == compiledName
	})
}

// nameIntents gives the origins of compiled rules the place of their intent.
func (l *loaded) nameIntents(f *host.Fleet) {
	if l.compiled == nil {
		return
	}
	for i := range f.Origins {
		o := &f.Origins[i]
		span, ok := l.compiled.RuleSpan(o.Kind, o.Namespace, o.Name, o.Direction, o.Rule)
		if !ok && o.Kind == "Tier" && o.File == compiledName {
			o.File, o.Line = "", 0 // nobody wrote it
		}
		if !ok {
			continue
		}
		o.File, o.Line = span.File, span.Start.Line
		span.Start.Col = 0
		o.Intent = span.String()
	}
}
