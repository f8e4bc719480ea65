package policies

import (
	"strconv"
	"strings"

	"tortie/compiler/felix"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// The stages at which policies of an endpoint are asked.
const (
	sideNormal    = "normal"
	sideUntracked = "untracked"
	sidePreDNAT   = "preDNAT"
	sideForward   = "forward"
)

// visit is one packet's way through one chain of one endpoint.
type visit struct {
	node      host.Name
	iface     string
	workload  bool
	direction string
	stage     string
	steps     []*trace.Step
}

// endpointChains are the prefixes of endpoints' chains.
var endpointChains = []struct {
	prefix    string
	workload  bool
	forward   bool
	direction string
}{
	{"cali-tw-", true, false, "ingress"}, {"cali-fw-", true, false, "egress"},
	{"cali-fhfw-", false, true, "ingress"}, {"cali-thfw-", false, true, "egress"},
	{"cali-fh-", false, false, "ingress"}, {"cali-th-", false, false, "egress"},
}

// visitOf reads which endpoint's chain a step is in. In nftables mode all chains
// are in one table and their names begin with the name of the iptables table.
func visitOf(s *trace.Step) (visit, bool) {
	table, chain := s.Table, s.Chain
	if layer, rest, ok := strings.Cut(chain, "-cali-"); ok {
		table, chain = layer, "cali-"+rest
	}
	for _, e := range endpointChains {
		iface, ok := strings.CutPrefix(chain, e.prefix)
		if !ok {
			continue
		}
		v := visit{node: host.Name(s.Node), iface: iface, workload: e.workload, direction: e.direction, stage: sideNormal}
		switch {
		case e.forward:
			v.stage = sideForward
		case table == "raw":
			v.stage = sideUntracked
		case table == "mangle" && e.direction == "ingress":
			v.stage = sidePreDNAT
		}
		return v, true
	}
	return visit{}, false
}

func (v *visit) same(o *visit) bool {
	return v.node == o.node && v.iface == o.iface && v.workload == o.workload && v.direction == o.direction && v.stage == o.stage
}

// visits cuts a packet's steps into its ways through endpoints' chains.
func visits(steps []trace.Step) []visit {
	var out []visit
	open := false
	for i := range steps {
		s := &steps[i]
		if s.Kind == trace.KindHook {
			open = false
		}
		if v, ok := visitOf(s); ok && s.Kind == trace.KindRule && (!open || !out[len(out)-1].same(&v)) {
			out = append(out, v)
			open = true
		}
		if open {
			last := &out[len(out)-1]
			last.steps = append(last.steps, s)
		}
	}
	return out
}

// decision is what a rule of a policy or profile did.
type decision struct {
	action resolve.Action
	step   *trace.Step
}

// policyKey names a policy, or a profile (Kind "Profile"), as origins do.
type policyKey = resolve.PolicyID

// decisions finds the rules of policies that matched as a whole and what they
// did, by the bits they set: a rule that is written as several rules of the
// kernel sets one only when all of it matched.
func (v *visit) decisions(marks felix.VerdictMarks) map[policyKey]decision {
	out := map[policyKey]decision{}
	for _, s := range v.steps {
		if s.Policy == nil || s.Kind != trace.KindRule || s.Matched != trace.MatchedYes || s.Policy.Rule == 0 {
			continue
		}
		set := parseMark(s.Mark) &^ parseMark(s.MarkBefore)
		if s.MarkBefore == "" {
			set = 0
		}
		key := policyKey{Kind: s.Policy.Kind, Namespace: s.Policy.Namespace, Name: s.Policy.Name}
		switch {
		case s.Effect == trace.EffectDrop || s.Effect == trace.EffectReject || set&marks.Drop != 0:
			out[key] = decision{resolve.Deny, s}
		case set&marks.Accept != 0:
			out[key] = decision{resolve.Allow, s}
		case set&marks.Pass != 0:
			out[key] = decision{resolve.Pass, s}
		}
	}
	return out
}

// denied returns the step that ended the packet, if it is one of a policy or of
// an end of policies.
func (v *visit) denied() *trace.Step {
	for _, s := range v.steps {
		if s.Deciding && s.Policy != nil && (s.Effect == trace.EffectDrop || s.Effect == trace.EffectReject) {
			return s
		}
	}
	return nil
}

// returned reports whether the chain was left without a verdict, and behind it the
// connection was not allowed already.
func (v *visit) returned(marks felix.VerdictMarks) bool {
	for _, s := range v.steps {
		if chain := strings.TrimPrefix(s.Chain, "filter-"); s.Kind == trace.KindPolicy || chain == "FORWARD" || strings.HasPrefix(chain, "cali-FORWARD") {
			return true // the packet is behind it
		}
		if s.Kind != trace.KindRule || s.Matched != trace.MatchedYes {
			continue
		}
		switch s.Effect {
		case trace.EffectAccept, trace.EffectDrop, trace.EffectReject, trace.EffectUnknown:
			return false
		}
		if s.MarkBefore != "" && (parseMark(s.Mark)&^parseMark(s.MarkBefore))&(marks.Accept|marks.Drop) != 0 {
			return false
		}
	}
	return true
}

func parseMark(hex string) uint32 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(hex, "0x"), 16, 32)
	return uint32(n)
}
