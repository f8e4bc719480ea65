// Package kubeproxy makes the rules that kube-proxy v1.36.3 programs on one node
// from the cluster's services. A cluster.Snapshot comes in; tables of package nf
// come out: in iptables mode the KUBE-… chains of the filter, nat and mangle
// tables with the jumps from the built-in chains (and, if asked for, the
// kubelet's chains), in nftables mode the tables ip and ip6 kube-proxy, each
// rule with the service that it was made from; in IPVS mode the chains, sets,
// virtual servers and the addresses of kube-ipvs0. Merge joins iptables tables
// with those of Felix.
//
// It mirrors pkg/proxy (service and endpoint tracking, topology.go),
// iptables/proxier.go, nftables/proxier.go and ipvs/proxier.go in pkg/proxy of
// k8s.io/kubernetes v1.36.3, as they program an empty kernel in one full sync,
// and cmd/kube-proxy for which objects are watched. Stale says which connections
// conntrack/cleanup.go removes between two such syncs. It makes no EndpointSlices
// from pods, keeps no other history (stale chains, the large cluster's skipped
// clean-up), answers no health checks and writes no text.
//
// kube-proxy goes through services in random order; here they are sorted, so
// that the same input gives the same rules. Where that order matters (two
// services with one address and port) a note says so.
package kubeproxy
