package kubeproxy

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// recordedChange is one of testdata/stale.json.gz: what kube-proxy's own trackers and
// CleanStaleEntries (v1.36.3) removed when objects changed. compiler/kubeproxy/oracle
// made it (2026-11-29: stale FILE 1 60).
type recordedChange struct {
	Before, After string
	Connections   []struct {
		TCP               bool
		Src, Dst, Replies netip.AddrPort
		Removed           bool
	}
}

func TestStale_MatchesKubeProxy(t *testing.T) {
	var changes []recordedChange
	file := cmp.Or(os.Getenv("TORTIE_STALE"), "testdata/stale.json.gz")
	if err := json.Unmarshal(readCompressed(t, file), &changes); err != nil {
		t.Fatal(err)
	}
	total, removed, different := 0, 0, 0
	for i, c := range changes {
		list := Stale(readText(t, c.Before), readText(t, c.After))
		for _, conn := range c.Connections {
			tracked := host.Tracked{Proto: packet.ProtoUDP, Src: conn.Src, Dst: conn.Dst, Replies: conn.Replies}
			if conn.TCP {
				tracked.Proto = packet.ProtoTCP
			}
			got := slices.ContainsFunc(list, func(r host.Removal) bool { return r.Removes(&tracked) })
			if got != conn.Removed {
				different++
				t.Errorf("change %d: %+v: removed %t, kube-proxy %t", i, tracked, got, conn.Removed)
			}
			if total++; conn.Removed {
				removed++
			}
		}
	}
	if removed == 0 {
		t.Error("nothing was removed")
	}
	t.Logf("%d changes: %d connections, %d of them removed, %d different", len(changes), total, removed, different)
}
