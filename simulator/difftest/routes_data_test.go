package difftest

// routedLinks are five links; the third has no carrier, the fourth was set down, and
// the last was never up and asks for no neighbours, as kube-ipvs0.
const routedLinks = `link add eth0 type veth peer name p0
link add eth1 type veth peer name p1
link add eth2 type veth peer name p2
link set p0 up addrgenmode none
link set p1 up addrgenmode none
link set eth0 up addrgenmode none
link set eth1 up addrgenmode none
link set eth2 up addrgenmode none
addr add 10.0.0.1/24 brd + dev eth0
addr add 10.1.0.1/24 dev eth1
addr add 10.2.0.1/24 dev eth2
addr add fd00::1/64 dev eth0 nodad
addr add fd01::1/64 dev eth1 nodad
addr add fd02::1/64 dev eth2 nodad
link add eth3 type veth peer name p3
addr add 10.6.0.1/24 brd + dev eth3
addr add fd06::1/64 dev eth3 nodad
link set eth3 up addrgenmode none
route add 27.0.0.0/8 via 10.6.0.9
route add 9.2.0.0/16 nexthop via 10.6.0.3 weight 1 nexthop via 10.1.0.3 weight 3
link set eth3 down
link add ipvs0 type bridge
link set ipvs0 arp off
addr add 10.96.0.1/32 dev ipvs0
addr add fd07::1/128 dev ipvs0
`

// routedAddrs, routedRoutes and routedRules are what a node may have more;
// routedOpaque is not modelled.
var (
	routedAddrs = []string{
		"addr add 10.0.0.2/24 dev eth0", "addr add 10.0.0.129/25 dev eth0", "addr add 10.0.0.130/25 dev eth0", "addr add 10.3.0.1/24 dev eth0 scope link",
		"addr add 10.4.0.1 peer 10.4.0.2 dev eth1", "addr add 10.1.0.3/32 dev eth1", "addr add 10.1.0.4/16 dev eth1", "addr add 192.0.2.1/32 dev lo",
		"addr add fd00::2/64 dev eth0 nodad preferred_lft 0", "addr add fd00:1::1/64 dev eth0 nodad", "addr add fd01::2/128 dev eth1 nodad",
		"addr del 10.0.0.1/24 dev eth0", "addr add 10.0.0.7/24 dev eth0",
	}
	routedRoutes = []string{
		"route add default via 10.0.0.254 metric 100", "route add default via 10.2.0.254 metric 50", "route add default via 10.1.0.254 metric 100 tos 0x10",
		"route add 9.0.0.0/8 nexthop via 10.0.0.3 weight 1 nexthop via 10.1.0.3 weight 3",
		"route add 9.1.0.0/16 nexthop via 10.2.0.3 weight 1 nexthop via 10.1.0.3 weight 3",
		"route add throw 8.0.0.0/8", "route add prohibit 7.0.0.0/8", "route add unreachable 6.0.0.0/8 metric 5", "route add blackhole 5.0.0.0/8",
		"route add 6.0.0.0/8 via 10.0.0.3 metric 9", "route add 4.0.0.0/8 via 44.0.0.1 dev eth0 onlink", "route add 3.0.0.0/8 via inet6 fd00::9 dev eth0",
		"route add 2.0.0.0/8 dev eth0 src 10.1.0.1", "route add 2.2.0.0/16 dev eth1 scope link", "route add 2.2.2.0/24 dev eth1",
		"route add 2.1.0.0/16 encap ip dst 1.2.3.4 dev eth0", "route add 22.0.0.0/8 via 10.2.0.9", "route add local 23.0.0.0/8 dev lo",
		"route add table 100 default via 10.1.0.254", "route add table 100 9.0.0.0/8 dev eth0", "route add table 100 throw 2.0.0.0/8",
		"route add table 101 prohibit default", "route add table local 24.0.0.0/8 dev eth1",
		"nexthop add id 8 via 10.1.0.7 dev eth1", "nexthop add id 11 blackhole", "route add 25.0.0.0/8 nhid 8", "route add 26.0.0.0/8 nhid 11",
		"-6 route add default via fd00::ff metric 10 pref low", "-6 route add default via fd01::ff metric 20 pref high",
		"-6 route add 2001:db8::/32 via fd00::ff expires 300", "-6 route add 2001:db9::/32 nexthop via fd00::fe nexthop via fd01::fe",
		"-6 route add unreachable 2001:dba::/32", "-6 route add throw 2001:dbb::/32", "-6 route add prohibit 2001:dbe::/32",
		"-6 route add blackhole 2001:dbf::/32", "-6 route add 2001:dbc::/32 from fd01::/64 via fd01::7", "-6 route add 2001:dbd::/32 via fd02::7",
		"-6 route add table 100 default via fd01::aa", "-6 route add table 100 throw 2001:dbd::/32", "-6 route add table 100 2001:db9::/32 dev eth1", "-6 route add 2001:db8:1::/48 dev eth1 src fd00::1",
	}
	routedOpaque = []string{"rule add pref 102 uidrange 10-20 lookup 100", "rule add pref 111 tun_id 5 lookup 100", "rule add pref 120 to 2.0.0.0/8 suppress_ifgroup 5 lookup main"}
	routedRules  = []string{
		"rule add pref 100 from 10.0.0.0/24 iif eth0 lookup 100", "rule add pref 101 not from 10.0.0.0/8 fwmark 0x10/0x10 lookup 100",
		"rule add pref 103 iif nowhere lookup 101", "rule add pref 104 to 9.0.0.0/8 goto 110",
		"rule add pref 105 to 6.0.0.0/8 goto 500", "rule add pref 106 suppress_prefixlength 0 lookup main", "rule add pref 107 fwmark 5 lookup 101",
		"rule add pref 108 ipproto tcp sport 5-10 dport 80 prohibit", "rule add pref 109 tos 0x10 lookup 100", "rule add pref 110 l3mdev",
		"rule add pref 112 fwmark 0x1/0x3 goto 32766", "rule add pref 113 oif eth1 lookup 100",
		"rule add pref 114 dport 443 unreachable", "rule add pref 115 to 22.0.0.0/8 blackhole", "rule add pref 116 iif lo to 4.0.0.0/8 lookup 100",
		"rule add pref 117 not to 10.0.0.0/8 ipproto udp lookup 100", "rule add pref 118 from 10.1.0.1 lookup 100", "rule del pref 32767",
		"rule add pref 99 not fwmark 0x10/0x10 lookup 100", "-6 rule add pref 99 not fwmark 0x10/0x10 lookup 100",
		"-6 rule add pref 100 from fd00::/64 lookup 100", "-6 rule add pref 101 suppress_prefixlength 0 lookup main",
		"-6 rule add pref 102 to 2001:db9::/32 ipproto tcp prohibit", "-6 rule add pref 103 not fwmark 0/0x2 lookup 100",
		"-6 rule add pref 104 iif eth0 to 2001:dbd::/32 unreachable",
	}
)

