package main

import (
	"fmt"
	"slices"
	"strings"

	"tortie/dataplane/host"

	corev1 "k8s.io/api/core/v1"
)

// workloadKinds are the classes of "namespace/class/name" with the kind of the
// pods' owner; a Deployment's pods belong to ReplicaSets named after it.
var workloadKinds = map[string]string{
	"deploy": "Deployment", "deployment": "Deployment", "sts": "StatefulSet", "statefulset": "StatefulSet",
	"ds": "DaemonSet", "daemonset": "DaemonSet", "rs": "ReplicaSet", "replicaset": "ReplicaSet",
	"job": "Job", "cronjob": "CronJob",
}

// workload returns the first pod, by name, of a workload that the user named.
func (r *resolver) workload(e end) (*host.Endpoint, error) {
	kind, ok := workloadKinds[strings.ToLower(e.class)]
	if !ok {
		return nil, fmt.Errorf("%s: %q is no workload; write deploy, sts, ds, rs, job or cronjob", e.text, e.class)
	}
	if r.loaded.snapshot == nil {
		return nil, fmt.Errorf("no workload %q: the input has no objects (-f)", e.text)
	}
	ns, name, _ := strings.Cut(e.name, "/")
	var all, absent []string
	for _, o := range r.loaded.snapshot.Pods {
		owners := owners(o.Object, kind)
		if r.loaded.snapshot.MadeUpPods && o.Source.Kind == kind {
			owners = append(owners, strings.TrimSuffix(o.Object.Name, "-0"))
		}
		for _, owner := range owners {
			all = append(all, o.Object.Namespace+"/"+e.class+"/"+owner)
		}
		if o.Object.Namespace != ns || !slices.Contains(owners, name) {
			continue
		}
		for i := range r.fleet.Endpoints {
			if ep := &r.fleet.Endpoints[i]; ep.Name == ns+"/"+o.Object.Name {
				return ep, nil
			}
		}
		absent = append(absent, r.absent(ns+"/"+o.Object.Name))
	}
	if len(absent) > 0 {
		return nil, fmt.Errorf("no pod of %s %s/%s is at a node: %s", kind, ns, name, strings.Join(absent, "; "))
	}
	return nil, fmt.Errorf("no pod of %s %s/%s in the input%s", kind, ns, name, nearestName(ns+"/"+e.class+"/"+name, all))
}

// owners names the workloads of a kind that a pod belongs to: its owner, or the
// owner that the workload made (a ReplicaSet, a Job) and named NAME-SUFFIX.
func owners(p *corev1.Pod, kind string) (names []string) {
	made := map[string]string{"Deployment": "ReplicaSet", "CronJob": "Job"}[kind]
	for _, o := range p.OwnerReferences {
		if o.Kind == kind {
			names = append(names, o.Name)
		}
		if i := strings.LastIndexByte(o.Name, '-'); o.Kind == made && i >= 0 {
			names = append(names, o.Name[:i])
		}
	}
	return names
}
