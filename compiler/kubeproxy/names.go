package kubeproxy

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
)

// hash is the base32 of SHA-256 of the texts, cut to n letters.
func hash(n int, texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "")))
	return base32.StdEncoding.EncodeToString(sum[:])[:n]
}

// iptChain is the iptables chain of a kind ("KUBE-SVC-") of a service port.
func (s *service) iptChain(kind string) nf.ChainName {
	return nf.ChainName(kind + hash(16, s.text(), protoName(s.proto)))
}

// iptEndpointChain is the KUBE-SEP chain of an endpoint.
func (s *service) iptEndpointChain(e *endpoint) nf.ChainName {
	return nf.ChainName("KUBE-SEP-" + hash(16, s.text(), protoName(s.proto), e.text()))
}

// nftName is what the names of a service port's nftables chains end with.
func (s *service) nftName() string {
	return nftBase(s.namespace + "/" + s.name + "/" + protoName(s.proto) + "/" + s.port)
}

// nftEndpointName is what the names of an endpoint's chain and set end with.
func (s *service) nftEndpointName(e *endpoint) string {
	addr := strings.ReplaceAll(e.addr.String(), ":", ".")
	return nftBase(s.namespace + "/" + s.name + "/" + protoName(s.proto) + "/" + s.port + "__" + addr + "/" + strconv.Itoa(int(e.port)))
}

// nftBaseMax is nft's limit on names (knftables.NameLengthMax, 256) less 16 for
// the longest prefix.
const nftBaseMax = 240

func nftBase(name string) string {
	name = hash(8, name) + "-" + name
	if len(name) > nftBaseMax {
		name = name[:nftBaseMax-3] + "..."
	}
	return name
}
