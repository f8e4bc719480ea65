package intent

import (
	"strings"
	"testing"

	"tortie/compiler/yamlpos"
)

// What others write as ports is told as the language writes it, and only so that it
// can be read.
func TestPorts_ToldAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{
		"80": "write tcp/80 or udp/80", "'80'": "write tcp/80 or udp/80", "'8080:8090'": "write tcp/8080-8090 or udp/8080-8090",
		"8080-8090": "write tcp/8080-8090 or udp/8080-8090", "80/tcp": "write tcp/80", "8080:8090/udp": "write udp/8080-8090",
		"https/tcp": "write tcp/https", "tcp/80:90": "write tcp/80-90", "TCP/80": "write tcp/80", "'tcp:80'": "write tcp/80",
		"'tcp 80'": "write tcp/80", "TCP": "write tcp", "tpc/80": "did you mean tcp?",
		"99999": "ports go from 1 to 65535, behind a protocol: tcp/80", "0": "ports go from 1 to 65535, behind a protocol: tcp/80",
		"90-80":     "ports go from 1 to 65535, behind a protocol: tcp/80",
		"99999/tcp": "the protocols are tcp, udp, sctp, udplite, icmp, icmpv6 and proto/NUMBER",
		"-80":       "write tcp/80, udp/53, tcp/8080-8090, icmp/echo-request or the name of a list",
	} {
		hint := hintOf(t, text)
		if hint != want {
			t.Errorf("on: %s: got %q, want %q", text, hint, want)
		}
		forms, told := strings.CutPrefix(hint, "write ")
		if !told || strings.Contains(forms, ",") {
			continue
		}
		for _, form := range strings.Split(forms, " or ") {
			if left := hintOf(t, form); left != "" {
				t.Errorf("on: %s: the hint says %s, which is told %q", text, form, left)
			}
		}
	}
}

// hintOf is the hint at the ports of a statement.
func hintOf(t *testing.T, on string) string {
	t.Helper()
	nodes, diags := yamlpos.Parse("x.yaml", []byte("apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: x}\nspec:\n  allow: [{from: any, to: any, on: "+on+"}]\n"))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	_, found := Parse(nodes[0])
	if len(found) == 0 {
		return ""
	}
	return found[0].Hint
}
