package dump

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

const ipvsAddr = ipAddr + `8: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default
    link/ether a6:4a:79:a9:b3:3a brd ff:ff:ff:ff:ff:ff
    inet 10.96.0.10/32 scope global kube-ipvs0
`

const ipvsSave = `-A -t 10.96.0.10:80 -s rr -p 10800
-a -t 10.96.0.10:80 -r 10.244.0.5:8080 -m -w 1
-a -t 10.96.0.10:80 -r 10.244.0.6:8080 -m -w 0
-A -u [fd00:96::a]:53 -s mh -b mh-port
-A --sctp-service 10.96.0.10:99 -s lc
`

func TestRead_IPVS(t *testing.T) {
	state, findings := ReadFiles([]File{{"addr", ipvsAddr}, {"ipvs", ipvsSave}}, "n")
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	addr := netip.MustParseAddr
	want := []host.VirtualServer{
		{Addr: addr("10.96.0.10"), Port: 80, Proto: packet.ProtoTCP, Scheduler: "rr", Persistent: 10800,
			Servers: []host.RealServer{{Addr: addr("10.244.0.5"), Port: 8080, Weight: 1}, {Addr: addr("10.244.0.6"), Port: 8080}}},
		{Addr: addr("fd00:96::a"), Port: 53, Proto: packet.ProtoUDP, Scheduler: "mh", HashPort: true},
		{Addr: addr("10.96.0.10"), Port: 99, Proto: packet.ProtoSCTP, Scheduler: "lc"},
	}
	if d := cmp.Diff(want, state.IPVS, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if state.IPVSMissing != "" {
		t.Error("the virtual servers are said to be missing")
	}
}

func TestRead_IPVSMissing(t *testing.T) {
	state, findings := ReadFiles([]File{{"addr", ipvsAddr}}, "n")
	if state.IPVSMissing != "kube-ipvs0" || len(findings) != 1 || findings[0].Code != "dump/ipvs-missing" {
		t.Errorf("missing %q, findings %v", state.IPVSMissing, findings)
	}
}

func TestRead_IPVSWrong(t *testing.T) {
	for line, want := range map[string]string{
		"-A -f 5 -s rr":                                 "-t, -u or --sctp-service",
		"-A -t 10.0.0.1:80 -s":                          "a value behind -s",
		"-A -t 10.0.0.1:80 -s rr -M 255.255.255.0":      "-M is not modelled",
		"-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1":      "a line before has added",
		"-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1":      "-g is not modelled",
		"-a -t 10.0.0.1:80 -r 10.0.0.2:80 -w 1":         "and -m",
		"-A -t 10.0.0.1 -s rr":                          "with ADDRESS:PORT",
		"-a -t 10.0.0.1:80 -m -w many -r 10.0.0.2:8080": "a number behind -w",
	} {
		_, findings := ReadFiles([]File{{"ipvs", line + "\n"}}, "n")
		if len(findings) != 1 || !strings.Contains(findings[0].Message, want) || findings[0].Span.Start.Line != 1 {
			t.Errorf("%s: %v, want one finding that says %q", line, findings, want)
		}
	}
}
