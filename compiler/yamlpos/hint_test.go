package yamlpos

import (
	"reflect"
	"strings"
	"testing"
)

// Every value of a wrong type has a place and a hint.
func TestDecode_WrongTypesHaveHints(t *testing.T) {
	var out struct {
		Selector string            `json:"selector"`
		Order    *float64          `json:"order"`
		Track    bool              `json:"track"`
		Port     uint16            `json:"port"`
		Rules    []struct{ A int } `json:"rules"`
		ICMP     *struct{ A int }  `json:"icmp"`
	}
	values := []string{"text", "1", "1.5", "true", "[a]", "[1]", "{app: a}", ".nan"}
	for i := range reflect.TypeOf(out).NumField() {
		field := reflect.TypeOf(out).Field(i).Tag.Get("json")
		for _, v := range values {
			docs, _ := Parse("in.yaml", []byte(field+": "+v+"\n"))
			found, _ := Decode(docs[0], &out, Options{})
			for _, f := range found {
				if f.Hint == "" || f.Span.Start.Line != 1 {
					t.Errorf("%s: %s: no hint or place: %+v", field, v, f)
				}
			}
		}
	}
	docs, _ := Parse("in.yaml", []byte("selector: {app: a, tier: b}\n"))
	found, _ := Decode(docs[0], &out, Options{})
	if len(found) != 1 || !strings.HasSuffix(found[0].Hint, "selector: app == 'a' && tier == 'b'") {
		t.Errorf("%+v", found)
	}
}
