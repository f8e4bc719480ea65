package intent

import (
	_ "embed"
	"strings"

	"tortie/compiler/diag"
)

// mistakes are the cases of testdata/bad: a name behind "== ", a document or the
// lines of its spec, and behind "--" the findings. The first one that has findings of
// one code only is the example of that code.
//
//go:embed testdata/bad/mistakes.txt
var mistakes string

const exampleHead = "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: bad}\nspec:\n"

// exampleOf puts the usual beginning before a case that has none of its own.
func exampleOf(text string) string {
	if strings.HasPrefix(text, "apiVersion") {
		return text
	}
	return exampleHead + text
}

// examples maps codes to documents that have that mistake and no other.
func examples() map[string]string {
	out := map[string]string{}
	for _, c := range strings.Split("\n"+mistakes, "\n== ")[1:] {
		_, c, _ = strings.Cut(c, "\n")
		text, found, _ := strings.Cut(c, "\n--\n")
		code := ""
		for line := range strings.Lines(strings.TrimSpace(found)) {
			words := strings.Fields(line)
			if len(words) < 3 || code != "" && code != words[2] {
				code = ""
				break
			}
			code = words[2]
		}
		if code = strings.TrimSuffix(code, ":"); code != "" && out[code] == "" {
			out[code] = exampleOf(text + "\n")
		}
	}
	return out
}

// Codes returns all codes of findings about intents, those of compiler/lower too,
// sorted.
func Codes() []diag.Entry {
	given := examples()
	all := entries()
	for i := range all {
		all[i].Example = given[all[i].Code]
	}
	return all
}

