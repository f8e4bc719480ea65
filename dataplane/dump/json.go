package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/packet"
)

// The output of ip -j (and bridge -j) is read by putting each object into the
// line that ip prints without -j, so that both forms mean the same.

// object is one object of a JSON array: its members in order, and its place.
type object struct {
	members []member
	pos     diag.Pos
}

type member struct {
	key   string
	value any
}

// get returns the first member of that name, as text; "" when it has none. ip
// writes some names twice, and the first is the object's own.
func (o object) get(key string) string {
	for _, m := range o.members {
		if m.key == key {
			return scalar(m.value)
		}
	}
	return ""
}

func (o object) has(key string) bool {
	for _, m := range o.members {
		if m.key == key {
			return true
		}
	}
	return false
}

// sub is a member that is an object; strs one that is a list of strings.
func (o object) sub(key string) map[string]any {
	for _, m := range o.members {
		if m.key == key {
			v, _ := m.value.(map[string]any)
			return v
		}
	}
	return nil
}

func (o object) list(key string) []any {
	for _, m := range o.members {
		if m.key == key {
			v, _ := m.value.([]any)
			return v
		}
	}
	return nil
}

// scalar is a string, number or truth value as text; anything else is "".
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.Join(strings.Fields(v), "_")
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// jsonSections recognises the files that are JSON: nft -j, which is one object,
// and ip -j, which is an array, or several one after the other.
func jsonSections(f File, findings *diag.List) (sections []section, isJSON bool) {
	t := strings.TrimSpace(f.Text)
	switch {
	case strings.HasPrefix(t, "{"):
		if strings.Contains(t[:min(len(t), 200)], `"nftables"`) {
			return []section{wholeFile(f, kind{what: whatNFTJSON})}, true
		}
		return nil, true
	case !strings.HasPrefix(t, "["):
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(f.Text))
	dec.UseNumber()
	for {
		objects, err := readArray(dec, f.Text)
		sections = append(sections, arraySections(objects, f.Name)...)
		if errors.Is(err, io.EOF) {
			return sections, true
		}
		if err != nil {
			if len(sections) > 0 || reIPJSON.MatchString(t) {
				findings.Add(jsonError(f, dec, err))
			}
			return sections, true
		}
	}
}

// reIPJSON is how the output of ip -j begins.
var reIPJSON = regexp.MustCompile(`^\[\s*\{\s*("type":"[a-z]+",)?"(ifindex|dst|priority)":`)

func wholeFile(f File, k kind) section {
	s := section{kind: k, file: f.Name, first: 1}
	for i, text := range strings.Split(f.Text, "\n") {
		s.lines = append(s.lines, line{no: i + 1, text: text})
	}
	return s
}

func jsonError(f File, dec *json.Decoder, err error) diag.Finding {
	pos := position(f.Text, int(dec.InputOffset()))
	return diag.Finding{
		Code: "dump/json", Severity: diag.Error, Span: diag.Span{File: f.Name, Start: pos, End: pos},
		Message: "cannot read JSON: " + err.Error() + "; expected the output of ip -j", Hint: "what stands before is still read",
	}
}

// position is line and column of the first byte at or behind an offset that is
// not between two values.
func position(text string, offset int) diag.Pos {
	offset = min(offset, len(text))
	offset += len(text[offset:]) - len(strings.TrimLeft(text[offset:], " \t\r\n,"))
	before := text[:offset]
	return diag.Pos{Line: 1 + strings.Count(before, "\n"), Col: offset - strings.LastIndexByte(before, '\n')}
}

// readArray reads one array of objects. What was read before an error counts; at
// the end of the file the error is io.EOF.
func readArray(dec *json.Decoder, text string) ([]object, error) {
	start, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if start != json.Delim('[') {
		return nil, fmt.Errorf("found %v, expected an array", start)
	}
	var out []object
	for dec.More() {
		pos := position(text, int(dec.InputOffset()))
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return out, unexpected(err)
		}
		if o, ok := readObject(raw); ok {
			o.pos = pos
			out = append(out, o)
		}
	}
	_, err = dec.Token()
	return out, unexpected(err)
}

// unexpected tells a file that is cut off from one that is at its end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readObject reads the members of an object in order. ip -j writes {} for what
// it does not show.
func readObject(raw []byte) (object, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o object
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o, false
	}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return o, false
		}
		m := member{key: name}
		if err := dec.Decode(&m.value); err != nil {
			return o, false
		}
		o.members = append(o.members, m)
	}
	return o, len(o.members) > 0
}

// arraySections are the captures in one array. Routes may be of both families.
func arraySections(list []object, file string) []section {
	k := jsonKind(list, file)
	parts := map[kind][]object{k: list}
	order := []kind{k}
	if k.what == whatRoute {
		parts, order = map[kind][]object{}, nil
		for _, o := range list {
			k.family = jsonRouteFamily(o)
			if parts[k] == nil {
				order = append(order, k)
			}
			parts[k] = append(parts[k], o)
		}
	}
	var out []section
	for _, k := range order {
		if k.what != whatNone {
			out = append(out, section{kind: k, file: file, first: parts[k][0].pos.Line, lines: linesOf(k, parts[k])})
		}
	}
	return out
}

// jsonKind says what an array lists, by the members of its first object.
func jsonKind(list []object, file string) kind {
	if len(list) == 0 {
		return kind{}
	}
	switch o := list[0]; {
	case o.has("ifindex") && o.has("ifname"):
		return kind{what: whatAddr}
	case o.has("priority") && (o.has("table") || o.has("action") || o.has("goto")):
		return kind{what: whatRule, family: jsonRuleFamily(list, file)}
	case o.has("mac") && o.has("ifname"), o.has("dst") && (o.has("lladdr") || o.has("state")):
		return kind{what: whatNeigh}
	case o.has("dst"):
		return kind{what: whatRoute}
	}
	return kind{}
}

// jsonRouteFamily is the family of a route. One without an address is of IPv6
// when it has a router preference, which only those have.
func jsonRouteFamily(o object) packet.Family {
	if o.has("pref") || strings.Contains(o.get("dst"), ":") || strings.Contains(o.get("gateway"), ":") {
		return packet.IPv6
	}
	return packet.IPv4
}

// jsonRuleFamily is the family of a list of policy routing rules: of its
// addresses, or what the name of the file says.
func jsonRuleFamily(list []object, file string) packet.Family {
	for _, o := range list {
		for _, key := range []string{"src", "dst"} {
			switch a := o.get(key); {
			case strings.Contains(a, ":"):
				return packet.IPv6
			case strings.Contains(a, "."):
				return packet.IPv4
			}
		}
	}
	if reSix.MatchString(path.Base(file)) {
		return packet.IPv6
	}
	return packet.IPv4
}
