package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// autoHostEndpoints are the host endpoints that kube-controllers would make for
// a node, if KubeControllersConfiguration "default" tells it to
// (kube-controllers/pkg/controllers/node/hostendpoints.go at v3.32).
func (b *modelBuilder) autoHostEndpoints(n *calico.Node) []calico.HostEndpoint {
	cfg, src := b.snap.autoHostEndpointConfig()
	if cfg == nil || cfg.AutoCreate != "Enabled" {
		return nil
	}
	ips := n.IPs()
	var out []calico.HostEndpoint
	if cfg.CreateDefaultHostEndpoint != v3.DefaultHostEndpointsDisabled {
		out = append(out, autoHostEndpoint(n, nil, []string{n.Name}, ips, "*"))
	}
	for i, t := range cfg.Templates {
		sel, err := selector.Parse(t.NodeSelector)
		if err != nil {
			b.badTemplate(src.At("spec", "controllers", "node", "hostEndpoint", "templates", i, "nodeSelector"), err)
			return out
		}
		if sel.Matches(selector.Map(n.Labels)) {
			out = append(out, b.fromTemplate(n, t, ips, src)...)
		}
	}
	return out
}

func (b *modelBuilder) badTemplate(at diag.Span, err error) {
	f := diag.Finding{Code: "cluster/bad-template", Severity: diag.Error, Span: at, Message: "host endpoint template: " + err.Error(),
		Hint: "kube-controllers makes no host endpoints from this template on"}
	if !slices.ContainsFunc(b.diags, func(g diag.Finding) bool { return g.Code == f.Code && g.Span == f.Span }) {
		b.diags.Add(f)
	}
}

func (b *modelBuilder) fromTemplate(n *calico.Node, t v3.Template, ips []string, src Source) []calico.HostEndpoint {
	var matching []string
	for _, ip := range ips {
		addr := net.ParseIP(ip)
		if slices.ContainsFunc(t.InterfaceCIDRs, func(cidr string) bool {
			_, block, err := net.ParseCIDR(cidr)
			return err == nil && block.Contains(addr)
		}) {
			matching = append(matching, addr.String())
		}
	}
	if t.InterfacePattern == "" {
		if len(matching) == 0 {
			return nil
		}
		return []calico.HostEndpoint{autoHostEndpoint(n, t.Labels, []string{n.Name, t.GenerateName}, matching, "")}
	}
	re, err := regexp.Compile(t.InterfacePattern)
	if err != nil {
		b.badTemplate(src.At("spec", "controllers", "node", "hostEndpoint", "templates"), err)
		return nil
	}
	var out []calico.HostEndpoint
	for _, iface := range n.Spec.Interfaces {
		if !re.MatchString(iface.Name) {
			continue
		}
		all := slices.Clone(matching)
		for _, a := range iface.Addresses {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
		out = append(out, autoHostEndpoint(n, t.Labels, []string{n.Name, t.GenerateName, iface.Name}, all, iface.Name))
	}
	return out
}

func autoHostEndpoint(n *calico.Node, labels map[string]string, name, ips []string, iface string) calico.HostEndpoint {
	h := calico.HostEndpoint{
		Node: n.Name, Name: autoName(append(name, "auto-hep")), InterfaceName: iface,
		Labels: map[string]string{}, Profiles: []string{calico.DefaultAllowProfile}, Auto: true,
	}
	maps.Copy(h.Labels, n.Labels)
	maps.Copy(h.Labels, labels)
	h.Labels["projectcalico.org/created-by"] = "calico-kube-controllers"
	for _, ip := range ips {
		if addr, err := netip.ParseAddr(ip); err == nil {
			h.ExpectedIPs = append(h.ExpectedIPs, addr)
		}
	}
	return h
}

// autoName joins the parts of a name, or makes a hash of one that is too long.
func autoName(parts []string) string {
	name := strings.Join(parts, "-")
	if len(name) <= 253 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := strings.NewReplacer("-", "", "_", "", ".", "").Replace(base64.RawURLEncoding.EncodeToString(sum[:]))
	return strings.ToLower(hash + "-auto-hep")
}
