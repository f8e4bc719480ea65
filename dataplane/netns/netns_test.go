package netns

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestJoin_PacketsCross(t *testing.T) {
	Require(t, "ip")
	a, b := ForTest(t), ForTest(t)
	if err := Join(End{NS: a, Name: "left", MAC: "02:00:00:00:00:01"}, End{NS: b, Name: "right"}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []struct {
		ns        *NS
		link, net string
	}{{a, "left", "192.0.2.1/24"}, {b, "right", "192.0.2.2/24"}} {
		if _, err := end.ns.Run("", "ip", "addr", "add", end.net, "dev", end.link); err != nil {
			t.Fatal(err)
		}
	}
	out, err := a.Run("", "ip", "link", "show", "left")
	if err != nil || !strings.Contains(out, "02:00:00:00:00:01") {
		t.Fatalf("left has not the hardware address that was asked for: %v\n%s", err, out)
	}
	var server net.PacketConn
	if err := b.Do(func() (err error) { server, err = net.ListenPacket("udp", "192.0.2.2:7"); return err }); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	err = a.Do(func() error {
		c, err := net.Dial("udp", "192.0.2.2:7")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("over"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, from, err := server.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "over" || !strings.HasPrefix(from.String(), "192.0.2.1:") {
		t.Fatalf("got %q from %v, %v", buf[:n], from, err)
	}
}

func TestRun_ReportsStandardError(t *testing.T) {
	Require(t, "ip")
	_, err := ForTest(t).Run("", "ip", "link", "show", "nowhere")
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
}
