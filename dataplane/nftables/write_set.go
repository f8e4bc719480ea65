package nftables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

// set writes one set or map.
func (w *writer) set(s *nf.Set) {
	word := "set "
	if len(s.Map) > 0 {
		word = "map "
	}
	head, err := nameText(word, string(s.Name))
	if s.Type != "" {
		err = fmt.Errorf("nftables: %s is a set of ipset", s.Name)
	}
	w.line(1, head+" {", err)
	if text := typeText(s); text != "" {
		w.line(2, text, nil)
	}
	if s.Size != 0 {
		w.line(2, fmt.Sprintf("size %d", s.Size), nil)
	}
	for _, o := range s.Options {
		w.line(2, o, nil)
	}
	if f := flagsText(s); f != "" {
		w.line(2, "flags "+f, nil)
	}
	if s.Timeout != 0 {
		w.line(2, "timeout "+durationText(s.Timeout), nil)
	}
	if s.GCPeriod != 0 {
		w.line(2, "gc-interval "+durationText(s.GCPeriod), nil)
	}
	if s.AutoMerge {
		w.line(2, "auto-merge", nil)
	}
	w.comment(2, s.Comment)
	if len(s.Elements) > 0 {
		text, err := elementsText(s.Elements, setValueTypes(s.Key), setValueTypes(s.Map), ",\n\t\t\t     ")
		w.line(2, "elements = "+text, err)
	}
	w.line(1, "}", nil)
}

func typeText(s *nf.Set) string {
	if len(s.Key) == 0 {
		return ""
	}
	text := "type " + typeTuple(s.Key)
	if len(s.Map) > 0 {
		text += " : " + typeTuple(s.Map)
	}
	return text
}

func typeTuple(types []nf.DataType) string {
	parts := make([]string, len(types))
	for i, t := range types {
		parts[i] = t.String()
	}
	return strings.Join(parts, " . ")
}

func flagsText(s *nf.Set) string {
	if s.Timeout > 0 && !s.Constant && !s.Dynamic && !s.Interval {
		return ""
	}
	var on []string
	for _, f := range []struct {
		on   bool
		name string
	}{{s.Constant, "constant"}, {s.Dynamic, "dynamic"}, {s.Interval, "interval"}, {s.HasTimeout, "timeout"}} {
		if f.on {
			on = append(on, f.name)
		}
	}
	return strings.Join(on, ",")
}

// elementsText writes "{ one, two }".
func elementsText(es []nf.Element, key, data []valueType, sep string) (string, error) {
	if len(es) == 0 {
		return "{ }", nil
	}
	parts := make([]string, len(es))
	for i := range es {
		s, err := elementText(&es[i], key, data)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return "{ " + strings.Join(parts, sep) + " }", nil
}

func elementText(e *nf.Element, key, data []valueType) (string, error) {
	s, err := tupleText(e.Key, key)
	if err != nil {
		return "", err
	}
	if e.Timeout != 0 {
		s += " timeout " + durationText(e.Timeout)
	}
	if e.Expires != 0 {
		s += " expires " + durationText(e.Expires)
	}
	if e.HasCounter {
		s += fmt.Sprintf(" counter packets %d bytes %d", e.Packets, e.Bytes)
	}
	if e.Comment != "" {
		q, err := quoted(e.Comment)
		if err != nil {
			return "", err
		}
		s += " comment " + q
	}
	if len(data) == 0 {
		return s, nil
	}
	to := ""
	if e.Verdict != nil {
		to, err = verdictText(e.Verdict)
	} else {
		to, err = tupleText(e.Data, data)
	}
	return s + " : " + to, err
}

func verdictText(v *nf.Verdict) (string, error) {
	switch v.Kind {
	case nf.VerdictAccept:
		return "accept", nil
	case nf.VerdictDrop:
		return "drop", nil
	case nf.VerdictReturn:
		return "return", nil
	case nf.VerdictContinue:
		return "continue", nil
	case nf.VerdictJump:
		return nameText("jump ", string(v.Chain))
	case nf.VerdictGoto:
		return nameText("goto ", string(v.Chain))
	}
	return "", fmt.Errorf("nftables: verdict %d is unknown", v.Kind)
}
