package ipset

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// reader reads a file line by line.
type reader struct {
	file   string
	sets   []nf.Set
	index  map[nf.SetName]int
	diags  diag.List
	line   int // from 1
	offset int
}

// Parse reads the output of ipset save. What cannot be read is a finding of
// severity error; the rest is returned.
func Parse(file string, text []byte) ([]nf.Set, diag.List) {
	r := &reader{file: file, index: map[nf.SetName]int{}}
	for i, l := range strings.Split(strings.TrimPrefix(string(text), "\xef\xbb\xbf"), "\n") {
		r.line = i + 1
		r.readLine(l)
		r.offset += len(l) + 1
	}
	return r.sets, r.diags
}

// fail adds an error about a word of the current line.
func (r *reader) fail(t token, want string, args ...any) {
	at := func(col int) diag.Pos { return diag.Pos{Line: r.line, Col: col + 1, Byte: r.offset + col} }
	shown := t.text
	if len(shown) > 120 {
		shown = shown[:120] + "…"
	}
	r.diags.Add(diag.Finding{
		Code: "import/unreadable-set", Severity: diag.Error,
		Message: fmt.Sprintf("%q: expected %s", shown, fmt.Sprintf(want, args...)),
		Span:    diag.Span{File: r.file, Start: at(t.start), End: at(t.end)},
	})
}

func (r *reader) readLine(l string) {
	toks, closed := tokenize(l)
	if len(toks) == 0 || strings.HasPrefix(toks[0].text, "#") || len(toks) == 1 && toks[0].text == "COMMIT" {
		return
	}
	if !closed {
		r.fail(toks[len(toks)-1], "a closing quote")
		return
	}
	switch verb := toks[0].text; {
	case (verb == "create" || verb == "-N") && len(toks) >= 3:
		r.create(toks)
	case (verb == "add" || verb == "-A") && len(toks) >= 3:
		r.add(toks)
	default:
		r.fail(toks[0], "\"create NAME TYPE …\" or \"add NAME ELEMENT …\"")
	}
}

// createFlags are the options of a create line without a value; the others take
// one.
var createFlags = map[string]bool{"counters": true, "comment": true, "skbinfo": true, "forceadd": true}

var createValues = map[string]bool{"hashsize": true, "maxelem": true, "bucketsize": true, "initval": true, "range": true,
	"netmask": true, "bitmask": true, "markmask": true, "size": true}

func (r *reader) create(toks []token) {
	s := nf.Set{Name: nf.SetName(toks[1].text), Type: toks[2].text}
	if _, ok := dimensions(s.Type); !ok {
		r.fail(toks[2], "a set type of the model, such as hash:net")
		return
	}
	if _, dup := r.index[s.Name]; dup || s.Name == "" {
		r.fail(toks[1], "a name that no other set has")
		return
	}
	if strings.HasPrefix(s.Type, "hash:") && s.Type != "hash:mac" {
		s.Family = packet.IPv4
	}
	for i := 3; i < len(toks); i++ {
		name := toks[i]
		if createFlags[name.text] {
			s.Options = append(s.Options, name.text)
			continue
		}
		if i++; i >= len(toks) {
			r.fail(name, "a known option with its value")
			return
		}
		if !r.createOption(&s, name, toks[i]) {
			return
		}
	}
	r.index[s.Name] = len(r.sets)
	r.sets = append(r.sets, s)
}

func (r *reader) createOption(s *nf.Set, name, value token) bool {
	switch {
	case name.text == "family" && s.Family != 0:
		switch value.text {
		case "inet", "-4":
			s.Family = packet.IPv4
		case "inet6", "-6":
			s.Family = packet.IPv6
		default:
			r.fail(value, "inet or inet6")
			return false
		}
	case name.text == "timeout":
		d, ok := seconds(value.text)
		if !ok {
			r.fail(value, "a number of seconds")
			return false
		}
		s.HasTimeout, s.Timeout = true, d
	case createValues[name.text] && value.text != "" && !strings.ContainsAny(value.text, " \t\r"):
		s.Options = append(s.Options, name.text+" "+value.text)
	default:
		r.fail(name, "an option of a set of type %s", s.Type)
		return false
	}
	return true
}

// seconds reads a timeout; ipset's highest is 2147483 seconds.
func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return time.Duration(n) * time.Second, err == nil && n <= 4294967
}

func (r *reader) add(toks []token) {
	i, ok := r.index[nf.SetName(toks[1].text)]
	if !ok {
		r.fail(toks[1], "a set that was created before")
		return
	}
	s := &r.sets[i]
	key, bad := parseKey(s, toks[2].text)
	if bad != "" {
		r.fail(toks[2], "%s", bad)
		return
	}
	e := nf.Element{Key: key, Timeout: s.Timeout}
	for rest := toks[3:]; len(rest) > 0; {
		n := r.elementOption(s, &e, rest)
		if n == 0 {
			return
		}
		rest = rest[n:]
	}
	s.Elements = append(s.Elements, e)
}

// elementOption reads one option of an element and returns the number of words
// that it took, 0 after an error.
func (r *reader) elementOption(s *nf.Set, e *nf.Element, toks []token) int {
	name := toks[0]
	if name.text == "nomatch" && strings.Contains(s.Type, "net") {
		e.Nomatch = true
		return 1
	}
	if len(toks) < 2 {
		r.fail(name, "a known option with its value")
		return 0
	}
	value := toks[1]
	n, err := strconv.ParseUint(value.text, 10, 64)
	switch name.text {
	case "timeout":
		d, ok := seconds(value.text)
		if !ok || !s.HasTimeout {
			r.fail(value, "a number of seconds, in a set with timeouts")
			return 0
		}
		e.Timeout = d
		return 2
	case "packets":
		e.Packets, e.HasCounter = n, true
	case "bytes":
		e.Bytes, e.HasCounter = n, true
	case "comment":
		e.Comment, err = value.text, nil
	case "skbmark", "skbprio", "skbqueue", "before", "after":
		e.Options, err = append(e.Options, name.text+" "+word(value.text)), nil
	default:
		r.fail(name, "an option of an element")
		return 0
	}
	if err != nil {
		r.fail(value, "a number")
		return 0
	}
	return 2
}
