package link

import (
	"tortie/compiler/felix"
	"tortie/compiler/resolve"
	"tortie/compiler/routing"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// addWireGuard says what WireGuard is on a node with these settings.
func (l *Linker) addWireGuard(t *routing.Tunnels, s *resolve.Settings) {
	if !s.Wireguard && !s.WireguardV6 {
		return
	}
	l.assumeWireGuard()
	both := routing.WireGuard{Mark: felix.WireguardMark(s), Priority: s.WireguardRulePriority, Hosts: s.WireguardEncryptHost, WorkloadIPs: s.RouteSourceWorkloadIPs}
	t.WireGuard, t.WireGuardV6 = both, both
	t.WireGuard.On, t.WireGuard.Link, t.WireGuard.Port = s.Wireguard, host.LinkName(s.WireguardIface), s.WireguardPort
	t.WireGuardV6.On, t.WireGuardV6.Link, t.WireGuardV6.Port = s.WireguardV6 && s.IPv6, host.LinkName(s.WireguardIfaceV6), s.WireguardPortV6
}

// assumeWireGuard completes, once, what nodes have not published of their devices.
func (l *Linker) assumeWireGuard() {
	if l.wireGuardAssumed {
		return
	}
	l.wireGuardAssumed = true
	settings := func(name string) resolve.Settings { return l.index.Settings(name, l.nodeOptions(&host.State{})) }
	l.routing.AssumeWireGuard(packet.IPv4, func(name string) bool { return settings(name).Wireguard })
	l.routing.AssumeWireGuard(packet.IPv6, func(name string) bool { s := settings(name); return s.WireguardV6 && s.IPv6 })
}
