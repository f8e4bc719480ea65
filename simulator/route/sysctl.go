package route

import (
	"strconv"
	"strings"
)

// readSysctls combines a link's sysctls with those of "all" as the IN_DEV_
// macros of include/linux/inetdevice.h do: OR for most, the maximum for
// rp_filter, the link's own for forwarding.
//
// With unlisted, sysctls that are not in s are not known.
func (d *link) readSysctls(s map[string]string, unlisted bool) {
	get := func(key string, def int) int { return devSysctl(s, "ipv4", string(d.Name), key, def) }
	all := func(key string, def int) int { return number(s["net.ipv4.conf.all."+key], def) }
	or := func(key string, def int) bool { return get(key, def) != 0 || all(key, def) != 0 }

	fwd := number(s["net.ipv4.ip_forward"], all("forwarding", boolInt(!knowsForwarding(s, "ipv4"))))
	d.forward4 = get("forwarding", fwd) != 0
	fwd6 := number(s["net.ipv6.conf.all.forwarding"], boolInt(!knowsForwarding(s, "ipv6")))
	d.forward6 = fwd6 != 0 || number(s["net.ipv6.conf."+sysctlName(string(d.Name))+".force_forwarding"], 0) != 0
	d.rpFilter = max(get("rp_filter", 0), all("rp_filter", 0))
	d.routeLocalnet = or("route_localnet", 0)
	known := func(key string) bool {
		return !unlisted || number(s["net.ipv4.conf.all."+key], -1) >= 0 && get(key, -1) >= 0
	}
	d.rpUnknown = !known("rp_filter") && d.rpFilter < 2
	d.localnetUnknown = !known("route_localnet") && !d.routeLocalnet
	d.acceptLocal = or("accept_local", 0)
	d.srcValidMark = or("src_valid_mark", 0)
	d.sendRedirects = or("send_redirects", 1)
	d.sharedMedia = or("shared_media", 1)
	d.bcForward = get("bc_forwarding", 0) != 0 && all("bc_forwarding", 0) != 0
}

// devSysctl reads a link's sysctl; a missing one has the value of "default",
// which is what links get when they are made.
func devSysctl(s map[string]string, fam, dev, key string, def int) int {
	if v, ok := s["net."+fam+".conf."+sysctlName(dev)+"."+key]; ok {
		return number(v, def)
	}
	if v, ok := s["net."+fam+".conf.default."+key]; ok {
		return number(v, def)
	}
	return def
}

// sysctlName is a link's name inside a sysctl's: dots become slashes.
func sysctlName(dev string) string { return strings.ReplaceAll(dev, ".", "/") }

func number(s string, def int) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return def
	}
	return n
}

// knowsForwarding reports whether the sysctls say anything about forwarding in a
// family. A capture that does not is of a host that may well forward.
func knowsForwarding(s map[string]string, fam string) bool {
	if _, ok := s["net.ipv4.ip_forward"]; ok && fam == "ipv4" {
		return true
	}
	for k := range s {
		if strings.HasPrefix(k, "net."+fam+".conf.") && strings.HasSuffix(k, "forwarding") {
			return true
		}
	}
	return false
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
