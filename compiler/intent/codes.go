package intent

import "tortie/compiler/diag"

// Code explains a code of findings about intents.
type Code struct {
	Code     string
	Severity diag.Severity
	Title    string
	Text     string
	Fix      string
}

// Codes returns all codes of findings about intents, those of compiler/lower too,
// sorted.
func Codes() []Code {
	return []Code{
		{"intent/ambiguous-party", diag.Error, "A party that several intents give", "A name that the document does not give itself is looked up in the others, and more than one has it.", "Write intent.party."},
		{"intent/bad-date", diag.Error, "A date that is none", "until is the last day on which a statement is meant to hold.", "Write it as 2027-03-31."},
		{"intent/bad-direction", diag.Error, "A direction that is none", "Connections go in or out, seen from the party.", "Write in, out or both; a raw rule has one."},
		{"intent/bad-icmp", diag.Error, "No type of ICMP", "Types go from 0 to 254, codes from 0 to 255; some types have names.", "Write icmp/echo-request, icmp/TYPE or icmp/TYPE/CODE."},
		{"intent/bad-mode", diag.Error, "A mode that is none", "An intent is enforced or staged.", "Write enforce or stage."},
		{"intent/bad-name", diag.Error, "A name that objects cannot have", "Names of intents, parties, tiers and lists of ports become parts of names of objects.", "Use lower-case letters, digits and dashes, at most 63; any is taken."},
		{"intent/bad-net", diag.Error, "Neither a network nor an address", "Networks are written with their prefix, in their own family.", "Write it as 10.0.0.0/8 or 2001:db8::/32."},
		{"intent/bad-port", diag.Error, "No port", "A port is a number from 1 to 65535, a range or a name, behind its protocol.", "Write tcp/80, tcp/8080-8090 or tcp/http."},
		{"intent/bad-protocol", diag.Error, "No protocol", "The protocols are tcp, udp, sctp, udplite, icmp, icmpv6 and numbers.", "Write proto/47 for a protocol without a name here."},
		{"intent/bad-selector", diag.Error, "A selector that cannot be read", "Parties of pods and hosts are Calico's selectors.", "See the message; all() selects everything."},
		{"intent/bad-service", diag.Error, "No service", "A service is named with its namespace.", "Write namespace/name."},
		{"intent/bad-tier", diag.Error, "A tier that intents cannot go to", "kube-admin and kube-baseline are kept for ClusterNetworkPolicies; the order of default is fixed.", "Name a tier of your own, or leave the order out."},
		{"intent/circular-party", diag.Error, "A party that contains itself", "anyOf leads back to the party.", "Leave one of the names out."},
		{"intent/defeated", diag.Warning, "A deny that comes too late", "An allow of another intent that is asked earlier covers it, and the first statement decides.", "Give the intent with the deny a lower order or an earlier tier."},
		{"intent/duplicate", diag.Error, "The same thing twice", "Names of intents are unique; a list names a thing once. A statement that an earlier one covers is a warning.", "Leave one out."},
		{"intent/empty-list", diag.Error, "An empty list", "An empty list would say something else than no list.", "Leave the field out, or name something."},
		{"intent/empty-party", diag.Error, "A party of nothing", "A party says which ends it has.", "Give pods, hosts, nets, service or anyOf."},
		{"intent/except-outside", diag.Error, "An exception from nothing", "except leaves addresses out of nets; this one is in none of them.", "Leave it out."},
		{"intent/expired", diag.Warning, "A statement past its date", "until has passed; the statement still holds.", "Take it out, or give it a later date."},
		{"intent/families", diag.Warning, "A statement for no packet", "Its ends or ports are of different families.", "Give networks of both families."},
		{"intent/fast-path-ports", diag.Error, "A fast path without numbered ports", "Untracked rules judge every packet by itself: only its port tells a reply from other packets.", "Give on: [udp/11211]."},
		{"intent/host-bits", diag.Error, "A network with bits behind its prefix", "It is not clear whether the network or the address is meant.", "Write the network, or the address alone."},
		{"intent/lock-out", diag.Warning, "Protection that cuts what a cluster lives on", "Failsafe ports and statements are counted in; what is named stays open by neither.", "Allow it, from the nodes and the control plane at least."},
		{"intent/missing-field", diag.Error, "A field that is missing", "The statement or section cannot do without.", "See the message."},
		{"intent/mixed-party", diag.Error, "A party of two kinds", "Pods, hosts, networks and services are different kinds of ends.", "Make two parties and join them with anyOf."},
		{"intent/name-collision", diag.Error, "Two policies of one name", "Policies are named after the intent and the party, and two parties give the same name.", "Rename one of the parties."},
		{"intent/nested-ports", diag.Error, "A list of ports in a list of ports", "A list holds ports only.", "Write the ports out."},
		{"intent/no-cluster", diag.Error, "A guard that would cut the cluster in two", "nodePorts and forward close hosts for everybody else, and without the cluster's objects nobody knows who belongs to it.", "Give the cluster with -f, or its networks under trust."},
		{"intent/no-dns", diag.Warning, "Callers that cannot ask for names", "The party may connect to pods or services, which are known by names, and no statement lets it reach the cluster's DNS.", "Allow it to reach the DNS service."},
		{"intent/no-expected-ips", diag.Warning, "Host endpoints without addresses", "Rules know a host endpoint by its expectedIPs; without them it is nobody as the other end of a rule.", "Give the host endpoint expectedIPs."},
		{"intent/no-host-endpoint", diag.Warning, "Hosts without host endpoints", "Policy for hosts takes effect at host endpoints only.", "Let tortie compile --host-endpoints write them."},
		{"intent/no-name", diag.Error, "An intent without a name", "The name becomes part of the names of policies.", "Write metadata: {name: …}."},
		{"intent/no-service", diag.Warning, "A service that the cluster does not have", "The statement applies to nothing until there is one.", "Check its namespace and name."},
		{"intent/no-subject", diag.Error, "A statement that nobody would enforce", "Policy is put at pods and hosts, and neither end is one.", "Name pods or hosts at one end."},
		{"intent/no-such-port", diag.Warning, "A named port that nobody has", "A name stands for the ports that the pods or hosts in to give that name, with that protocol.", "Name the port in the containers, or write its number."},
		{"intent/not-hosts", diag.Error, "Not hosts", "nodePorts, forward and fastPath work at host endpoints.", "Name a party with hosts."},
		{"intent/not-protectable", diag.Error, "Ends at which no policy can be put", "Only pods and hosts can be protected.", "Name the pods or hosts behind it."},
		{"intent/not-proved", diag.Warning, "A guarantee", "Guarantees are read and their names checked; nothing proves them yet.", "Ask tortie trace for single connections."},
		{"intent/nothing-left", diag.Error, "A network of which nothing is left", "except covers all of it.", "Leave the network out."},
		{"intent/protected-differently", diag.Warning, "Two intents that protect the same ends in different ways", "In two tiers the earlier one decides alone; in one tier both directions count together.", "Protect in one intent, or in the same way."},
		{"intent/selects-nothing", diag.Warning, "A party of nobody", "No pod or host endpoint of the cluster is in the party.", "Check labels, namespaces and service accounts."},
		{"intent/service-end", diag.Error, "A service where it cannot stand", "Calico knows services as destinations of what pods and hosts send.", "Name the pods behind the service."},
		{"intent/service-ports", diag.Error, "Ports beside a service", "A service brings its own ports.", "Leave on out, or name the pods behind the service."},
		{"intent/tier-before", diag.Error, "The tier before a tier denies", "Ends that nobody protects are spoken of in a tier of their own, before-NAME, which hands on what it does not decide. The cluster's tier of that name denies it.", "Give the tier defaultAction: Pass, or rename it."},
		{"intent/tier-order", diag.Error, "Two orders of one tier", "Intents, or an intent and the cluster, disagree.", "Give the order once."},
		{"intent/unknown-field", diag.Error, "A field that the language does not have", "The language is strict, so that a misspelt word is not passed over.", "See the hint."},
		{"intent/unknown-party", diag.Error, "A party that nobody gives", "Names are looked up in the document, then in all others of the input.", "Give it under parties, or write any."},
		{"intent/unknown-ports", diag.Error, "A list of ports that nobody gives", "A word without a slash is the name of a list.", "Give it under ports, or write tcp/80."},
		{"intent/unused", diag.Warning, "A name that nobody uses", "No statement of any intent in the input names it.", "Leave it out."},
		{"intent/wrong-type", diag.Error, "A value of the wrong type", "See the message.", "See docs/intent.md."},
	}
}