// The addresses that questions are about.
var (
	routedDsts4 = []string{"10.96.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.7", "10.0.0.9", "10.0.0.130", "10.0.0.200", "10.0.0.255", "10.1.0.9", "10.1.7.7", "10.2.0.9",
		"10.3.0.9", "10.4.0.1", "10.4.0.2", "192.0.2.1", "9.9.9.9", "9.1.9.9", "8.8.8.8", "7.7.7.7", "6.6.6.6", "5.5.5.5", "4.4.4.4", "3.3.3.3", "2.9.9.9",
		"2.2.9.9", "2.2.2.9", "2.1.9.9", "1.1.1.1", "22.1.1.1", "23.1.1.1", "24.1.1.1", "25.1.1.1", "26.1.1.1", "27.1.1.1", "9.2.9.9", "10.6.0.1", "10.6.0.9", "10.6.0.255", "127.0.0.1", "255.255.255.255"}
	routedLocal4   = []string{"10.0.0.1", "10.0.0.2", "10.0.0.7", "10.1.0.1", "10.2.0.1", "192.0.2.1", "11.0.0.1"}
	routedForeign4 = []string{"10.0.0.9", "10.1.0.9", "10.2.0.9", "9.9.9.9", "1.1.1.1", "7.7.7.7", "10.0.0.1", "10.0.0.255"}
	routedDsts6    = []string{"fd07::1", "fd00::1", "fd00::2", "fd00::9", "fd00:1::9", "fd01::2", "fd01::9", "fd02::9", "fd06::1", "fd06::9", "2001:db8::1", "2001:db8:1::1", "2001:db9::1",
		"2001:dba::1", "2001:dbb::1", "2001:dbc::1", "2001:dbd::1", "2001:dbe::1", "2001:dbf::1", "2002::1"}
	routedLocal6   = []string{"fd00::1", "fd01::1", "fd00:1::1"}
	routedForeign6 = []string{"fd00::9", "fd01::9", "2001:db8::9", "2002::9"}
)
