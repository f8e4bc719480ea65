package difftest

import (
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ipsets makes one set of each type that rules are made for.
func (m maker) ipsets() []nf.Set {
	addr := func(list ...string) nf.Datum { return nf.AddrDatum(m.addr(list...)) }
	net := func(list ...string) nf.Datum { return nf.PrefixDatum(prefixAt(m.fam, pick(m, list...))) }
	hash := func(name nf.SetName, typ string, elements ...nf.Element) nf.Set {
		return nf.Set{Name: name, Type: typ, Family: m.fam, Elements: elements}
	}
	el := func(key ...nf.Datum) nf.Element { return nf.Element{Key: key} }
	except := el(net("10.2.0.3/32"))
	except.Nomatch = true
	lasting := hash("lasting", "hash:ip", el(addr("10.1.0.3", "10.2.0.3")))
	lasting.Timeout, lasting.Elements[0].Timeout = time.Hour, 10*time.Minute
	return []nf.Set{
		hash("ips", "hash:ip", el(addr("10.1.0.2", "10.2.0.2")), el(addr("10.1.0.1"))),
		hash("nets", "hash:net", el(net("10.2.0.0/16")), except),
		hash("services", "hash:ip,port", el(addr("10.2.0.2", "10.9.9.9"), m.setPort())),
		hash("netports", "hash:net,port", el(net("10.2.0.0/24", "10.1.0.0/24"), m.setPort()), el(net("10.1.0.2/32"), m.setPort())),
		hash("triples", "hash:ip,port,ip", el(addr("10.2.0.2"), m.setPort(), addr("10.1.0.2", "10.1.0.3")), el(addr("10.1.0.2"), m.setPort(), addr("10.2.0.2"))),
		lasting,
		hash("growing", "hash:ip"),
		{Name: "list", Type: "list:set", Elements: []nf.Element{el(nf.NameDatum("ips")), el(nf.NameDatum("services"))}},
	}
}

// setPort is a port of a protocol as ipset has it.
func (m maker) setPort() nf.Datum {
	d := nf.NumDatum(uint64(m.port()))
	d.Proto = pick(m, packet.ProtoTCP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP)
	return d
}

// dimensions of the sets that have more than one.
var dimensions = map[nf.SetName]int{"services": 2, "netports": 2, "triples": 3, "list": 2}

func (m maker) matchSet() nf.Stmt {
	set := pick(m, nf.SetName("ips"), "nets", "services", "netports", "triples", "lasting", "growing", "list")
	dirs := []nf.Dir{pick(m, nf.Src, nf.Dst)}
	for len(dirs) < dimensions[set] {
		dirs = append(dirs, pick(m, nf.Src, nf.Dst))
	}
	return nf.MatchSet{Set: set, Dirs: dirs, Invert: m.chance(4), ReturnNomatch: set == "nets" && m.chance(4)}
}

// grow makes a target that changes a set.
func (m maker) grow() nf.Stmt {
	return nf.SetElement{Op: pick(m, "add", "add", "delete"), Set: pick(m, nf.SetName("growing"), "lasting"), Dirs: []nf.Dir{pick(m, nf.Src, nf.Dst)}}
}
