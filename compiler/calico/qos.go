package calico

import (
	"fmt"
	"math"

	"github.com/projectcalico/api/pkg/lib/numorstring"
	"k8s.io/apimachinery/pkg/api/resource"
)

// QoSProblem is an annotation that cannot be taken as it stands.
type QoSProblem struct{ Annotation, Message, Hint string }

// qosField is one limit: the annotations it comes from (the last one wins), the
// bounds and where it goes.
type qosField struct {
	annotations []string
	min, max    int64
	set         func(*QoSControls) *int64
}

const qosPrefix = "qos.projectcalico.org/"

var qosFields = []qosField{
	{[]string{"kubernetes.io/ingress-bandwidth", qosPrefix + "ingressBandwidth"}, 1e3, 1e15, func(q *QoSControls) *int64 { return &q.IngressBandwidth }},
	{[]string{"kubernetes.io/egress-bandwidth", qosPrefix + "egressBandwidth"}, 1e3, 1e15, func(q *QoSControls) *int64 { return &q.EgressBandwidth }},
	{[]string{qosPrefix + "ingressBurst"}, 1e3, math.MaxUint32 * 8, func(q *QoSControls) *int64 { return &q.IngressBurst }},
	{[]string{qosPrefix + "egressBurst"}, 1e3, math.MaxUint32 * 8, func(q *QoSControls) *int64 { return &q.EgressBurst }},
	{[]string{qosPrefix + "ingressPeakrate"}, 1010, 101e13, func(q *QoSControls) *int64 { return &q.IngressPeakrate }},
	{[]string{qosPrefix + "egressPeakrate"}, 1010, 101e13, func(q *QoSControls) *int64 { return &q.EgressPeakrate }},
	{[]string{qosPrefix + "ingressMinburst"}, 1e3, 1e8, func(q *QoSControls) *int64 { return &q.IngressMinburst }},
	{[]string{qosPrefix + "egressMinburst"}, 1e3, 1e8, func(q *QoSControls) *int64 { return &q.EgressMinburst }},
	{[]string{qosPrefix + "ingressPacketRate"}, 1, 1e4, func(q *QoSControls) *int64 { return &q.IngressPacketRate }},
	{[]string{qosPrefix + "egressPacketRate"}, 1, 1e4, func(q *QoSControls) *int64 { return &q.EgressPacketRate }},
	{[]string{qosPrefix + "ingressPacketBurst"}, 1, 1e4, func(q *QoSControls) *int64 { return &q.IngressPacketBurst }},
	{[]string{qosPrefix + "egressPacketBurst"}, 1, 1e4, func(q *QoSControls) *int64 { return &q.EgressPacketBurst }},
	{[]string{qosPrefix + "ingressMaxConnections"}, 1, math.MaxUint32, func(q *QoSControls) *int64 { return &q.IngressMaxConnections }},
	{[]string{qosPrefix + "egressMaxConnections"}, 1, math.MaxUint32, func(q *QoSControls) *int64 { return &q.EgressMaxConnections }},
}

// QoSFromAnnotations reads a pod's limits. What is out of bounds is moved to the
// bound, what makes no sense alone is dropped; both are problems. It returns nil
// if nothing is limited.
func QoSFromAnnotations(a map[string]string) (*QoSControls, []QoSProblem) {
	q := &QoSControls{}
	var problems []QoSProblem
	for _, f := range qosFields {
		for _, name := range f.annotations {
			text, ok := a[name]
			if !ok {
				continue
			}
			value, err := quantity(text, f.min, f.max)
			if err != nil {
				problems = append(problems, QoSProblem{name, err.Error(), fmt.Sprintf("give a number from %d to %d, also as 10k or 5M", f.min, f.max)})
			}
			*f.set(q) = value
		}
	}
	problems = append(problems, q.dependencies()...)
	if text, ok := a[annotationDSCP]; ok {
		dscp := numorstring.DSCPFromString(text)
		if err := dscp.Validate(); err != nil {
			problems = append(problems, QoSProblem{annotationDSCP, fmt.Sprintf("%q is not a DSCP, and the pod's packets get none", text), "give a number from 0 to 63, or a name as EF or AF41"})
		} else {
			q.DSCP = &dscp
		}
	}
	if *q == (QoSControls{}) {
		return nil, problems
	}
	return q, problems
}

func quantity(text string, low, high int64) (int64, error) {
	q, err := resource.ParseQuantity(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a quantity", text)
	case q.Value() < low:
		return low, fmt.Errorf("%q is below the least value; %d is taken", text, low)
	case q.Value() > high:
		return high, fmt.Errorf("%q is above the greatest value; %d is taken", text, high)
	}
	return q.Value(), nil
}

// dependencies drops limits that need another one and fills in the bursts that
// Calico defaults.
func (q *QoSControls) dependencies() []QoSProblem {
	var problems []QoSProblem
	drop := func(bad bool, value *int64, name, needs string) {
		if bad && *value != 0 {
			*value = 0
			problems = append(problems, QoSProblem{qosPrefix + name, name + " needs " + needs + "; it is left out", "add " + needs + ", or remove this annotation"})
		}
	}
	drop(q.IngressBandwidth == 0, &q.IngressBurst, "ingressBurst", "ingressBandwidth")
	drop(q.EgressBandwidth == 0, &q.EgressBurst, "egressBurst", "egressBandwidth")
	drop(q.IngressBandwidth == 0 || q.IngressBandwidth >= q.IngressPeakrate, &q.IngressPeakrate, "ingressPeakrate", "a smaller ingressBandwidth")
	drop(q.EgressBandwidth == 0 || q.EgressBandwidth >= q.EgressPeakrate, &q.EgressPeakrate, "egressPeakrate", "a smaller egressBandwidth")
	drop(q.IngressPeakrate == 0, &q.IngressMinburst, "ingressMinburst", "ingressPeakrate")
	drop(q.EgressPeakrate == 0, &q.EgressMinburst, "egressMinburst", "egressPeakrate")
	drop(q.IngressPacketRate == 0, &q.IngressPacketBurst, "ingressPacketBurst", "ingressPacketRate")
	drop(q.EgressPacketRate == 0, &q.EgressPacketBurst, "egressPacketBurst", "egressPacketRate")
	fill := func(rate int64, burst *int64, value int64) {
		if rate != 0 && *burst == 0 {
			*burst = value
		}
	}
	fill(q.IngressBandwidth, &q.IngressBurst, 4<<30)
	fill(q.EgressBandwidth, &q.EgressBurst, 4<<30)
	fill(q.IngressPacketRate, &q.IngressPacketBurst, 5)
	fill(q.EgressPacketRate, &q.EgressPacketBurst, 5)
	return problems
}
