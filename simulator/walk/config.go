package walk

import (
	"strconv"
	"strings"

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
	return conntrack.Config{
		Max:                 get("max", 0),
		TCPStrict:           get("tcp_loose", 1) == 0,
		TCPLiberal:          get("tcp_be_liberal", 0) != 0,
		TCPIgnoreInvalidRST: get("tcp_ignore_invalid_rst", 0) != 0,
		NoChecksum:          get("checksum", 1) == 0,
		OldRSTTimeout:       oldKernel(s.Kernel),
		Port:                o.Port,
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
