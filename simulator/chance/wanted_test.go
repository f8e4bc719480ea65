package chance

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tortie/dataplane/host"
)

func endpoint(name string, hostNetwork bool, addrs ...string) host.Endpoint {
	e := host.Endpoint{Name: name, HostNetwork: hostNetwork}
	for _, a := range addrs {
		e.Addrs = append(e.Addrs, netip.MustParseAddr(a))
	}
	return e
}

func TestWanted_Is(t *testing.T) {
	f := &host.Fleet{Endpoints: []host.Endpoint{endpoint("shop/web", false, "10.0.0.1", "fd00::1"), endpoint("shop/db", false, "10.0.0.2")}}
	for backend, names := range map[string]string{
		"10.0.0.1:80":  "10.0.0.1:80 10.0.0.1 shop/web",
		"[fd00::1]:80": "[fd00::1]:80 fd00::1 [fd00::1] shop/web",
		"10.0.0.2:80":  "10.0.0.2 shop/db",
		"10.0.0.9:80":  "10.0.0.9",
		"":             "",
	} {
		for _, name := range []string{"10.0.0.1", "10.0.0.1:80", "10.0.0.1:8", "fd00::1", "[fd00::1]", "[fd00::1]:80", "10.0.0.2", "10.0.0.9", "shop/web", "shop/db", "shop/we"} {
			want := strings.Contains(" "+names+" ", " "+name+" ")
			if w := (Wanted{Name: name, Fleet: f}); w.Is(backend) != want {
				t.Errorf("%q is %q: %t", backend, name, !want)
			}
		}
		if w := (Wanted{}); !w.Is(backend) {
			t.Errorf("%q does not do for any", backend)
		}
	}
}

// Of many backends the first are named; pods of a host's network share its address, so
// none of them is.
func TestWanted_Missing(t *testing.T) {
	f := &host.Fleet{Endpoints: []host.Endpoint{endpoint("shop/web", false, "10.0.0.1"), endpoint("sys/a", true, "192.0.2.1"), endpoint("sys/b", true, "192.0.2.1")}}
	there := []string{"10.0.0.1:80", "192.0.2.1:80"}
	for i := range 10 {
		there = append(there, fmt.Sprintf("10.0.1.%d:80", i))
	}
	w := Wanted{Name: "shop/wbe", Fleet: f}
	want := `no rule leads to backend "shop/wbe"; there is 10.0.0.1:80 (shop/web), 192.0.2.1:80, 10.0.1.0:80, 10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80, 10.0.1.4:80, 10.0.1.5:80 and 4 more`
	if got := w.Missing(there, nil).Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	last := func(_ string, all []string) string { return strings.Join(all, " ") }
	if got := w.Missing(there[:2], last).Error(); !strings.HasSuffix(got, "\ndid you mean \"shop/web sys/a sys/b\"?") {
		t.Error(got)
	}
}
