package felix

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"tortie/compiler/resolve"
)

// The longest names of chains in iptables and in nftables, and of IP sets.
const (
	maxIptablesChain = 28
	maxNftChain      = 256
	maxSetName       = 31
)

// limited joins prefix and name; what would be too long gets a hash instead of
// the name (GetLengthLimitedID in libcalico-go/lib/hash). A name of full length
// that begins with the hash's own mark is hashed too.
func limited(prefix, name string, most int) string {
	if name == "" {
		name = "_"
	}
	n := len(prefix) + len(name)
	if n < most || n == most && name[0] != '_' {
		return prefix + name
	}
	sum := sha256.Sum256([]byte(name))
	return prefix + "_" + cut(base64.RawURLEncoding.EncodeToString(sum[:]), most-1-len(prefix))
}

// chainName is limited to what the mode allows. In nftables mode Felix wants more
// characters of the hash than it has, when a name is too long.
func (r *renderer) chainName(prefix, name string) string {
	return r.chainNameOf(resolve.Origin{}, prefix, name)
}

// chainNameOf is the name of a chain of the object at a place.
func (r *renderer) chainNameOf(place resolve.Origin, prefix, name string) string {
	if r.nft {
		if len(prefix)+len(name) > maxNftChain {
			r.problemAt(place, fmt.Sprintf("chain name %.60s… has %d bytes: Felix crashes when it shortens it in nftables mode", prefix+name, len(prefix)+len(name)))
		}
		return limited(prefix, name, maxNftChain)
	}
	return limited(prefix, name, maxIptablesChain)
}

// shortKinds are the kinds of policies as they stand in chain names.
var shortKinds = map[string]string{
	"NetworkPolicy":                  "np",
	"GlobalNetworkPolicy":            "gnp",
	"StagedNetworkPolicy":            "snp",
	"StagedGlobalNetworkPolicy":      "sgnp",
	"StagedKubernetesNetworkPolicy":  "sknp",
	"KubernetesNetworkPolicy":        "knp",
	"KubernetesClusterNetworkPolicy": "kcnp",
}

func shortKind(kind string) string {
	if s, ok := shortKinds[kind]; ok {
		return s
	}
	return kind
}

func isStaged(id resolve.PolicyID) bool { return strings.HasPrefix(id.Kind, "Staged") }

// policyText is the policy's name in chain names: kind/namespace/name.
func policyText(id resolve.PolicyID) string {
	if id.Namespace == "" {
		return shortKind(id.Kind) + "/" + id.Name
	}
	return shortKind(id.Kind) + "/" + id.Namespace + "/" + id.Name
}

func (r *renderer) policyChain(d direction, id resolve.PolicyID) string {
	return r.chainNameOf(r.places[id], d.policyPrefix(), policyText(id))
}

func (r *renderer) profileChain(d direction, name string) string {
	return r.chainName(d.profilePrefix(), name)
}

// setName is the name of an IP set: IDs are hashes already and are cut.
func (r *renderer) setName(id string) string {
	name := fmt.Sprintf("cali%d0%s", r.family, id)
	if len(name) > maxSetName {
		name = name[:maxSetName]
	}
	if r.nft {
		name = strings.ReplaceAll(name, ":", "-")
	}
	return name
}

// group is a run of policies of one tier with the same selector. A group of two
// or more enforced policies has a chain of its own.
type group struct {
	dir      direction
	selector string
	policies []resolve.PolicyID
}

// live returns the group's policies that are not staged.
func (g group) live() []resolve.PolicyID {
	var out []resolve.PolicyID
	for _, id := range g.policies {
		if !isStaged(id) {
			out = append(out, id)
		}
	}
	return out
}

// chain is the name of the group's chain: a hash of selector, direction and
// policies, staged ones included.
func (g group) chain() string {
	var b strings.Builder
	way, prefix := "inbound", "cali-gi-"
	if g.dir == egress {
		way, prefix = "outbound", "cali-go-"
	}
	lines := []string{g.selector, way, strconv.Itoa(len(g.policies))}
	for _, id := range g.policies {
		lines = append(lines, fmt.Sprintf("{Name: %s, Namespace: %s, Kind: %s}", id.Name, id.Namespace, id.Kind))
	}
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	sum := sha3.Sum224([]byte(b.String()))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:])[:maxIptablesChain-len(prefix)]
}

// groups cuts a tier's policies into runs with equal selectors.
func (r *renderer) groups(ids []resolve.PolicyID, d direction) []group {
	var out []group
	for _, id := range ids {
		sel := r.selectors[id]
		if n := len(out); n > 0 && out[n-1].selector == sel {
			out[n-1].policies = append(out[n-1].policies, id)
			continue
		}
		out = append(out, group{dir: d, selector: sel, policies: []resolve.PolicyID{id}})
	}
	return out
}
