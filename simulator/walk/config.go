package walk

import (
	"strconv"
	"strings"
	"time"

	"tortie/dataplane/host"
	"tortie/simulator/conntrack"
)

// conntrackConfig reads what sysctls say about connection tracking.
func conntrackConfig(s *host.State, o Options) conntrack.Config {
	get := func(key string, def int) int {
		n, err := strconv.Atoi(strings.TrimSpace(s.Sysctls["net.netfilter.nf_conntrack_"+key]))
		if err != nil {
			return def
		}
		return n
	}
	times := conntrack.DefaultTimeouts()
	for key, t := range timeoutKeys(&times) {
		if n := get(key, -1); n >= 0 {
			*t = time.Duration(n) * time.Second
		}
	}
	return conntrack.Config{
		Timeouts:            &times,
		Max:                 get("max", 0),
		TCPStrict:           get("tcp_loose", 1) == 0,
		TCPLiberal:          get("tcp_be_liberal", 0) != 0,
		TCPIgnoreInvalidRST: get("tcp_ignore_invalid_rst", 0) != 0,
		NoChecksum:          get("checksum", 1) == 0,
		OldRSTTimeout:       oldKernel(s.Kernel),
		Port:                o.Port,
	}
}

// timeoutKeys are the sysctls of timeouts, without their common beginning.
func timeoutKeys(t *conntrack.Timeouts) map[string]*time.Duration {
	return map[string]*time.Duration{
		"tcp_timeout_syn_sent":       &t.TCP[conntrack.TCPSynSent],
		"tcp_timeout_syn_recv":       &t.TCP[conntrack.TCPSynRecv],
		"tcp_timeout_established":    &t.TCP[conntrack.TCPEstablished],
		"tcp_timeout_fin_wait":       &t.TCP[conntrack.TCPFinWait],
		"tcp_timeout_close_wait":     &t.TCP[conntrack.TCPCloseWait],
		"tcp_timeout_last_ack":       &t.TCP[conntrack.TCPLastAck],
		"tcp_timeout_time_wait":      &t.TCP[conntrack.TCPTimeWait],
		"tcp_timeout_close":          &t.TCP[conntrack.TCPClose],
		"tcp_timeout_max_retrans":    &t.TCPMaxRetrans,
		"tcp_timeout_unacknowledged": &t.TCPUnacknowledged,
		"udp_timeout":                &t.UDP,
		"udp_timeout_stream":         &t.UDPStream,
		"icmp_timeout":               &t.ICMP,
		"icmpv6_timeout":             &t.ICMPv6,
		"gre_timeout":                &t.GRE,
		"gre_timeout_stream":         &t.GREStream,
		"generic_timeout":            &t.Generic,
		"sctp_timeout_cookie_wait":   &t.SCTP[conntrack.SCTPCookieWait],
		"sctp_timeout_established":   &t.SCTP[conntrack.SCTPEstablished],
	}
}

// oldKernel reports whether a release is known and older than 6.18.
func oldKernel(release string) bool {
	major, rest, _ := strings.Cut(release, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(strings.TrimRight(minor, "-abcdefghijklmnopqrstuvwxyz"))
	return err1 == nil && err2 == nil && (a < 6 || a == 6 && b < 18)
}
