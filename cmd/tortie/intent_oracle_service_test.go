package main

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/intent"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// selectorService adds the service lab/sel, which selects pods by their labels:
// three ports, one of them by a name that stands for another number at each pod,
// of one family or of both.
func (g *intentGen) selectorService() {
	want := []map[string]string{{"app": "web"}, {"app": "db"}, {"env": "prod"}, {"app": "api", "env": "dev"}}[g.services.IntN(4)]
	families := [][]int{{0}, {1}, {0, 1}}[g.services.IntN(3)]
	var selector, words []string
	for _, k := range []string{"app", "env"} {
		if want[k] != "" {
			selector = append(selector, k+": "+want[k])
		}
	}
	for _, f := range families {
		words = append(words, []string{"IPv4", "IPv6"}[f])
	}
	g.add(`apiVersion: v1
kind: Service
metadata: {name: sel, namespace: lab}
spec:
  clusterIP: None
  ipFamilies: [%s]
  selector: {%s}
  ports: [{name: web, port: 80, targetPort: 8055}, {name: named, port: 81, targetPort: main}, {name: dns, port: 53, protocol: UDP}]
`, strings.Join(words, ", "), strings.Join(selector, ", "))
	for _, e := range g.world.Ends {
		if e.Host || e.Namespace != "lab" || want["app"] != "" && want["app"] != e.Labels["app"] || want["env"] != "" && want["env"] != e.Labels["env"] {
			continue
		}
		for _, f := range families {
			g.selected(e, f)
		}
	}
}

// selected puts a pod behind the service lab/sel, by its address of one family.
func (g *intentGen) selected(e intent.End, f int) {
	main := e.Ports[0].Port
	g.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: sel-%s-%d, namespace: lab, labels: {kubernetes.io/service-name: sel}}\naddressType: IPv%d\nports: [{name: web, port: 8055}, {name: named, port: %d}, {name: dns, port: 53, protocol: UDP}]\nendpoints: [{addresses: ['%s']}]\n",
		strings.TrimPrefix(e.Name, "lab/"), f, 4+2*f, main, e.Addrs[f])
	g.world.Services["lab/sel"] = append(g.world.Services["lab/sel"],
		intent.Backend{Addr: e.Addrs[f], Proto: packet.ProtoTCP, Port: 8055, ServicePort: 80, Name: "web", Selected: true},
		intent.Backend{Addr: e.Addrs[f], Proto: packet.ProtoTCP, Port: main, ServicePort: 81, Name: "named", Selected: true},
		intent.Backend{Addr: e.Addrs[f], Proto: packet.ProtoUDP, Port: 53, ServicePort: 53, Name: "dns", Selected: true})
}

// nodePortSelector is the selector of the service lab/np, which has one pod for each
// family: none where these are two, or in another namespace.
func (g *intentGen) nodePortSelector(pods [2]intent.End) string {
	if pods[0].Name != pods[1].Name || pods[0].Namespace != "lab" {
		return ""
	}
	return ", selector: {name: " + pods[0].Labels["name"] + "}"
}

// toSelected is a statement about the services lab/sel and lab/np, with some of its ports or
// all, at one end or both.
func (g *intentGen) toSelected() string {
	pick := func(words ...string) string { return words[g.services.IntN(len(words))] }
	from := pick("web", "db", "prod", "teama", "notapi", "edge", "hostweb", "pair", "mixed", "office", "one", "world", "any")
	at := pick("", "", "", ", at: to", ", at: from")
	if slices.Contains([]string{"office", "one", "world", "any"}, from) && at == ", at: from" {
		at = ""
	}
	if g.services.IntN(4) == 0 {
		np, on := g.world.Services["lab/np"], pick("", "", ", on: tcp/443")
		if len(np) == 0 {
			on = ""
		}
		if len(np) == 0 || !np[0].Selected { // it opens no pods
			from, at = g.subject(), pick("", ", at: from")
		}
		return fmt.Sprintf("{from: %s, to: np%s%s}", from, on, at)
	}
	on := pick("", ", on: tcp/80", ", on: tcp/named", ", on: [tcp/81, udp/53]", ", on: tcp/70-90", ", on: udp")
	return fmt.Sprintf("{from: %s, to: sel%s%s}", from, on, at)
}

// toBehind turns some connections to the pods and ports of the service lab/sel, by
// addresses of the other family too, which are not behind it.
func (g *intentGen) toBehind(t *intentTry) {
	list := g.world.Services["lab/sel"]
	if len(list) == 0 || g.services.IntN(100) >= 25 {
		return
	}
	b := list[g.services.IntN(len(list))]
	pod := g.world.At(b.Addr)
	dst := pod.Addrs[0]
	if t.c.Src.Is6() {
		dst = pod.Addrs[1]
	}
	if dst == t.c.Src {
		return
	}
	t.c.Dst, t.c.Proto, t.c.SrcPort, t.c.DstPort, t.c.ICMPType = dst, b.Proto, 40000, b.Port, 0
	if g.world.At(t.c.Src) == nil {
		t.at.Host = host.Name(pod.Node)
	}
}