func entries() []diag.Entry {
	return []diag.Entry{
		{Code: "intent/ambiguous-party", Severity: diag.Error, Title: "A party that several intents give",
			Text: "A name that the document does not give itself is looked up in the others, and more than one has it.", Fix: "Write intent.party."},
		{Code: "intent/ambiguous-ports", Severity: diag.Error, Title: "A list of ports that several intents give",
			Text: "A name that the document does not give itself is looked up in the others, and more than one has it.", Fix: "Write intent.ports."},
		{Code: "intent/bad-date", Severity: diag.Error, Title: "A date that is none",
			Text: "until is the last day on which a statement is meant to hold.", Fix: "Write it as 2027-03-31."},
		{Code: "intent/bad-direction", Severity: diag.Error, Title: "A direction that is none",
			Text: "Connections go in or out, seen from the party.", Fix: "Write in, out or both; a raw rule has one."},
		{Code: "intent/bad-icmp", Severity: diag.Error, Title: "No type of ICMP",
			Text: "Types go from 0 to 254, codes from 0 to 255; some types have names.", Fix: "Write icmp/echo-request, icmp/TYPE or icmp/TYPE/CODE."},
		{Code: "intent/bad-mode", Severity: diag.Error, Title: "A mode that is none",
			Text: "An intent is enforced or staged.", Fix: "Write enforce or stage."},
		{Code: "intent/bad-name", Severity: diag.Error, Title: "A name that objects cannot have",
			Text: "Names of intents, parties, tiers and lists of ports become parts of names of objects.", Fix: "Use lower-case letters, digits and dashes, at most 63; any is taken."},
		{Code: "intent/bad-net", Severity: diag.Error, Title: "Neither a network nor an address",
			Text: "Networks are written with their prefix, in their own family.", Fix: "Write it as 10.0.0.0/8 or 2001:db8::/32."},
		{Code: "intent/bad-port", Severity: diag.Error, Title: "No port",
			Text: "A port is a number from 1 to 65535, a range or a name, behind its protocol.", Fix: "Write tcp/80, tcp/8080-8090 or tcp/http."},
		{Code: "intent/bad-protocol", Severity: diag.Error, Title: "No protocol",
			Text: "The protocols are tcp, udp, sctp, udplite, icmp, icmpv6 and numbers.", Fix: "Write proto/47 for a protocol without a name here."},
		{Code: "intent/bad-selector", Severity: diag.Error, Title: "A selector that cannot be read",
			Text: "Parties of pods and hosts are Calico's selectors.", Fix: "See the message; all() selects everything."},
		{Code: "intent/bad-service", Severity: diag.Error, Title: "No service",
			Text: "A service is named with its namespace.", Fix: "Write namespace/name."},
		{Code: "intent/bad-tier", Severity: diag.Error, Title: "A tier that intents cannot go to",
			Text: "kube-admin and kube-baseline are kept for ClusterNetworkPolicies; the order of default is fixed.", Fix: "Name a tier of your own, or leave the order out."},
		{Code: "intent/circular-party", Severity: diag.Error, Title: "A party that contains itself",
			Text: "anyOf leads back to the party.", Fix: "Leave one of the names out."},
		{Code: "intent/defeated", Severity: diag.Warning, Title: "A deny that comes too late",
			Text: "An allow that is asked earlier covers it or a part of it, and the first statement decides: an allow of another intent, or of nodePorts, which come before what is said of hosts.", Fix: "Give the intent with the deny a lower order or an earlier tier; against nodePorts, repeat the deny there."},
		{Code: "intent/denied", Severity: diag.Warning, Title: "An allow of which a deny leaves nothing",
			Text: "In one intent denies count before allows, wherever they stand, and a deny covers all that this allows.", Fix: "Leave the allow out, make the deny narrower, or allow it in an intent that is asked earlier."},
		{Code: "intent/duplicate", Severity: diag.Error, Title: "The same thing twice",
			Text: "Names of intents are unique; a list names a thing once. A statement that an earlier one covers is a warning.", Fix: "Leave one out."},
		{Code: "intent/empty-list", Severity: diag.Error, Title: "An empty list",
			Text: "An empty list would say something else than no list.", Fix: "Leave the field out, or name something."},
		{Code: "intent/empty-party", Severity: diag.Error, Title: "A party of nothing",
			Text: "A party says which ends it has.", Fix: "Give pods, hosts, nets, service or anyOf."},
		{Code: "intent/except-outside", Severity: diag.Error, Title: "An exception from nothing",
			Text: "except leaves addresses out of nets; this one is in none of them.", Fix: "Leave it out."},
		{Code: "intent/expired", Severity: diag.Warning, Title: "A statement past its date",
			Text: "until has passed; the statement still holds.", Fix: "Take it out, or give it a later date."},
		{Code: "intent/external-name", Severity: diag.Warning, Title: "A service that is another name for a host",
			Text: "A service of type ExternalName has no addresses and leads to no pods: the cluster's DNS answers with the other name. Rules about it meet no packet.", Fix: "Name the networks behind the name."},
		{Code: "intent/failsafe", Severity: diag.Warning, Title: "A statement about failsafe ports of hosts",
			Text: "Felix opens the failsafe ports of host endpoints before any policy: a deny has no effect there, and an allow for some does not close them for others.",
			Fix:  "Change failsafeInboundHostPorts or failsafeOutboundHostPorts of the FelixConfiguration, or leave the port out."},
		{Code: "intent/families", Severity: diag.Warning, Title: "A statement for no packet",
			Text: "Its ends or ports are of different families.", Fix: "Give networks of both families."},
		{Code: "intent/fast-path-ports", Severity: diag.Error, Title: "A fast path without numbered ports",
			Text: "Untracked rules judge every packet by itself: only its port tells a reply from other packets.", Fix: "Give on: [udp/11211]."},
		{Code: "intent/host-bits", Severity: diag.Error, Title: "A network with bits behind its prefix",
			Text: "It is not clear whether the network or the address is meant.", Fix: "Write the network, or the address alone."},
		{Code: "intent/lock-out", Severity: diag.Warning, Title: "A statement that cuts what a cluster lives on",
			Text: "protect, deny or nodePorts close it. Failsafe ports and statements are counted in; what is named stays open by neither.", Fix: "Allow it, from the nodes and the control plane at least."},
		{Code: "intent/missing-field", Severity: diag.Error, Title: "A field that is missing",
			Text: "The statement or section cannot do without.", Fix: "See the message."},
		{Code: "intent/mixed-party", Severity: diag.Error, Title: "A party of two kinds",
			Text: "Pods, hosts, networks and services are different kinds of ends.", Fix: "Make two parties and join them with anyOf."},
		{Code: "intent/name-collision", Severity: diag.Error, Title: "Two objects of one name",
			Text: "Policies and network sets are named after the intent and the party, and two parties give the same name; tortie-cluster is the set of the cluster's own networks.", Fix: "Rename one of the parties."},
		{Code: "intent/name-taken", Severity: diag.Error, Title: "A name that somebody else's object has",
			Text: "An object of the input has the name that a compiled one would get, and it is not made of intents: writing the compiled one would take its place.", Fix: "Rename the intent or the party, or take the object out."},
		{Code: "intent/nested-ports", Severity: diag.Error, Title: "A list of ports in a list of ports",
			Text: "A list holds ports only.", Fix: "Write the ports out."},
		{Code: "intent/no-cluster", Severity: diag.Error, Title: "A guard that would cut the cluster in two",
			Text: "nodePorts and forward close hosts for everybody else, and without the cluster's objects nobody knows who belongs to it.", Fix: "Give the cluster with -f, or its networks under trust."},
		{Code: "intent/no-dns", Severity: diag.Warning, Title: "Callers that cannot ask for names",
			Text: "The party may connect to pods or services, which are known by names, and no statement lets it reach the cluster's DNS.", Fix: "Allow it to reach the DNS service."},
		{Code: "intent/no-effect", Severity: diag.Warning, Title: "An allow where nothing closes",
			Text: "No intent protects the ends at which the statement holds, so they are as open without it.", Fix: "Protect one of them, or leave the statement out."},
		{Code: "intent/no-expected-ips", Severity: diag.Warning, Title: "Host endpoints without addresses",
			Text: "Rules know a host endpoint by its expectedIPs; without them it is nobody as the other end of a rule.", Fix: "Give the host endpoint expectedIPs."},
		{Code: "intent/no-host-endpoint", Severity: diag.Warning, Title: "Hosts without host endpoints",
			Text: "Policy for hosts takes effect at host endpoints only.", Fix: "Let tortie compile --host-endpoints write them."},
		{Code: "intent/no-name", Severity: diag.Error, Title: "An intent without a name",
			Text: "The name becomes part of the names of policies.", Fix: "Write metadata: {name: …}."},
		{Code: "intent/no-service", Severity: diag.Warning, Title: "A service that the cluster does not have",
			Text: "The statement applies to nothing until there is one.", Fix: "Check its namespace and name."},
		{Code: "intent/no-subject", Severity: diag.Error, Title: "A statement that nobody would enforce",
			Text: "Policy is put at pods and hosts, and neither end names any; any alone names none.", Fix: "Name pods or hosts at one end."},
		{Code: "intent/no-such-port", Severity: diag.Warning, Title: "A named port that nobody has",
			Text: "A name stands for the ports that the pods or hosts in to give that name, with that protocol.", Fix: "Name the port in the containers, or write its number."},
		{Code: "intent/no-untracked", Severity: diag.Warning, Title: "A fast path at host endpoints of every interface",
			Text: "Felix has no untracked policy for host endpoints whose interfaceName is '*'.", Fix: "Give each interface a host endpoint of its own, by its name."},
		{Code: "intent/no-value", Severity: diag.Error, Title: "A key without a value",
			Text: "Nothing behind a key, or only comments, would be read as all, as none or as the default: it is not clear which is meant.", Fix: "Remove the key, or give it a value."},
		{Code: "intent/node-ports-cut", Severity: diag.Warning, Title: "Node ports that a closed host cuts",
			Text: "In iptables mode, at a host with policy for forwarded packets, kube-proxy accepts what goes on from a node port to a pod of another node before Felix marks it as forwarded; so the policy of what the host itself sends judges it, and the host is closed there.", Fix: "Allow the hosts to reach the service, or its pods."},
		{Code: "intent/not-hosts", Severity: diag.Error, Title: "Not hosts",
			Text: "nodePorts, forward and fastPath work at host endpoints.", Fix: "Name a party with hosts."},
		{Code: "intent/not-protectable", Severity: diag.Error, Title: "Ends at which no policy can be put",
			Text: "Only pods and hosts can be protected.", Fix: "Name the pods or hosts behind it."},
		{Code: "intent/not-proved", Severity: diag.Warning, Title: "A guarantee",
			Text: "Guarantees are read and the names of parties and ports in them checked. Whether they hold is not, neither by compile nor by trace.", Fix: "Ask tortie trace for single connections, and write what has to hold into a scenario for tortie replay."},
		{Code: "intent/nothing-left", Severity: diag.Error, Title: "A network of which nothing is left",
			Text: "except covers all of it.", Fix: "Leave the network out."},
		{Code: "intent/protected-differently", Severity: diag.Warning, Title: "Two intents that protect the same ends in different ways",
			Text: "In two tiers the earlier one decides alone; in one tier both directions count together.", Fix: "Protect in one intent, or in the same way."},
		{Code: "intent/selects-nothing", Severity: diag.Warning, Title: "A party of nobody",
			Text: "No pod or host endpoint of the cluster is in the party.", Fix: "Check labels, namespaces and service accounts."},
		{Code: "intent/service-behind-protected", Severity: diag.Warning, Title: "A service whose pods are not known and may be closed",
			Text: "A statement about a service holds at its callers and at the pods that it selects. Nobody knows which those are when the service is not in the input or has no selector: then only the way out of the callers is opened.", Fix: "Give the cluster's objects with -f, or allow the callers to reach the party of the pods too, at the ports of the pods."},
		{Code: "intent/service-end", Severity: diag.Error, Title: "A service where it cannot stand",
			Text: "Calico knows services as destinations of what pods and hosts send.", Fix: "Name the pods behind the service."},
		{Code: "intent/service-ports", Severity: diag.Error, Title: "Some of the ports of a service",
			Text: "Calico knows a service with all its ports. For some of them rules are made about the pods behind it, which only the cluster's objects tell.", Fix: "Leave on out for all ports, or give the cluster's objects with -f."},
		{Code: "intent/service-source", Severity: diag.Warning, Title: "A service that hides where a connection comes from",
			Text: "A node that leads a connection from one of its node ports to a pod of another node connects by its own address, so that the pod's policy sees the node in place of the client. With externalTrafficPolicy: Local nodes keep to their own pods, and clients keep their addresses.", Fix: "Give the service externalTrafficPolicy: Local, or name the nodes in from too."},
		{Code: "intent/tier-before", Severity: diag.Error, Title: "The tier before a tier denies",
			Text: "Ends that nobody protects are spoken of in a tier of their own, before-NAME, which hands on what it does not decide. The cluster's tier of that name denies it.", Fix: "Give the tier defaultAction: Pass, or rename it."},
		{Code: "intent/tier-order", Severity: diag.Error, Title: "Two orders of one tier",
			Text: "Intents, or an intent and the cluster, disagree.", Fix: "Give the order once."},
		{Code: "intent/undeclared-port", Severity: diag.Note, Title: "A port that no container declares",
			Text: "All pods of the party declare ports of their containers, and none of them this one. A container may listen on ports that it does not declare.", Fix: "Check the number; statements are about the ports of the pods, not those of services."},
		{Code: "intent/unknown-field", Severity: diag.Error, Title: "A field that the language does not have",
			Text: "The language is strict, so that a misspelt word is not passed over.", Fix: "See the hint."},
		{Code: "intent/unknown-party", Severity: diag.Error, Title: "A party that nobody gives",
			Text: "Names are looked up in the document, then in all others of the input.", Fix: "Give it under parties, or write any."},
		{Code: "intent/unknown-ports", Severity: diag.Error, Title: "A list of ports that nobody gives",
			Text: "A word without a slash is the name of a list.", Fix: "Give it under ports, or write tcp/80."},
		{Code: "intent/unused", Severity: diag.Warning, Title: "A name that nobody uses",
			Text: "No statement of any intent in the input names it.", Fix: "Leave it out."},
		{Code: "intent/wrong-type", Severity: diag.Error, Title: "A value of the wrong type",
			Text: "See the message.", Fix: "See docs/intent.md."},
	}
}
