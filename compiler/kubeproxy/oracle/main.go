// Command kubeproxyoracle records what the real kube-proxy programs: it drives
// the proxiers of k8s.io/kubernetes in a network namespace of their own and lists
// the rules that are then in the kernel. It needs root, iproute2, iptables and
// nft, and is a module of its own so that the main one stays small.
//
//	go run . record ../testdata/shapes [PART-OF-NAME]
//	go run . random FOLDER SEED COUNT
//	go run . stale FILE SEED COUNT
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/events"
	utilsysctl "k8s.io/component-helpers/node/util/sysctl"
	"k8s.io/kubernetes/pkg/proxy"
	"k8s.io/kubernetes/pkg/proxy/iptables"
	"k8s.io/kubernetes/pkg/proxy/nftables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"
	utiliptables "k8s.io/kubernetes/pkg/util/iptables"
)

// config is how one recording's kube-proxy runs.
type config struct {
	Mode              string // "iptables", "nftables" or "ipvs"
	IPv6              bool
	MasqueradeAll     bool
	NoLocalhost       bool
	MasqueradeBit     int
	CIDR, Interface   string // local detection
	Bridge            string
	NodePortAddresses []string
	BeLiberal         bool
	Zone              string
	ServiceCIDRs      []string
	Scheduler         string // of IPVS
	Node, NodeIP      string
}

func main() {
	switch {
	case len(os.Args) >= 3 && os.Args[1] == "record":
		if err := record(os.Args[2], strings.Join(os.Args[3:], "")); err != nil {
			fatal(err)
		}
	case len(os.Args) == 4 && os.Args[1] == "run":
		run(os.Args[2], os.Args[3])
	case len(os.Args) == 5 && (os.Args[1] == "random" || os.Args[1] == "stale"):
		write := map[string]func(string, int64, int) error{"random": random, "stale": recordStale}[os.Args[1]]
		seed, err := strconv.ParseInt(os.Args[3], 10, 64)
		count, err2 := strconv.Atoi(os.Args[4])
		if err := cmp.Or(err, err2); err != nil {
			fatal(err)
		}
		if err := write(os.Args[2], seed, count); err != nil {
			fatal(err)
		}
	default:
		fatal(fmt.Errorf("usage: kubeproxyoracle record FOLDER [PART-OF-NAME] | random FOLDER SEED COUNT | stale FILE SEED COUNT | run OBJECTS CONFIG"))
	}
}

// run prints what one kube-proxy programs into this network namespace, which
// must be empty, for the objects of a file: lines of JSON.
func run(objects, configuration string) {
	c := config{MasqueradeBit: 14, Node: "node-a"}
	if err := json.Unmarshal([]byte(configuration), &c); err != nil {
		fatal(err)
	}
	c.NodeIP = "192.168.10.1"
	if c.IPv6 {
		c.NodeIP = "fd00:10::1"
	}
	services, slices, err := readObjects(objects)
	if err != nil {
		fatal(err)
	}
	setUp(c)
	p, node, err := c.proxier()
	if err != nil {
		fatal(err)
	}
	if c.Zone != "" {
		p.OnTopologyChange(map[string]string{v1.LabelTopologyZone: c.Zone})
	}
	if len(c.ServiceCIDRs) > 0 {
		p.OnServiceCIDRsChanged(c.ServiceCIDRs)
	}
	for _, s := range services {
		p.OnServiceAdd(s)
	}
	for _, s := range slices {
		p.OnEndpointSliceAdd(s)
	}
	p.OnServiceSynced()
	p.OnEndpointSlicesSynced()
	if node != nil {
		fmt.Print(node.dump(c))
		return
	}
	fmt.Print(c.dump())
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// readObjects reads what kube-proxy's informers would hand on: no services of
// other proxies, no headless services and slices.
func readObjects(file string) (services []*v1.Service, slices []*discovery.EndpointSlice, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewScanner(bytes.NewReader(text))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Bytes()
		switch {
		case !bytes.HasPrefix(line, []byte("{")):
		case bytes.Contains(line, []byte(`"kind":"Service"`)):
			s := &v1.Service{}
			if err := json.Unmarshal(line, s); err != nil {
				return nil, nil, err
			}
			if _, other := s.Labels["service.kubernetes.io/service-proxy-name"]; !other && s.Spec.ClusterIP != "None" {
				services = append(services, s)
			}
		case bytes.Contains(line, []byte(`"kind":"EndpointSlice"`)):
			s := &discovery.EndpointSlice{}
			if err := json.Unmarshal(line, s); err != nil {
				return nil, nil, err
			}
			if _, headless := s.Labels[v1.IsHeadlessService]; !headless {
				slices = append(slices, s)
			}
		}
	}
	return services, slices, in.Err()
}

func setUp(c config) {
	for _, args := range []string{"link set lo up", "link add eth0 type veth peer name peer0", "addr add 192.168.10.1/24 dev eth0",
		"addr add 172.20.0.1/16 dev eth0", "-6 addr add fd00:10::1/64 dev eth0 nodad", "link set eth0 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			fatal(fmt.Errorf("ip %s: %v: %s", args, err, out))
		}
	}
	if c.BeLiberal {
		if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", []byte("1"), 0o644); err != nil {
			fatal(err)
		}
	}
}

// proxier makes kube-proxy. The node is only for IPVS mode.
func (c config) proxier() (proxy.Provider, *ipvsNode, error) {
	ctx := context.Background()
	detect := proxyutil.NewNoOpLocalDetector()
	switch {
	case c.CIDR != "":
		detect = proxyutil.NewDetectLocalByCIDR(c.CIDR)
	case c.Interface != "":
		detect = proxyutil.NewDetectLocalByInterfaceNamePrefix(c.Interface)
	case c.Bridge != "":
		detect = proxyutil.NewDetectLocalByBridgeInterface(c.Bridge)
	}
	family, protocol := v1.IPv4Protocol, utiliptables.ProtocolIPv4
	if c.IPv6 {
		family, protocol = v1.IPv6Protocol, utiliptables.ProtocolIPv6
	}
	if c.Mode == "ipvs" {
		return c.ipvsProxier(detect)
	}
	recorder := events.NewFakeRecorder(1000)
	if c.Mode == "nftables" {
		p, err := nftables.NewProxier(ctx, family, time.Hour, time.Second, c.MasqueradeAll, c.MasqueradeBit, detect,
			c.Node, net.ParseIP(c.NodeIP), recorder, nil, c.NodePortAddresses, false)
		return p, nil, err
	}
	p, err := iptables.NewProxier(ctx, family, utiliptables.New(protocol), utilsysctl.New(), time.Hour, time.Second,
		c.MasqueradeAll, !c.NoLocalhost, c.MasqueradeBit, detect, c.Node, net.ParseIP(c.NodeIP), recorder, nil, c.NodePortAddresses, false)
	return p, nil, err
}

// dump lists the rules once kube-proxy's canary chains are there.
func (c config) dump() string {
	if c.Mode == "nftables" {
		return command("nft", "list", "ruleset")
	}
	save := "iptables-save"
	if c.IPv6 {
		save = "ip6tables-save"
	}
	for range 50 {
		text := command(save)
		if strings.Count(text, ":KUBE-PROXY-CANARY") == 3 {
			return text
		}
		time.Sleep(100 * time.Millisecond)
	}
	fatal(fmt.Errorf("no canary chains"))
	return ""
}

func command(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		fatal(fmt.Errorf("%s: %v: %s", name, err, out))
	}
	return string(out)
}
