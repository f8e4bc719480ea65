package intent

import (
	"regexp"
	"strings"

	"tortie/compiler/yamlpos"
)

// Ports as others write them: without a protocol, with it behind the port or before
// a colon or blank.
var (
	barePort      = regexp.MustCompile(`^[0-9]+([:-][0-9]+)?$`)
	protocolLast  = regexp.MustCompile(`^([a-z0-9:-]+)/(tcp|udp|sctp|udplite)$`)
	protocolFirst = regexp.MustCompile(`^([a-z0-9]+)[:/ ]([a-z0-9:-]+)$`)
)

// meantPorts says how the language writes what was probably meant, "" if nothing
// comes to mind that it could read.
func meantPorts(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	dashed := func(s string) string { return strings.Replace(s, ":", "-", 1) }
	var forms []string
	switch {
	case barePort.MatchString(text):
		forms = []string{"tcp/" + dashed(text), "udp/" + dashed(text)}
	case protocolLast.MatchString(text):
		m := protocolLast.FindStringSubmatch(text)
		forms = []string{m[2] + "/" + dashed(m[1])}
	case protocolFirst.MatchString(text):
		m := protocolFirst.FindStringSubmatch(text)
		forms = []string{m[1] + "/" + dashed(m[2])}
	default:
		forms = []string{text}
	}
	for _, f := range forms {
		if !readable(f) {
			return ""
		}
	}
	return "write " + strings.Join(forms, " or ")
}

// readable reports whether a text is a port of the language.
func readable(text string) bool {
	try := &parser{doc: &Document{}}
	word, _, _ := strings.Cut(text, "/")
	return (plainProto(word) || word == "proto") && try.portTerms(&yamlpos.Node{Kind: yamlpos.String, Text: text}, "") != nil
}
