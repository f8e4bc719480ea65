package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"

	corev1 "k8s.io/api/core/v1"
)

func (r *resolver) service(e end) (*corev1.Service, error) {
	if r.loaded.snapshot == nil {
		return nil, fmt.Errorf("no service %q: the input has no objects (-f)", e.text)
	}
	var names []string
	for _, o := range r.loaded.snapshot.Services {
		name := o.Object.Namespace + "/" + o.Object.Name
		if name == e.name {
			return o.Object, nil
		}
		names = append(names, name)
	}
	return nil, fmt.Errorf("no service %q in the input%s", e.name, nearestName(e.name, names))
}

func (r *resolver) serviceAddr(e end) (netip.Addr, error) {
	svc, err := r.service(e)
	if err != nil {
		return netip.Addr{}, err
	}
	var addrs []netip.Addr
	for _, s := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
		if a, err := netip.ParseAddr(s); err == nil {
			addrs = append(addrs, a)
		}
	}
	a, ok := pick(addrs, r.family)
	switch {
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		return a, fmt.Errorf("service %s has no cluster IP: it is another name for %s; give its address", e.name, svc.Spec.ExternalName)
	case svc.Spec.ClusterIP == corev1.ClusterIPNone:
		return a, fmt.Errorf("service %s has no cluster IP, it is headless: clients choose among its pods; give one", e.name)
	case !ok:
		return a, r.lacking("service " + e.name)
	}
	return a, nil
}

// port finds the port that the user named, or named by number, among those of a
// service; of a pod only names are looked up, because it may listen anywhere.
func (r *resolver) port(e *end) error {
	switch {
	case e.kind == endService:
		return r.servicePort(e)
	case e.portName == "":
		return nil
	}
	ep, err := r.endpoint(*e)
	if err != nil {
		return err
	}
	var names []string
	for _, o := range r.loaded.pods() {
		if o.Object.Namespace+"/"+o.Object.Name != ep.Name {
			continue
		}
		for _, p := range podPorts(o.Object) {
			if p.Name == e.portName && protoOf(p.Protocol) == e.proto {
				e.port = uint16(p.ContainerPort)
				return nil
			}
			if p.Name != "" {
				names = append(names, fmt.Sprintf("%s (%d/%s)", p.Name, p.ContainerPort, protoOf(p.Protocol)))
			}
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%q: pod %s names no ports; port %q is not a number from 1 to 65535", e.text+":"+e.portName, ep.Name, e.portName)
	}
	return fmt.Errorf("pod %s has no %s port %q; it names %s", ep.Name, e.proto, e.portName, strings.Join(names, ", "))
}

// pods are the pods of the input's objects.
func (l *loaded) pods() []cluster.Object[corev1.Pod] {
	if l.snapshot == nil {
		return nil
	}
	return l.snapshot.Pods
}

func podPorts(p *corev1.Pod) (out []corev1.ContainerPort) {
	for _, c := range append(slices.Clone(p.Spec.InitContainers), p.Spec.Containers...) {
		out = append(out, c.Ports...)
	}
	return out
}

// servicePort holds the port against the service's own.
func (r *resolver) servicePort(e *end) error {
	svc, err := r.service(*e)
	if err != nil || e.proto.IsICMP() {
		return err // whether anybody answers for the address itself is up to the rules
	}
	var all, names []string
	for _, p := range svc.Spec.Ports {
		if protoOf(p.Protocol) == e.proto && (e.port != 0 && int32(e.port) == p.Port || e.portName != "" && e.portName == p.Name) {
			e.port = uint16(p.Port)
			return nil
		}
		text := fmt.Sprintf("%d/%s", p.Port, protoOf(p.Protocol))
		if p.Name != "" {
			text += " (" + p.Name + ")"
		}
		all, names = append(all, text), append(names, p.Name)
	}
	has := "; it has " + strings.Join(all, ", ")
	switch {
	case e.portName != "":
		if best := yamlpos.Nearest(e.portName, names); best != "" {
			has += fmt.Sprintf("; did you mean %s?", best)
		}
		return fmt.Errorf("service %s has no %s port %q%s", e.name, e.proto, e.portName, has)
	case e.port == 0:
		return fmt.Errorf("%s; the service has %s", e.noPort(), strings.Join(all, ", "))
	}
	return fmt.Errorf("service %s has no port %d/%s%s", e.name, e.port, e.proto, has)
}

// notLed says of a service's node port that no rule leads anywhere that nobody
// listens to it but processes of the node; empty for others.
func (r *resolver) notLed(e end, c *trace.Connection) string {
	translated := func(s trace.Step) bool { return s.Kind == trace.KindNAT }
	if c.Verdict != trace.Allow || len(c.Packets) == 0 || r.loaded.snapshot == nil || slices.ContainsFunc(c.Packets[0].Steps, translated) {
		return ""
	}
	name := e.name
	if e.kind == endAddr {
		at, ok := r.walker.FindEnd(e.addr)
		if !ok || at.Link != "" {
			return ""
		}
		name = string(at.Host)
	} else if e.kind != endNode {
		return ""
	}
	for _, o := range r.loaded.snapshot.Services {
		for _, p := range o.Object.Spec.Ports {
			if p.NodePort != 0 && p.NodePort == int32(e.port) && protoOf(p.Protocol) == e.proto {
				return fmt.Sprintf("%d is the node port of Service %s/%s, but no rule leads this packet to a pod: it is for a process of %s itself, and without one that listens there it is refused", e.port, o.Object.Namespace, o.Object.Name, name)
			}
		}
	}
	return ""
}

// protoOf is the protocol of a Kubernetes port; TCP when it is not said.
func protoOf(p corev1.Protocol) packet.Proto {
	if n, ok := packet.ParseProto(strings.ToLower(string(p))); ok {
		return n
	}
	return packet.ProtoTCP
}
