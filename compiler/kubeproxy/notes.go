package kubeproxy

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/packet"
)

// notes remarks on addresses and ports that two service ports share: which of
// them kube-proxy's rules serve is then chance.
func (in *input) notes(res *Result) {
	type key struct {
		addr  netip.Addr
		proto packet.Proto
		port  uint16
	}
	owner := map[key]*service{}
	claim := func(s *service, a netip.Addr, port uint16) {
		k := key{a, s.proto, port}
		first, taken := owner[k]
		if !taken {
			owner[k] = s
			return
		}
		where := fmt.Sprintf("node port %d/%s", port, protoName(s.proto))
		if a.IsValid() {
			where = fmt.Sprintf("%s:%d/%s", a, port, protoName(s.proto))
		}
		if first != s {
			res.note(s.origin, fmt.Sprintf("%s and %s share %s: which of them gets its packets is chance in kube-proxy; here it is the first", first.text(), s.text(), where))
		}
	}
	for i := range in.services {
		s := &in.services[i]
		claim(s, s.clusterIP, s.portNumber)
		for _, a := range s.externalIPs {
			claim(s, a, s.portNumber)
		}
		for _, a := range s.balancers {
			claim(s, a, s.portNumber)
		}
		if s.nodePort != 0 {
			claim(s, netip.Addr{}, s.nodePort)
		}
	}
}
