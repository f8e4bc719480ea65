package check

import (
	"runtime"
	"slices"
	"strings"
	"sync"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
)

// Refused reports what the API server or Calico's validator refuses of the
// objects that decide policy, Calico's kinds and the policies of Kubernetes, and of
// services and their slices. It is for whoever goes on to use the objects, so it says
// nothing of what is merely doubtful, but for tiers that are not there, in whose place
// Felix has one of its own. An object that a server has stored is there
// whatever a validator says: findings about it are warnings, which say what Felix makes
// of it where that is known. So are those about services, of which what can be read is
// used.
func Refused(s *cluster.Snapshot, opt Options) diag.List {
	var subs []object
	for _, sub := range subjects(s) {
		if decidesPolicy(&sub.src) || leads(&sub.src) {
			subs = append(subs, sub)
		}
	}
	spaces := namespacesOf(s)
	parts := make([]run, min(len(subs)/minShare+1, runtime.GOMAXPROCS(0)))
	var all sync.WaitGroup
	for i := range parts {
		r := &parts[i]
		r.snap, r.lenient, r.spaces = s, opt.Lenient, spaces
		mine := subs[i*len(subs)/len(parts) : (i+1)*len(subs)/len(parts)]
		all.Go(func() {
			for _, sub := range mine {
				o := r.on(sub)
				o.taken = opt.Stored || sub.src.FromServer() || leads(&sub.src)
				r.object(o)
			}
		})
	}
	all.Wait()
	for i := range parts[1:] {
		parts[0].out = append(parts[0].out, parts[i+1].out...)
	}
	found := slices.DeleteFunc(parts[0].finish(), func(f diag.Finding) bool {
		return f.Severity != diag.Error && severityOf(f.Code) != diag.Error
	})
	tiers := run{snap: s}
	tiers.unknownTiers()
	return append(found, tiers.finish()...)
}

// minShare is how many objects are worth a processor of their own.
const minShare = 64

// leads says whether objects of a kind say where services lead.
func leads(src *cluster.Source) bool {
	return src.APIVersion == "v1" && src.Kind == "Service" || strings.HasPrefix(src.APIVersion, "discovery.k8s.io/") && src.Kind == "EndpointSlice"
}

// decidesPolicy says whether objects of a kind decide what is let through; pods and
// nodes are checked where they are used.
func decidesPolicy(src *cluster.Source) bool {
	return isCalicoVersion(src.APIVersion) || strings.HasPrefix(src.APIVersion, "networking.k8s.io/") && src.Kind == "NetworkPolicy" ||
		strings.HasPrefix(src.APIVersion, "policy.networking.k8s.io/")
}

// asTaken is what Felix makes of a stored object in which a validator refuses
// something (text, if it is one value), "" where that is not one thing. Where Felix
// takes the whole policy as missing, compiler/resolve says so.
func (o on) asTaken(code, text string, at diag.Span) string {
	if o.instead != "" || leads(&o.src) {
		return o.instead
	}
	switch code {
	case "selector/syntax":
		for _, field := range []string{"namespaceSelector", "serviceAccountSelector"} {
			if n := o.node(path{"spec", field}); n != nil && n.Span.Start.Byte <= at.Start.Byte && at.End.Byte <= n.Span.End.Byte {
				return "Felix leaves it out, so that the policy selects more"
			}
		}
	case "selector/global":
		if n := o.node(path{"spec", "selector"}); n != nil && n.Span.Start.Line == at.Start.Line {
			return "Felix takes it as all()"
		}
	case "value/net":
		return netTaken[o.src.Kind]
	case "value/not-one-of", "value/protocol":
		for _, word := range slices.Concat(choices["action"], protocolNames) {
			if strings.EqualFold(word, text) {
				return "Felix takes it as " + word
			}
		}
	}
	return takenAs[code]
}

const ruleNetTaken = "Felix leaves it out, and a rule that has no other network there is for every address"

// netTaken is what becomes of a network that cannot be read, by kind.
var netTaken = map[string]string{
	"NetworkSet": "Felix leaves it out of the set", "GlobalNetworkSet": "Felix leaves it out of the set",
	"NetworkPolicy": ruleNetTaken, "GlobalNetworkPolicy": ruleNetTaken, "Profile": ruleNetTaken,
	"StagedNetworkPolicy": ruleNetTaken, "StagedGlobalNetworkPolicy": ruleNetTaken,
}

// takenAs is what Felix makes of other values, by code.
var takenAs = map[string]string{
	"value/address":           "Felix leaves it out",
	"value/host-bits":         "Felix takes the whole network",
	"rule/net-without-prefix": "Felix takes it as this one address",
	"rule/mixed-families":     "Felix makes a rule for each IP version, of the networks of that version",
	"rule/services-namespace": "Felix finds no such service, and the rule matches nothing",
	"rule/http-protocol":      httpTaken,
	"rule/http-not-allow":     httpTaken,
	"rule/http-egress":        httpTaken,
	"rule/http-path":          httpTaken,
	"meta/name":               "Felix takes it as it is",
	"meta/label":              "Felix takes it as it is",
	"meta/annotation":         "Felix takes it as it is",
	"policy/types-empty":      "Felix takes it as Ingress and Egress",
}

const httpTaken = "Felix's rules leave http out"
