package check

import (
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/yamlpos"
)

// doubts warns of single objects that everybody accepts though they are surely
// not meant.
func (o on) doubts() {
	if o.src.Node == nil {
		return
	}
	if strings.HasSuffix(o.src.APIVersion, "networking.k8s.io/v1") && o.src.Kind == "NetworkPolicy" {
		o.kubernetesDoubts()
		return
	}
	switch o.src.Kind {
	case "GlobalNetworkPolicy", "NetworkPolicy", "StagedGlobalNetworkPolicy", "StagedNetworkPolicy":
		o.policyDoubts()
	case "StagedKubernetesNetworkPolicy":
		o.kubernetesDoubts()
	case "Profile":
		for _, direction := range []string{"ingress", "egress"} {
			at := path{"spec", direction}
			for i := range items(o.node(at)) {
				o.ruleDoubts(at.add(i))
			}
			o.duplicateRules(direction)
		}
	case "Tier":
		o.tierDoubts()
	case "GlobalNetworkSet", "NetworkSet":
		o.setDoubts()
	case "FelixConfiguration":
		o.felixDoubts()
	case "Service":
		o.nodePortRange()
	case "IPPool":
		o.selectorDoubts(path{"spec", "nodeSelector"})
		o.selectorDoubts(path{"spec", "namespaceSelector"})
	}
}

func (o on) tierDoubts() {
	at := path{"spec", "order"}
	if v, err := strconv.ParseFloat(o.text(at), 64); err == nil && v < 0 {
		o.report("tier/negative-order", at, "number tiers from 0 up", "order %s puts the tier before all with a natural order", o.text(at))
	}
}

// setDoubts warns of networks of a network set that are not what they seem.
func (o on) setDoubts() {
	at := path{"spec", "nets"}
	if len(items(o.node(at))) == 0 {
		o.reportAt("set/empty", o.src.At(at...), "give it networks, or remove the rules that select it", "the set has no networks: rules that select it match nothing by it")
	}
	if o.src.Kind == "GlobalNetworkSet" && len(fields(o.node(path{"metadata", "labels"}))) == 0 {
		o.reportAt("set/no-labels", o.src.At("metadata"), "give it labels, which rules can select", "a global network set without labels: only a selector for everything finds it")
	}
	for i, n := range items(o.node(at)) {
		prefix, host, err := parseNet(n.Text)
		switch {
		case err != nil || n.Text == "":
		case prefix.Bits() == 0:
			o.report("set/everything", at.add(i), "name networks; a rule without a selector is for all addresses", "%s is every address", n.Text)
		case host != prefix.Addr():
			o.report("set/host-bits", at.add(i), "write "+prefix.String()+", or a longer prefix", "%s has bits set beyond its prefix length: the set holds all of %s", n.Text, prefix)
		}
	}
}

// interfaceList is what Felix asks a list of interface prefixes to be.
var interfaceList = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,15}(,[a-zA-Z0-9_-]{1,15})*$`)

// felixDoubts warns of settings with which Felix does not start or hosts cannot be
// reached.
func (o on) felixDoubts() {
	spec := path{"spec"}
	if at := spec.add("interfacePrefix"); o.text(at) != "" && !interfaceList.MatchString(o.text(at)) {
		o.report("felix/dies", at, "give prefixes of at most 15 letters, digits, '_' and '-', joined by commas", "%q is no list of interface prefixes; Felix cannot read it and stops", o.text(at))
	}
	for _, field := range []string{"iptablesMarkMask", "nftablesMarkMask"} {
		at := spec.add(field)
		if v, err := strconv.ParseUint(o.text(at), 0, 32); err == nil && bits.OnesCount64(v) < 2 {
			o.report("felix/dies", at, "leave it out, or give more bits", "%s has fewer than two bits; Felix stops", o.text(at))
		}
	}
	for _, field := range []string{"failsafeInboundHostPorts", "failsafeOutboundHostPorts"} {
		o.failsafeDoubts(spec.add(field))
	}
	if name := o.meta.GetName(); name != "default" && !strings.HasPrefix(name, "node.") && o.text(spec.add("nodeSelector")) == "" {
		o.report("felix/nobody", path{"metadata", "name"}, "call it default or node.NAME, or give it a nodeSelector", "no node takes a FelixConfiguration called %s without nodeSelector", name)
	}
}

func (o on) failsafeDoubts(at path) {
	n := o.node(at)
	if n != nil && n.Kind == yamlpos.List && len(n.Items) == 0 {
		o.reportAt("felix/no-failsafe", o.src.At(at...), "leave the field out for the usual ports", "no failsafe ports: a policy on host endpoints can cut the host off for good")
	}
	if n != nil && len(n.Items) > 0 {
		o.failsafeMissing(n, at)
	}
	for i := range items(n) {
		port, protocol := o.text(at.add(i, "port")), o.text(at.add(i, "protocol"))
		if (port == "67" || port == "68") && strings.EqualFold(protocol, "TCP") {
			o.report("felix/failsafe-dhcp", at.add(i, "protocol"), "write protocol: UDP", "failsafe port %s of TCP: DHCP goes over UDP", port)
		}
	}
}

// failsafeMissing warns of a list of failsafe ports without those by which a host
// is reached and reaches its API server.
func (o on) failsafeMissing(n *yamlpos.Node, at path) {
	wanted, what := []string{"22"}, "SSH (TCP port 22)"
	if at[1] == "failsafeOutboundHostPorts" {
		wanted, what = []string{"6443", "443"}, "the API server (TCP port 6443)"
	}
	for _, item := range n.Items {
		protocol, port := item.Str("protocol"), item.Get("port")
		if port != nil && slices.Contains(wanted, port.Text) && (protocol == "" || strings.EqualFold(protocol, "TCP")) {
			return
		}
	}
	o.reportAt("felix/failsafe-missing", o.src.At(at...), "add it to the list, which takes the place of the usual ports", "%s is not among the failsafe ports: a policy on host endpoints can cut it off", what)
}
