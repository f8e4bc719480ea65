package kubeproxy

import (
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The sets of IPVS mode by their IPv4 names.
const (
	setLoopBack        nf.SetName = "KUBE-LOOP-BACK"
	setClusterIP       nf.SetName = "KUBE-CLUSTER-IP"
	setExternalIP      nf.SetName = "KUBE-EXTERNAL-IP"
	setExternalIPLocal nf.SetName = "KUBE-EXTERNAL-IP-LOCAL"
	setBalancer        nf.SetName = "KUBE-LOAD-BALANCER"
	setBalancerFW      nf.SetName = "KUBE-LOAD-BALANCER-FW"
	setBalancerLocal   nf.SetName = "KUBE-LOAD-BALANCER-LOCAL"
	setBalancerSource  nf.SetName = "KUBE-LOAD-BALANCER-SOURCE-IP"
	setBalancerCIDR    nf.SetName = "KUBE-LOAD-BALANCER-SOURCE-CIDR"
	setPortTCP         nf.SetName = "KUBE-NODE-PORT-TCP"
	setPortLocalTCP    nf.SetName = "KUBE-NODE-PORT-LOCAL-TCP"
	setPortUDP         nf.SetName = "KUBE-NODE-PORT-UDP"
	setPortLocalUDP    nf.SetName = "KUBE-NODE-PORT-LOCAL-UDP"
	setPortSCTP        nf.SetName = "KUBE-NODE-PORT-SCTP-HASH"
	setPortLocalSCTP   nf.SetName = "KUBE-NODE-PORT-LOCAL-SCTP-HASH"
	setHealthCheck     nf.SetName = "KUBE-HEALTH-CHECK-NODE-PORT"
	setIPVSIPs         nf.SetName = "KUBE-IPVS-IPS"
)

// ipvsSet is a set of IPVS mode; comment is that of the rules that ask it.
type ipvsSet struct {
	name          nf.SetName
	kind, comment string
}

// ipvsSets are all sets; they exist even when they are empty.
var ipvsSets = []ipvsSet{
	{setLoopBack, "hash:ip,port,ip", "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose"},
	{setClusterIP, "hash:ip,port", "Kubernetes service cluster ip + port for masquerade purpose"},
	{setExternalIP, "hash:ip,port", "Kubernetes service external ip + port for masquerade and filter purpose"},
	{setExternalIPLocal, "hash:ip,port", "Kubernetes service external ip + port with externalTrafficPolicy=local"},
	{setBalancer, "hash:ip,port", "Kubernetes service lb portal"},
	{setBalancerFW, "hash:ip,port", "Kubernetes service load balancer ip + port for load balancer with sourceRange"},
	{setBalancerLocal, "hash:ip,port", "Kubernetes service load balancer ip + port with externalTrafficPolicy=local"},
	{setBalancerSource, "hash:ip,port,ip", "Kubernetes service load balancer ip + port + source IP for packet filter purpose"},
	{setBalancerCIDR, "hash:ip,port,net", "Kubernetes service load balancer ip + port + source cidr for packet filter purpose"},
	{setPortTCP, "bitmap:port", "Kubernetes nodeport TCP port for masquerade purpose"},
	{setPortLocalTCP, "bitmap:port", "Kubernetes nodeport TCP port with externalTrafficPolicy=local"},
	{setPortUDP, "bitmap:port", "Kubernetes nodeport UDP port for masquerade purpose"},
	{setPortLocalUDP, "bitmap:port", "Kubernetes nodeport UDP port with externalTrafficPolicy=local"},
	{setPortSCTP, "hash:ip,port", "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"},
	{setPortLocalSCTP, "hash:ip,port", "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"},
	{setHealthCheck, "bitmap:port", "Kubernetes health check node port"},
	{setIPVSIPs, "hash:ip", "Addresses on the ipvs interface"},
}

func newIPVSSet(d ipvsSet, f packet.Family) *nf.Set {
	s := &nf.Set{Name: ipvsSetName(d.name, f), Type: d.kind, Options: []string{"range 0-65535"}}
	if d.kind != "bitmap:port" {
		s.Family, s.Options = f, []string{"hashsize 1024", "maxelem 65536"}
	}
	return s
}

// maxIPSetName is the kernel's limit on names (IPSET_MAXNAMELEN less one); a
// longer one is cut.
const maxIPSetName = 31

func ipvsSetName(name nf.SetName, f packet.Family) nf.SetName {
	if f != packet.IPv6 {
		return name
	}
	text := "KUBE-6-" + strings.TrimPrefix(string(name), "KUBE-")
	return nf.SetName(text[:min(len(text), maxIPSetName)])
}

func setNodePort(p packet.Proto, local bool) nf.SetName {
	names := map[packet.Proto][2]nf.SetName{
		packet.ProtoTCP: {setPortTCP, setPortLocalTCP}, packet.ProtoUDP: {setPortUDP, setPortLocalUDP},
		packet.ProtoSCTP: {setPortSCTP, setPortLocalSCTP},
	}
	if local {
		return names[p][1]
	}
	return names[p][0]
}
