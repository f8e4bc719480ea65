package main

import (
	"net/netip"
	"strings"

	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// oracleVisit is one packet's visit to one node.
type oracleVisit struct {
	*oracleRun
	n       *oracleNode
	in, out string
	p       *oraclePacket
	key     string // of the connection at this node
	outer   bool   // the packet carries another in a tunnel
	state   oracleState
	// early says that untracked or pre-DNAT policy allowed the packet.
	early bool
	// settled says that the packet is one of an accepted connection.
	settled bool
}

// cross takes a packet through one node, from an interface ("" is a process) to
// the one by which it leaves ("" is delivered).
func (r *oracleRun) cross(n *oracleNode, in string, p *oraclePacket, tag string) (out string, ok bool) {
	v := &oracleVisit{oracleRun: r, n: n, in: in, p: p, outer: tag != ""}
	v.key = n.name + tag
	if v.outer && p.proto == packet.ProtoUDP { // each direction of VXLAN is a flow of its own
		v.key += p.src.String()
	}
	v.out = r.route(n, p.dst)
	if !v.untracked() {
		return "", false
	}
	e := r.entries[v.key]
	if v.state != oracleCtUntracked {
		v.state = oracleClassify(e, p, v.outer)
		v.translateBack(e)
	}
	if !v.preDNAT() {
		return "", false
	}
	switch {
	case in == "":
		ok = v.output()
	case v.out == "":
		ok = v.input()
	default:
		ok = v.forward()
	}
	if ok {
		v.remember(e)
	}
	return v.out, ok
}

// translateBack undoes the source translation for replies, before routing.
func (v *oracleVisit) translateBack(e *oracleEntry) {
	if e == nil || !e.snat.IsValid() || v.state == oracleCtInvalid {
		return
	}
	if v.p.dst == e.snat && v.p.src == e.dst && v.p.dport == e.snatPort {
		v.p.dst, v.p.dport = e.src, e.sport
		v.out = v.route(v.n, v.p.dst)
	}
}

// untracked asks the untracked policies about every packet; no default deny.
func (v *oracleVisit) untracked() bool {
	if v.isVXLAN() {
		v.state = oracleCtUntracked // Felix leaves VXLAN out of conntrack
	}
	iface, ingress := v.in, true
	if v.in == "" {
		iface, ingress = v.out, false
	}
	h := v.n.hepOf(iface, false)
	if h == nil || v.failsafeEither(ingress) {
		return true
	}
	switch v.judge(h.thing(), oracleUntracked, ingress, v.p) {
	case oracleDeny:
		return v.drop("%s: untracked policy of %s", v.n.name, h.Name)
	case oracleAllow:
		v.state, v.early = oracleCtUntracked, true
	}
	return true
}

// isVXLAN reports whether a packet is of a tunnel that Felix has set up, or looks so.
func (v *oracleVisit) isVXLAN() bool {
	return v.p.proto == packet.ProtoUDP && v.p.dport == 4789 && v.p.dst.Is4() && v.mode("vxlan")
}

// mode reports whether a pool uses an encapsulation.
func (w *oracleWorld) mode(encapsulation string) bool {
	for _, o := range w.snap.IPPools {
		m := string(o.Object.Spec.VXLANMode)
		if encapsulation == "ipip" {
			m = string(o.Object.Spec.IPIPMode)
		}
		if m == "Always" || m == "CrossSubnet" {
			return true
		}
	}
	return false
}

func (h *oracleHEP) thing() *oracleThing { return &oracleThing{labels: h.labels} }

// failsafeEither is a failsafe port for a request or for its replies.
func (v *oracleVisit) failsafeEither(ingress bool) bool {
	if ingress {
		return oracleFailsafe(v.failsafeIn(), v.p, v.p.dport, v.p.src) || oracleFailsafe(v.failsafeOut(), v.p, v.p.sport, v.p.src)
	}
	return oracleFailsafe(v.failsafeOut(), v.p, v.p.dport, v.p.dst) || oracleFailsafe(v.failsafeIn(), v.p, v.p.sport, v.p.dst)
}

func (w *oracleWorld) failsafeIn() []v3.ProtoPort {
	return oracleProtoPorts(w.config.FailsafeInboundHostPorts, []v3.ProtoPort{
		{Protocol: "tcp", Port: 22}, {Protocol: "udp", Port: 68}, {Protocol: "tcp", Port: 179}, {Protocol: "tcp", Port: 2379},
		{Protocol: "tcp", Port: 2380}, {Protocol: "tcp", Port: 5473}, {Protocol: "tcp", Port: 6443}, {Protocol: "tcp", Port: 6666},
		{Protocol: "tcp", Port: 6667},
	})
}

func (w *oracleWorld) failsafeOut() []v3.ProtoPort {
	return oracleProtoPorts(w.config.FailsafeOutboundHostPorts, []v3.ProtoPort{
		{Protocol: "udp", Port: 53}, {Protocol: "udp", Port: 67}, {Protocol: "tcp", Port: 179}, {Protocol: "tcp", Port: 2379},
		{Protocol: "tcp", Port: 2380}, {Protocol: "tcp", Port: 5473}, {Protocol: "tcp", Port: 6443}, {Protocol: "tcp", Port: 6666},
		{Protocol: "tcp", Port: 6667},
	})
}

// preDNAT asks the pre-DNAT policies about what comes in and is not known yet.
func (v *oracleVisit) preDNAT() bool {
	if v.in == "" || v.early || v.state == oracleCtEstablished {
		return true
	}
	h := v.preDNATHEP()
	if h == nil {
		return true
	}
	if v.invalid("pre-DNAT") {
		return false
	}
	if oracleFailsafe(v.failsafeIn(), v.p, v.p.dport, v.p.src) {
		return true
	}
	switch v.judge(h.thing(), oraclePreDNAT, true, v.p) {
	case oracleDeny:
		return v.drop("%s: pre-DNAT policy of %s", v.n.name, h.Name)
	case oracleAllow:
		v.early = true
	}
	return true
}

// preDNATHEP is the host endpoint whose pre-DNAT policies count: a named one
// without any leaves the place to the one for all interfaces.
func (v *oracleVisit) preDNATHEP() *oracleHEP {
	if h := v.n.hepOf(v.in, false); h != nil && v.hasPolicy(h, oraclePreDNAT, true) {
		return h
	}
	h := v.n.hepOf("no interface", true)
	if h == nil || !v.hasPolicy(h, oraclePreDNAT, true) {
		return nil
	}
	return h
}

// hasPolicy reports whether a policy of a stage governs the host endpoint.
func (w *oracleWorld) hasPolicy(h *oracleHEP, s oracleStage, ingress bool) bool {
	for _, t := range w.tiers {
		for _, p := range t.policies {
			if p.at(s) && (ingress && p.ingress || !ingress && p.egress) && p.selects(h.thing()) {
				return true
			}
		}
	}
	return false
}

// invalid drops a packet that conntrack can make nothing of, unless that is off.
func (v *oracleVisit) invalid(where string) bool {
	off := v.config.DisableConntrackInvalidCheck
	if v.state == oracleCtInvalid && (off == nil || !*off) {
		v.drop("%s: %s: invalid", v.n.name, where)
		return true
	}
	return false
}

// output is what a process sends: workloads of the node are always reached;
// else the host endpoint's egress policy decides.
func (v *oracleVisit) output() bool {
	if v.early || strings.HasPrefix(v.out, "cali") || v.outer {
		return true
	}
	if v.isVXLAN() && v.isNode(v.p.dst) {
		return true // looks like a tunnel's packet between nodes
	}
	if v.nftables && (v.state == oracleCtInvalid || v.state == oracleCtUntracked) {
		return true // "ct status" matches nothing without a connection
	}
	return v.local(v.out, false)
}

// input is what a process gets.
func (v *oracleVisit) input() bool {
	if v.outer {
		return true
	}
	if v.isVXLAN() {
		if v.in == "" || v.isNode(v.p.src) {
			return true
		}
		return v.drop("%s: VXLAN from no node", v.n.name)
	}
	if pod := v.podBehind(v.in); pod != nil {
		return v.podToHost(pod)
	}
	return v.early || v.local(v.in, true)
}

func (v *oracleVisit) podToHost(pod *oraclePod) bool {
	if !v.workload(pod, false) {
		return false
	}
	if v.settled {
		return true
	}
	switch strings.ToLower(v.config.DefaultEndpointToHostAction) {
	case "accept", "": // unset: the operator and the manifests set Accept
		return true
	case "return": // to whatever stands behind Calico's rules; here that accepts
		return true
	}
	return v.drop("%s: defaultEndpointToHostAction", v.n.name)
}

// local asks the normal policy of a host endpoint for traffic of processes.
func (v *oracleVisit) local(iface string, ingress bool) bool {
	h := v.n.hepOf(iface, true)
	switch {
	case h == nil || v.state == oracleCtEstablished:
		return true
	case v.invalid("host endpoint"):
		return false
	case ingress && oracleFailsafe(v.failsafeIn(), v.p, v.p.dport, v.p.src):
		return true
	case !ingress && oracleFailsafe(v.failsafeOut(), v.p, v.p.dport, v.p.dst):
		return true
	}
	switch v.judge(h.thing(), oracleNormal, ingress, v.p) {
	case oracleAllow:
		return true
	case oracleDeny:
		return v.drop("%s: policy of host endpoint %s, ingress %v", v.n.name, h.Name, ingress)
	}
	if v.profiles(h.Spec.Profiles, ingress, v.p) {
		return true
	}
	return v.drop("%s: no profile of host endpoint %s accepts", v.n.name, h.Name)
}

// forward asks everyone whom a forwarded packet concerns: the host endpoint by
// which it comes, the pod it is from, the pod it is for, the host endpoint by
// which it leaves.
func (v *oracleVisit) forward() bool {
	if !v.early && !v.forwarded(v.in, true) {
		return false
	}
	if pod := v.podBehind(v.in); pod != nil && !v.settled && !v.workload(pod, false) {
		return false
	}
	if pod := v.podBehind(v.out); pod != nil && !v.settled && !v.workload(pod, true) {
		return false
	}
	return v.settled || v.forwarded(v.out, false)
}

func (v *oracleVisit) podBehind(iface string) *oraclePod {
	for _, p := range v.pods {
		if p.node == v.n.name && p.iface == iface {
			return p
		}
	}
	return nil
}

// forwarded asks the applyOnForward policies of a host endpoint; without any for
// the direction the packet may pass.
func (v *oracleVisit) forwarded(iface string, ingress bool) bool {
	h := v.n.hepOf(iface, true)
	switch {
	case h == nil:
		return true
	case v.state == oracleCtEstablished:
		v.settled = true
		return true
	case v.invalid("forward"):
		return false
	}
	if v.judge(h.thing(), oracleForward, ingress, v.p) == oracleDeny {
		return v.drop("%s: applyOnForward policy of %s, ingress %v", v.n.name, h.Name, ingress)
	}
	return true
}

// workload asks a pod's policies, then its profiles.
func (v *oracleVisit) workload(pod *oraclePod, ingress bool) bool {
	if v.state == oracleCtEstablished {
		v.settled = true
		return true
	}
	if v.invalid("workload") {
		return false
	}
	vxlan := v.p.proto == packet.ProtoUDP && v.p.dport == 4789
	allowed := v.config.AllowVXLANPacketsFromWorkloads
	if !ingress && vxlan && (allowed == nil || !*allowed) {
		return v.drop("%s: a workload may not send tunnel packets", v.n.name)
	}
	switch v.judge(v.podThing(pod), oracleNormal, ingress, v.p) {
	case oracleAllow:
		return true
	case oracleDeny:
		return v.drop("%s: policy of pod %s/%s, ingress %v", v.n.name, pod.ns, pod.name, ingress)
	}
	if v.namespaceLabels(pod.ns) != nil { // the profile of a namespace allows all
		return true
	}
	return v.drop("%s: no namespace for pod %s/%s", v.n.name, pod.ns, pod.name)
}

// remember keeps the connection, with the source that a pool's natOutgoing gives
// it on the way out.
func (v *oracleVisit) remember(e *oracleEntry) {
	switch {
	case v.state == oracleCtUntracked || v.state == oracleCtInvalid:
		return
	case e == nil:
		e = &oracleEntry{src: v.p.src, dst: v.p.dst, sport: v.p.sport}
		v.masquerade(e)
		v.entries[v.key] = e
	case v.p.src != e.src:
		e.answered = true
	}
	if e.snat.IsValid() && v.p.src == e.src {
		v.p.src, v.p.sport = e.snat, e.snatPort
	}
}

// masquerade gives a new connection another source where it asks for one: its
// address on the interface by which it leaves, and a port that the kernel draws
// from its range (the walk takes the first).
func (v *oracleVisit) masquerade(e *oracleEntry) {
	tunnel := v.out == "vxlan.calico" || v.out == "tunl0"
	switch {
	case tunnel && v.n.owns(v.p.src) && v.n.addrsOf(v.out)[0] != v.p.src:
		e.snat = v.n.addrsOf(v.out)[0] // the node's own packets carry the tunnel's address
	case !v.natOutgoing():
		return
	case v.p.src.Is6():
		e.snat = v.n.v6
	default:
		e.snat = v.n.v4
	}
	switch {
	case !v.p.proto.HasPorts():
	case v.p.sport < 512:
		e.snatPort = 1
	case v.p.sport < 1024:
		e.snatPort = 600
	default:
		e.snatPort = 1024
	}
}

// natOutgoing: from a pool with natOutgoing to no pool (and, if so set, to no
// node), out of an interface that leads away.
func (v *oracleVisit) natOutgoing() bool {
	from := v.poolOf(v.p.src)
	if v.out == "" || from == nil || !from.NATOutgoing || v.poolOf(v.p.dst) != nil {
		return false
	}
	x := v.config.NATOutgoingExclusions
	return x == nil || *x != v3.NATOutgoingExclusionsIPPoolsAndHostIPs || !v.isNode(v.p.dst)
}

func (w *oracleWorld) isNode(a netip.Addr) bool {
	for _, n := range w.nodes {
		if n.owns(a) {
			return true
		}
	}
	return false
}
