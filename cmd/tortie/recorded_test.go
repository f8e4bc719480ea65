package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/compiler/resolve"
	"tortie/dataplane/dump"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/difftest"
)

// recordedInputs is what went into the Felix of a recording.
type recordedInputs struct {
	Inputs, Env, NFTEnv string
}

func readRecordedInputs(scenario string) (in recordedInputs, err error) {
	f, err := os.Open("../../compiler/felix/testdata/scenarios/" + scenario + ".json.gz")
	if err != nil {
		return in, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return in, err
	}
	err = json.NewDecoder(z).Decode(&in)
	return in, err
}

// recordedNetwork is the topology of the recordings: node1 on a segment with a
// gateway, in some with IPv6, in some with a second network.
func recordedNetwork(r *difftest.Recording) string {
	addrs, eth0, eth1 := r.Files["ip-addr.txt"], "172.31.0.1/24", ""
	if strings.Contains(addrs, "fd00:172:31::1/64") {
		eth0 += ", 'fd00:172:31::1/64'"
	}
	if strings.Contains(addrs, "172.30.0.1/24") {
		eth1 = "  - {name: eth1, kind: bridge, addresses: [172.30.0.1/24]}\n"
	}
	return "apiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata: {name: node1}\nspec:\n  interfaces:\n" +
		"  - {name: eth0, kind: veth, addresses: [" + eth0 + "]}\n" + eth1 +
		"  routes:\n  - {to: default, via: 172.31.0.100, dev: eth0}\n"
}

// compiledNode is node1 of a recording as the compiler makes it of the objects.
func compiledNode(r *difftest.Recording) (*host.State, error) {
	in, err := readRecordedInputs(r.Scenario)
	if err != nil {
		return nil, err
	}
	snap, findings := cluster.Read([]cluster.File{
		{Name: "inputs.yaml", Data: []byte(in.Inputs)}, {Name: "network.yaml", Data: []byte(recordedNetwork(r))},
	}, cluster.Options{})
	opt := link.Options{KubeProxy: link.KubeProxyNone, NodeRules: map[host.Name][][]link.Foreign{}}
	services := "testdata/recorded/services.iptables"
	if r.Mode == dump.NFT {
		opt.NFTables, in.Env, services = true, in.NFTEnv, "testdata/recorded/services.nft"
	} else {
		opt.Iptables = true
	}
	data, err := os.ReadFile(services)
	if err != nil {
		return nil, err
	}
	tables, more := parseTables(services, data)
	if findings = append(findings, more...); more.HasErrors() {
		return nil, fmt.Errorf("%v", findings)
	}
	opt.NodeRules["node1"] = [][]link.Foreign{{{Tables: tables, AnyBackend: true}}}
	opt.Env = recordedEnv(in.Env, r.Scenario, r.Mode)
	linker, _ := link.New(snap, opt)
	fleet, _, err := linker.Fleet([]host.Name{"node1"})
	if err != nil {
		return nil, err
	}
	return fleet.FindHost("node1"), nil
}

// recordedEnv is Felix's environment. Where the Kubernetes recordings name no
// action for packets to the host, Felix had its own default; the manifests, which
// the compiler assumes, name one.
func recordedEnv(text, scenario string, mode dump.Mode) resolve.Config {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			vars[k] = v
		}
	}
	env := resolve.EnvConfig(vars)
	if mode == dump.IptablesNFT {
		env["iptablesbackend"] = "NFT"
	}
	if strings.HasPrefix(scenario, "k") && env["defaultendpointtohostaction"] == "" {
		env["defaultendpointtohostaction"] = "Drop"
	}
	return env
}

// takeHandles gives the rules of a compiled node the handles of the recording's:
// the probes name nftables rules by them.
func takeHandles(to, from *nf.Ruleset) error {
	for i := range to.Tables {
		t := &to.Tables[i]
		f := from.FindTable(t.Backend, t.Family, t.Name)
		if f == nil {
			continue
		}
		for j := range t.Chains {
			c := &t.Chains[j]
			have := f.FindChain(c.Name)
			if have == nil || len(have.Rules) != len(c.Rules) {
				return fmt.Errorf("chain %s of %s %s: not with as many rules as recorded", c.Name, t.Family, t.Name)
			}
			for k := range c.Rules {
				c.Rules[k].Handle = have.Rules[k].Handle
			}
		}
	}
	return nil
}

// takeLinkLocal gives the links of a compiled node the link-local addresses of the
// recording's, which come from hardware addresses and which no object says.
func takeLinkLocal(to, from *host.State) {
	for i := range to.Links {
		l := &to.Links[i]
		have := from.FindLink(l.Name)
		if have == nil {
			continue
		}
		for _, a := range have.Addrs {
			if a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6() {
				l.Addrs = append(l.Addrs, a)
			}
		}
	}
	for _, r := range from.Routes {
		if r.Dst.Addr().Is6() && r.Dst.Addr().IsLinkLocalUnicast() {
			to.Routes = append(to.Routes, r)
		}
	}
}

// Every recorded packet meets, on the node that the compiler makes of the
// objects, what it met on the real one: the same answer, the same address seen by
// the far end, the same connections, the same rules.
func TestRecorded_FromObjects(t *testing.T) {
	list, err := difftest.LoadPacked(os.DirFS("../../simulator/difftest/testdata/felix"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%d recordings: %v", len(list), err)
	}
	var all, hosts difftest.Tally
	for i := range list {
		r := &list[i]
		state, err := compiledNode(r)
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: no objects", r.Scenario)
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", r.Scenario, r.Mode, err)
			continue
		}
		captured, err := r.State()
		if err != nil {
			t.Fatal(err)
		}
		if err := takeHandles(&state.Ruleset, &captured.Ruleset); err != nil {
			t.Errorf("%s %s: %v", r.Scenario, r.Mode, err)
		}
		takeLinkLocal(state, captured)
		tally := &all
		if r.Scenario >= "10" && r.Scenario < "19" {
			tally = &hosts
		}
		diffs, err := difftest.ReplayOn(r, state, tally)
		if err != nil {
			t.Error(err)
		}
		for _, d := range diffs {
			t.Error(d)
		}
	}
	t.Logf("host endpoints (scenarios 10 to 18): %s", hosts)
	t.Logf("the others: %s", all)
}
