package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// The examples decide connections on what their intents are compiled to, and the
// reason names the line of intent.
func TestIntent_Examples(t *testing.T) {
	rows := []struct{ example, from, to, verdict, line string }{
		{"shop", "shop/web-0", "shop/db-0:5432", "deny", "shop/intent.yaml:20"},
		{"shop", "shop/orders-0", "shop/db-0:5432", "allow", "shop/intent.yaml:26"},
		{"shop", "shop/web-0", "shop/catalog-0:8082", "allow", "shop/intent.yaml:25"},
		{"shop", "203.0.113.9", "shop/web-0:8080", "allow", "shop/intent.yaml:24"},
		{"shop", "203.0.113.200", "shop/web-0:8080", "deny", "shop/intent.yaml:22"},
		{"shop", "198.51.100.9", "shop/web-0:8080", "deny", "shop/intent.yaml:20"},
		{"bare-metal", "203.0.113.9@edge-1/eth0", "node:edge-1:30080", "allow", ""},
		{"bare-metal", "198.51.100.7@edge-1/eth0", "node:edge-1:30080", "deny", "bare-metal/intent.yaml:34"},
		{"bare-metal", "198.51.100.7", "node:edge-1:11211/udp", "allow", "bare-metal/intent.yaml:39"},
		{"bare-metal", "203.0.113.9", "node:worker-1:10250", "deny", "bare-metal/intent.yaml:27"},
		{"bare-metal", "node:control-1", "node:worker-1:10250", "allow", "bare-metal/intent.yaml:29"},
		{"bare-metal", "node:control-1", "203.0.113.9:8080", "deny", "bare-metal/intent.yaml:27"},
		{"office-gateway", "203.0.113.9@gw-1/eth0", "data/db-0:5432", "allow", "office-gateway/intent.yaml:22"},
		{"office-gateway", "203.0.113.200@gw-1/eth0", "data/db-0:5432", "deny", "office-gateway/intent.yaml:28"},
		{"office-gateway", "203.0.113.9@gw-1/eth0", "data/db-0:22", "deny", "office-gateway/intent.yaml:26"},
		{"office-gateway", "data/reports-0", "data/db-0:5432", "allow", "office-gateway/intent.yaml:23"},
		{"office-gateway", "198.51.100.9@gw-1/eth0", "node:gw-1:7/udp", "allow", "office-gateway/intent.yaml:33"},
	}
	for _, r := range rows {
		for _, dataplane := range []string{"iptables", "nftables"} {
			t.Run(r.example+" "+r.from+" "+r.to+" "+dataplane, func(t *testing.T) {
				args := []string{"trace", "-f", "examples/" + r.example, "--dataplane", dataplane, "-o", "json", r.from, r.to}
				if r.example == "shop" {
					args = append(args, "-f", "examples/online-shop/cluster")
				}
				out, errs, code := tortie(t, args...)
				if code != 0 {
					t.Fatalf("exit %d: %s", code, errs)
				}
				holdReason(t, out, r.verdict, r.line)
			})
		}
	}
}

// holdReason compares verdict and line of a trace's JSON.
func holdReason(t *testing.T, out, verdict, line string) {
	t.Helper()
	var got struct {
		Verdict string
		Reason  struct {
			Text   string
			Source *struct {
				File string
				Line int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	where := ""
	if s := got.Reason.Source; s != nil {
		where = strings.TrimPrefix(s.File, "examples/") + ":" + itoa(s.Line)
	}
	if got.Verdict != verdict || line != "" && where != line {
		t.Errorf("got %s at %s (%s), want %s at %s", got.Verdict, where, got.Reason.Text, verdict, line)
	}
}

func itoa(n int) string {
	data, _ := json.Marshal(n)
	return string(data)
}

// What examples compile to passes validation without a word.
func TestIntent_ExamplesValidate(t *testing.T) {
	for _, files := range [][]string{
		{"-f", "examples/shop", "-f", "examples/online-shop/cluster"}, {"-f", "examples/bare-metal"}, {"-f", "examples/office-gateway"},
	} {
		out, errs, code := tortie(t, append([]string{"validate", "--strict"}, files...)...)
		if code != 0 {
			t.Errorf("%v: exit %d\n%s%s", files, code, out, errs)
		}
	}
}
