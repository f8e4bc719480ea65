package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/proxy"
	"k8s.io/kubernetes/pkg/proxy/ipvs"
	utilipset "k8s.io/kubernetes/pkg/proxy/ipvs/ipset"
	utilipvs "k8s.io/kubernetes/pkg/proxy/ipvs/util"
	ipvstest "k8s.io/kubernetes/pkg/proxy/ipvs/util/testing"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	iptablestest "k8s.io/kubernetes/pkg/util/iptables/testing"
)

// ipvsNode stands in for what a kernel without IPVS lacks: virtual servers, the
// match "-m ipvs" and the sysctls of IPVS. Sets and the addresses of kube-ipvs0
// are in the kernel; kube-ipvs0 is a bridge where there is no dummy device.
type ipvsNode struct {
	tables  *iptablestest.FakeIPTables
	servers *ipvstest.FakeIPVS
}

// bareComment is a comment that kube-proxy handed over as one argument, not as
// text for iptables-restore.
var bareComment = regexp.MustCompile(`--comment ([^"\n]*[^" \n]) -j`)

// noPolicy is a built-in chain, of whose policy the stand-in knows nothing.
var noPolicy = regexp.MustCompile(`(?m)^:([A-Z]+) - `)

// sysctls remembers what is set.
type sysctls map[string]int

func (s sysctls) GetSysctl(name string) (int, error) { return s[name], nil }
func (s sysctls) SetSysctl(name string, v int) error { s[name] = v; return nil }

func (c config) ipvsProxier(detect proxyutil.LocalTrafficDetector) (proxy.Provider, *ipvsNode, error) {
	command("ip", "link", "add", "kube-ipvs0", "type", "bridge")
	n := &ipvsNode{tables: iptablestest.NewFake(), servers: ipvstest.NewFake()}
	family := v1.IPv4Protocol
	if c.IPv6 {
		n.tables, family = iptablestest.NewIPv6Fake(), v1.IPv6Protocol
	}
	n.tables.SetHasRandomFully(true)
	p, err := ipvs.NewProxier(context.Background(), family, n.tables, n.servers, utilipset.New(), sysctls{}, time.Hour, time.Second,
		nil, false, 0, 0, 0, c.MasqueradeAll, c.MasqueradeBit, detect, c.Node, net.ParseIP(c.NodeIP),
		events.NewFakeRecorder(1000), nil, c.Scheduler, c.NodePortAddresses, false)
	return p, n, err
}

// dump lists rules, sets, virtual servers and the addresses of kube-ipvs0, each
// part behind a line "==> NAME".
func (n *ipvsNode) dump(c config) string {
	var out bytes.Buffer
	var rules bytes.Buffer
	if err := n.tables.SaveInto("", &rules); err != nil {
		fatal(err)
	}
	out.WriteString("==> iptables\n")
	text := bareComment.ReplaceAll(rules.Bytes(), []byte(`--comment "$1" -j`))
	out.Write(noPolicy.ReplaceAll(text, []byte(":$1 ACCEPT ")))
	out.WriteString("==> ipset\n" + sortedSets(command("ipset", "save")))
	out.WriteString("==> servers\n")
	n.listServers(&out)
	out.WriteString("==> addresses\n")
	for _, a := range boundAddresses() {
		fmt.Fprintln(&out, a)
	}
	return out.String()
}

// listServers writes one line for each virtual server and its real ones.
// sortedSets sorts the members of each set; ipset 7.17's own -sorted loses parts
// of some.
func sortedSets(saved string) string {
	lines := strings.SplitAfter(saved, "\n")
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && strings.HasPrefix(lines[to], "add ") {
			to++
		}
		slices.Sort(lines[from+1 : to])
		from = to
	}
	return strings.Join(lines, "")
}

func (n *ipvsNode) listServers(out *bytes.Buffer) {
	list, err := n.servers.GetVirtualServers()
	if err != nil {
		fatal(err)
	}
	var lines []string
	for _, v := range list {
		real, err := n.servers.GetRealServers(v)
		if err != nil {
			fatal(err)
		}
		lines = append(lines, serverLine(v, real))
	}
	sort.Strings(lines)
	out.WriteString(strings.Join(lines, ""))
}

func serverLine(v *utilipvs.VirtualServer, real []*utilipvs.RealServer) string {
	line := fmt.Sprintf("%s %s flags %d timeout %d:", v, v.Scheduler, v.Flags, v.Timeout)
	var servers []string
	for _, r := range real {
		servers = append(servers, fmt.Sprintf(" %s*%d", r, r.Weight))
	}
	slices.Sort(servers)
	return line + strings.Join(servers, "") + "\n"
}

func boundAddresses() []string {
	var links []struct {
		Addrs []struct {
			Local  string `json:"local"`
			Prefix int    `json:"prefixlen"`
			Scope  string `json:"scope"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(command("ip", "-j", "addr", "show", "dev", "kube-ipvs0")), &links); err != nil {
		fatal(err)
	}
	var out []string
	for _, l := range links {
		for _, a := range l.Addrs {
			out = append(out, fmt.Sprintf("%s/%d %s", a.Local, a.Prefix, a.Scope))
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		fmt.Fprintln(os.Stderr, "no addresses on kube-ipvs0")
	}
	return out
}
