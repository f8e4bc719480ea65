package dump

import (
	"strings"
)

// sysctls reads lines of sysctl -a ("net.ipv4.ip_forward = 1") and of files under
// /proc/sys ("/proc/sys/net/ipv4/conf/eth0.5/rp_filter=1").
func (r *reader) sysctls(s section) {
	for _, l := range s.lines {
		key, value, ok := strings.Cut(l.text, "=")
		if !ok {
			r.words(s, l).fail(l.text, "name = value")
			continue
		}
		name := sysctlName(strings.TrimSpace(key))
		value = strings.TrimSpace(value)
		// Some of the kernel's own are printed in several lines (kernel.core_modes);
		// what is asked here is under net.
		if old, ok := r.state.Sysctls[name]; ok && old != value && strings.HasPrefix(name, "net.") {
			r.words(s, l).fail(l.text, "one value for "+name+", which was "+quote(old)+" before")
			continue
		}
		r.state.Sysctls[name] = value
		if name == "kernel.osrelease" {
			r.state.Kernel = value
		}
	}
}

// sysctlName returns the form with dots. sysctl takes the separator that comes
// first as the separator of the whole name, and swaps the two.
func sysctlName(s string) string {
	s = strings.TrimPrefix(s, "/proc/sys/")
	slash, dot := strings.IndexByte(s, '/'), strings.IndexByte(s, '.')
	if slash < 0 || dot >= 0 && dot < slash {
		return s
	}
	return strings.Map(func(c rune) rune {
		switch c {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return c
	}, s)
}
