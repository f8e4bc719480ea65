package nf

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestRule_JSONRoundTripOfEveryKind(t *testing.T) {
	for _, k := range Kinds() {
		want := Rule{Body: []Stmt{k}, Comments: []string{"c"}, Line: 3}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("%s: %v", KindName(k), err)
		}
		var got Rule
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", KindName(k), err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", KindName(k), got, want)
		}
	}
}
