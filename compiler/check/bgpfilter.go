package check

import (
	"github.com/projectcalico/api/pkg/lib/numorstring"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bgpFilter has the fields of a BGPFilter at Calico v3.32.1, some of which the
// API module's type does not have yet.
type bgpFilter struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              bgpFilterSpec `json:"spec"`
}

type bgpFilterSpec struct {
	ExportV4 []bgpFilterRule4 `json:"exportV4" validate:"dive"`
	ImportV4 []bgpFilterRule4 `json:"importV4" validate:"dive"`
	ExportV6 []bgpFilterRule6 `json:"exportV6" validate:"dive"`
	ImportV6 []bgpFilterRule6 `json:"importV6" validate:"dive"`
}

type bgpFilterRule4 struct {
	CIDR          string               `json:"cidr" validate:"omitempty,netv4"`
	PrefixLength  *bgpFilterLength     `json:"prefixLength"`
	Source        string               `json:"source" validate:"omitempty,oneof=RemotePeers"`
	Interface     string               `json:"interface" validate:"omitempty,bgpFilterInterface"`
	MatchOperator string               `json:"matchOperator" validate:"omitempty,matchOperator"`
	PeerType      string               `json:"peerType" validate:"omitempty,oneof=eBGP iBGP"`
	Communities   *bgpFilterCommunity  `json:"communities"`
	ASPathPrefix  []asNumber           `json:"asPathPrefix"`
	Priority      *int                 `json:"priority" validate:"omitempty,gte=1,lte=2147483646"`
	Action        string               `json:"action" validate:"required,filterAction"`
	Operations    []bgpFilterOperation `json:"operations" validate:"dive"`
}

type bgpFilterRule6 struct {
	CIDR          string               `json:"cidr" validate:"omitempty,netv6"`
	PrefixLength  *bgpFilterLength     `json:"prefixLength"`
	Source        string               `json:"source" validate:"omitempty,oneof=RemotePeers"`
	Interface     string               `json:"interface" validate:"omitempty,bgpFilterInterface"`
	MatchOperator string               `json:"matchOperator" validate:"omitempty,matchOperator"`
	PeerType      string               `json:"peerType" validate:"omitempty,oneof=eBGP iBGP"`
	Communities   *bgpFilterCommunity  `json:"communities"`
	ASPathPrefix  []asNumber           `json:"asPathPrefix"`
	Priority      *int                 `json:"priority" validate:"omitempty,gte=1,lte=2147483646"`
	Action        string               `json:"action" validate:"required,filterAction"`
	Operations    []bgpFilterOperation `json:"operations" validate:"dive"`
}

type bgpFilterLength struct {
	Min *int32 `json:"min"`
	Max *int32 `json:"max"`
}

type bgpFilterCommunity struct {
	Values []string `json:"values" validate:"required"`
}

type bgpFilterOperation struct {
	AddCommunity  *bgpFilterAdd      `json:"addCommunity"`
	PrependASPath *bgpFilterPrepend  `json:"prependASPath"`
	SetPriority   *bgpFilterPriority `json:"setPriority"`
}

type bgpFilterAdd struct {
	Value *string `json:"value" validate:"required"`
}

type bgpFilterPrepend struct {
	Prefix []asNumber `json:"prefix" validate:"required"`
}

type bgpFilterPriority struct {
	Value *int `json:"value" validate:"required,gte=1,lte=2147483646"`
}

// asNumber is a number of an autonomous system. The schema knows it as a 32 bit
// number and refuses the dotted text that Calico's type could read.
type asNumber = numorstring.ASNumber
