package policies

import (
	"tortie/compiler/calico"
	"tortie/simulator/trace"
)

// kubernetes reports whether the policy is of one of Kubernetes' kinds, which name
// the far end of a rule only.
func (j *judge) kubernetes() bool {
	return j.kind == calico.KindKubernetesNetworkPolicy || j.kind == calico.KindClusterNetworkPolicy
}

// peerField is how the kind of the policy names an end of a rule.
func (j *judge) peerField(side string) string {
	switch {
	case !j.kubernetes():
		return "the " + side
	case side == "source":
		return "'from'"
	}
	return "'to'"
}

// selectorField is the field that selects an end.
func (j *judge) selectorField(side string) string {
	if j.kubernetes() {
		return j.peerField(side)
	}
	return side + ".selector"
}

// netsField is the field with the networks of an end, notNetsField the one with
// those that it leaves out.
func (j *judge) netsField(side string) string {
	switch j.kind {
	case calico.KindKubernetesNetworkPolicy:
		return j.peerField(side) + " (ipBlock)"
	case calico.KindClusterNetworkPolicy:
		return j.peerField(side) + " (networks)"
	}
	return side + ".nets"
}

func (j *judge) notNetsField(side string) string {
	if j.kind == calico.KindKubernetesNetworkPolicy {
		return j.peerField(side) + " (ipBlock.except)"
	}
	return side + ".notNets"
}

// allowWord is the action that lets a packet through, in the words of the policy or
// tier that did not.
func allowWord(by *trace.Policy) string {
	if by.Kind == calico.KindClusterNetworkPolicy || by.Kind == "Tier" && (by.Name == calico.AdminTier || by.Name == calico.BaselineTier) {
		return "Accept"
	}
	return "Allow"
}
