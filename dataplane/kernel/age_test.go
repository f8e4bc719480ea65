package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/iptables"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

const agingSets = `table ip t {
	set plain {
		type ipv4_addr
		size 100
		flags dynamic,timeout
		timeout 1m
		elements = { 10.0.0.1 expires 50s, 10.0.0.2 timeout 5m expires 4m, 10.0.0.3 expires 20s }
	}

	map ports {
		type ipv4_addr . inet_service : ipv4_addr
		flags timeout
		elements = { 10.0.0.1 . 80 timeout 1m expires 50s : 10.1.0.1, 10.0.0.2 . 80 timeout 1m expires 20s : 10.1.0.2, 10.0.0.3 . 80 : 10.1.0.3 }
	}

	set nets {
		type ipv4_addr
		flags interval,timeout
		elements = { 10.1.0.0/16 timeout 1m expires 50s, 10.3.0.0/16 timeout 1m expires 20s, 10.5.0.0/16 }
	}

	set other {
		type ipv4_addr
		elements = { 10.0.0.1 }
	}
}
`

// Elements of nftables sets lose the time that passes, and go when they have none left.
func TestAgeSets(t *testing.T) {
	netns.Require(t, "nft")
	parsed, findings := nftables.Parse("sets.nft", []byte(agingSets))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	ns, rules := netns.ForTest(t), &nf.Ruleset{Tables: parsed}
	if err := ApplyRuleset(ns, rules); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		d    time.Duration
		want []string
	}{
		{0, []string{"nets 10.1.0.0 50s", "nets 10.3.0.0 20s", "nets 10.5.0.0 0s", "other 10.0.0.1 0s", "plain 10.0.0.1 50s", "plain 10.0.0.2 4m0s", "plain 10.0.0.3 20s",
			"ports 10.0.0.1 50s", "ports 10.0.0.2 20s", "ports 10.0.0.3 0s"}},
		{30 * time.Second, []string{"nets 10.1.0.0 20s", "nets 10.5.0.0 0s", "other 10.0.0.1 0s", "plain 10.0.0.1 20s", "plain 10.0.0.2 3m30s",
			"ports 10.0.0.1 20s", "ports 10.0.0.3 0s"}},
		{time.Minute, []string{"nets 10.5.0.0 0s", "other 10.0.0.1 0s", "plain 10.0.0.2 2m30s", "ports 10.0.0.3 0s"}},
	} {
		if err := AgeSets(ns, rules, step.d); err != nil {
			t.Fatal(err)
		}
		back, err := ReadBack(ns, rules)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range back.Tables[0].Sets {
			for _, el := range s.Elements {
				left := (el.Expires + 9*time.Second).Truncate(10 * time.Second) // the test takes time itself
				got = append(got, fmt.Sprintf("%s %s %s", s.Name, el.Key[0].Addr, left))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, step.want) {
			t.Errorf("after %s:\n%q, want\n%q", step.d, got, step.want)
		}
	}
}

// Addresses leave lists of recent when they are older than the rules ask for, but for
// lists that rules ask for more than one age.
func TestRecents(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore")
	const text = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -m recent --set --name sticky --mask 255.255.255.255 --rsource
-A INPUT -m recent --rcheck --seconds 10 --reap --name sticky --mask 255.255.255.255 --rsource -j ACCEPT
-A INPUT -m recent --rcheck --name ever --mask 255.255.255.255 --rsource -j ACCEPT
-A INPUT -m recent --update --seconds 10 --hitcount 3 --name often --mask 255.255.255.255 --rsource -j DROP
-A INPUT -m recent --rcheck --seconds 10 --name twice --mask 255.255.255.255 --rsource -j ACCEPT
-A INPUT -m recent --rcheck --seconds 20 --name twice --mask 255.255.255.255 --rsource -j ACCEPT
COMMIT
`
	parsed, findings := iptables.Parse("recent.rules", []byte(text), iptables.Options{Backend: nf.IptablesLegacy})
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	ns, rules := netns.ForTest(t), &nf.Ruleset{Tables: parsed}
	if err := ApplyRuleset(ns, rules); err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]bool{"sticky": true, "ever": true, "often": false, "twice": false} {
		if got := AgesRecent(rules, list); got != want {
			t.Errorf("list %s ages: %t", list, got)
		}
	}
	var r Recents
	all := []string{"ever", "often", "sticky", "twice"}
	for i, step := range []struct {
		see  []string // lists that see the address
		d    time.Duration
		want []string // lists that have it then
	}{
		{all, 6 * time.Second, all},
		{[]string{"sticky"}, 6 * time.Second, all},
		{nil, 4 * time.Second, all},
		{nil, time.Second, []string{"ever", "often", "twice"}},
		{[]string{"sticky"}, 10 * time.Second, all},
		{nil, time.Minute, []string{"ever", "often", "twice"}},
	} {
		time.Sleep(20 * time.Millisecond) // longer than the kernel's clock ticks
		var got []string
		err := ns.Do(func() error {
			for _, list := range step.see {
				if err := os.WriteFile(recentFile(list), []byte("+192.0.2.7\n"), 0o600); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = r.Age(ns, rules, step.d)
		}
		if err != nil {
			t.Fatal(err)
		}
		err = ns.Do(func() error {
			for _, list := range all {
				if data, err := os.ReadFile(recentFile(list)); err != nil {
					return err
				} else if strings.Contains(string(data), "src=192.0.2.7 ") {
					got = append(got, list)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
