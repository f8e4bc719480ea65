package link

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/kubeproxy"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
)

// proxyConfig is what matters of kube-proxy's configuration file
// (kubeproxy.config.k8s.io/v1alpha1). How large it makes the connection table
// depends on the number of cores and is not taken from it.
type proxyConfig struct {
	Mode            string `json:"mode"`
	ClusterCIDR     string `json:"clusterCIDR"`
	DetectLocalMode string `json:"detectLocalMode"`
	DetectLocal     struct {
		BridgeInterface     string `json:"bridgeInterface"`
		InterfaceNamePrefix string `json:"interfaceNamePrefix"`
	} `json:"detectLocal"`
	NodePortAddresses []string        `json:"nodePortAddresses"`
	IPTables          proxyMasquerade `json:"iptables"`
	NFTables          proxyMasquerade `json:"nftables"`
	IPVS              struct {
		Scheduler string `json:"scheduler"`
	} `json:"ipvs"`
	Conntrack struct {
		TCPBeLiberal          bool    `json:"tcpBeLiberal"`
		TCPEstablishedTimeout *string `json:"tcpEstablishedTimeout"`
		TCPCloseWaitTimeout   *string `json:"tcpCloseWaitTimeout"`
		UDPTimeout            *string `json:"udpTimeout"`
		UDPStreamTimeout      *string `json:"udpStreamTimeout"`
	} `json:"conntrack"`
}

type proxyMasquerade struct {
	MasqueradeAll      bool   `json:"masqueradeAll"`
	MasqueradeBit      *int32 `json:"masqueradeBit"`
	LocalhostNodePorts *bool  `json:"localhostNodePorts"`
}

// HoldsProxyConfig reports whether an object is kube-proxy's configuration: a document of
// its own, or the ConfigMap kube-system/kube-proxy as kubeadm writes it.
func HoldsProxyConfig(n *yamlpos.Node) bool {
	return n.Str("kind") == "KubeProxyConfiguration" || n.Str("kind") == "ConfigMap" && n.Get("metadata").Str("name") == "kube-proxy"
}

// readProxyConfig finds kube-proxy's configuration; nil without one.
func readProxyConfig(s *cluster.Snapshot) (*proxyConfig, diag.List) {
	for _, src := range s.Others {
		switch {
		case !HoldsProxyConfig(src.Node):
		case src.Kind == "KubeProxyConfiguration":
			return decodeProxyConfig(src.Node, src.At())
		default:
			text := src.Node.Get("data").Str("config.conf")
			docs, findings := yamlpos.Parse(src.File, []byte(text))
			if text == "" || len(docs) == 0 || findings.HasErrors() {
				continue
			}
			return decodeProxyConfig(docs[0], src.At("data", "config.conf"))
		}
	}
	return nil, nil
}

// decodeProxyConfig reads the fields above and no others.
func decodeProxyConfig(n *yamlpos.Node, at diag.Span) (*proxyConfig, diag.List) {
	c := &proxyConfig{}
	diags, _ := yamlpos.Decode(n, c, yamlpos.Options{Lenient: true})
	var out diag.List
	for _, f := range diags {
		if f.Severity == diag.Error {
			f.Span = at
			out.Add(f)
		}
	}
	switch c.Mode {
	case "", KubeProxyIptables, KubeProxyNFTables, KubeProxyIPVS:
	default:
		out.Add(diag.Finding{Code: "service/proxy-mode", Severity: diag.Error, Span: at,
			Message: fmt.Sprintf("kube-proxy's mode %q is neither iptables, nftables nor ipvs", c.Mode)})
	}
	return c, out
}

// mode is the mode that kube-proxy runs in.
func (c *proxyConfig) mode() string {
	if c.Mode == "" {
		return KubeProxyIptables
	}
	return c.Mode
}

// apply puts the configuration into kube-proxy's options.
func (c *proxyConfig) apply(o *kubeproxy.Options) {
	o.Local = kubeproxy.LocalDetector{}
	switch c.DetectLocalMode {
	case "", "ClusterCIDR":
		for text := range strings.SplitSeq(c.ClusterCIDR, ",") {
			if p, ok := kubeproxy.ParsePrefix(strings.TrimSpace(text)); ok {
				o.Local.CIDRs = append(o.Local.CIDRs, p)
			}
		}
	case "NodeCIDR":
		o.Local.NodeCIDR = true
	case "BridgeInterface":
		o.Local.Bridge = c.DetectLocal.BridgeInterface
	case "InterfaceNamePrefix":
		o.Local.InterfacePrefix = c.DetectLocal.InterfaceNamePrefix
	}
	if len(c.NodePortAddresses) > 0 {
		o.NodePortAddressesPrimary = false
	}
	for _, text := range c.NodePortAddresses {
		if text == "primary" {
			o.NodePortAddressesPrimary = true
		} else if p, ok := kubeproxy.ParsePrefix(text); ok {
			o.NodePortAddresses = append(o.NodePortAddresses, p)
		}
	}
	own := c.IPTables
	if o.Mode == kubeproxy.NFTables {
		own = c.NFTables
	}
	o.MasqueradeAll, o.Scheduler = own.MasqueradeAll, c.IPVS.Scheduler
	if b := own.MasqueradeBit; b != nil && *b >= 0 && *b < 32 {
		o.MasqueradeMark = 1 << *b
	}
	if l := own.LocalhostNodePorts; l != nil {
		o.LocalhostNodePorts = *l
	}
}

// sysctls sets what kube-proxy sets of connection tracking, by default one day
// for established connections and one hour for half-closed ones.
func (c *proxyConfig) sysctls(s *host.State) {
	const prefix = "net.netfilter.nf_conntrack_"
	set := func(name string, value *string, otherwise time.Duration) {
		t := otherwise
		if value != nil {
			if d, err := time.ParseDuration(*value); err == nil {
				t = d
			}
		}
		if t > 0 {
			s.Sysctls[prefix+name] = strconv.Itoa(int(t / time.Second))
		}
	}
	set("tcp_timeout_established", c.Conntrack.TCPEstablishedTimeout, 24*time.Hour)
	set("tcp_timeout_close_wait", c.Conntrack.TCPCloseWaitTimeout, time.Hour)
	set("udp_timeout", c.Conntrack.UDPTimeout, 0)
	set("udp_timeout_stream", c.Conntrack.UDPStreamTimeout, 0)
	if c.Conntrack.TCPBeLiberal {
		s.Sysctls[beLiberal] = "1"
	}
}

// serviceCIDRs are the prefixes of the ServiceCIDR objects.
func (l *Linker) serviceCIDRs() []netip.Prefix {
	var out []netip.Prefix
	for _, o := range l.snapshot.ServiceCIDRs {
		for _, c := range o.Object.Spec.CIDRs {
			if p, err := netip.ParsePrefix(c); err == nil {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}
