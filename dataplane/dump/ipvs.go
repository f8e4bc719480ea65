package dump

import (
	"net/netip"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// ipvsOptions are the services of ipvsadm by option.
var ipvsOptions = map[string]packet.Proto{"-t": packet.ProtoTCP, "-u": packet.ProtoUDP, "--sctp-service": packet.ProtoSCTP}

// ipvs reads what ipvsadm -S -n prints: "-A -t ADDR:PORT -s SCHEDULER …" and
// "-a -t ADDR:PORT -r ADDR:PORT -m -w WEIGHT".
func (r *reader) ipvs(s section) {
	for _, l := range s.lines {
		words := strings.Fields(l.text)
		if len(words) == 0 {
			continue
		}
		if bad := r.ipvsLine(words); bad != "" {
			r.findings.Add(diag.Finding{Code: "dump/ipvs", Severity: diag.Error, Span: spanLine(s.file, l.no, l.text),
				Message: strconv.Quote(l.text) + ": expected " + bad, Hint: "give what ipvsadm -S -n prints"})
		}
	}
}

// ipvsLine reads one line; it returns what was expected instead.
func (r *reader) ipvsLine(words []string) (bad string) {
	if len(words) < 3 {
		return "a service"
	}
	proto, known := ipvsOptions[words[1]]
	at, err := netip.ParseAddrPort(words[2])
	if !known || err != nil {
		return "-t, -u or --sctp-service with ADDRESS:PORT"
	}
	v := host.VirtualServer{Addr: at.Addr(), Port: at.Port(), Proto: proto}
	if words[0] == "-A" {
		if bad = serviceOptions(&v, words[3:]); bad == "" {
			r.state.IPVS = append(r.state.IPVS, v)
		}
		return bad
	}
	real, bad := realServer(words[3:])
	if bad != "" {
		return bad
	}
	for i := range r.state.IPVS {
		if o := &r.state.IPVS[i]; o.Addr == v.Addr && o.Port == v.Port && o.Proto == v.Proto {
			o.Servers = append(o.Servers, real)
			return ""
		}
	}
	return "a service that a line before has added with -A"
}

// serviceOptions reads the options of a virtual server.
func serviceOptions(v *host.VirtualServer, words []string) (bad string) {
	for i := 0; i < len(words); i += 2 {
		if i+1 == len(words) {
			return "a value behind " + words[i]
		}
		switch value := words[i+1]; words[i] {
		case "-s":
			v.Scheduler = value
		case "-p":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return "seconds behind -p"
			}
			v.Persistent = uint32(n)
		case "-b":
			v.HashPort = strings.HasSuffix(value, "-port")
		default:
			return "-s, -p or -b; " + words[i] + " is not modelled"
		}
	}
	return ""
}

// realServer reads the options of a real server, which must be of the forwarding
// method masq.
func realServer(words []string) (s host.RealServer, bad string) {
	s.Weight = 1
	masq := false
	for i := 0; i < len(words); i++ {
		value := ""
		if words[i] != "-m" && i+1 < len(words) {
			value = words[i+1]
		}
		switch words[i] {
		case "-m":
			masq = true
			continue
		case "-r":
			at, err := netip.ParseAddrPort(value)
			if err != nil {
				return s, "ADDRESS:PORT behind -r"
			}
			s.Addr, s.Port = at.Addr(), at.Port()
		case "-w":
			n, err := strconv.Atoi(value)
			if err != nil {
				return s, "a number behind -w"
			}
			s.Weight = n
		default:
			return s, "-r, -m and -w; " + words[i] + " is not modelled"
		}
		i++
	}
	if !masq || !s.Addr.IsValid() {
		return s, "-r with ADDRESS:PORT and -m"
	}
	return s, ""
}

// missingIPVS notes that the node uses IPVS and no capture lists its servers.
func (r *reader) missingIPVS() {
	l := r.state.FindLink(host.IPVSLink)
	if l == nil || len(l.Addrs) == 0 || len(r.state.IPVS) > 0 {
		return
	}
	r.state.IPVSMissing = host.IPVSLink
	r.findings.Add(diag.Finding{Code: "dump/ipvs-missing", Severity: diag.Warning,
		Message: "the node balances services by IPVS (" + string(host.IPVSLink) + " has addresses), and its virtual servers are not in the captures: packets to them are unknown",
		Hint:    "add the output of ipvsadm -S -n"})
}
