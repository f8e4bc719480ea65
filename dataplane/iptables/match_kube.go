package iptables

import (
	"fmt"
	"strconv"

	"tortie/dataplane/nf"
)

// flag is an option without arguments.
func (g *group) flag(name string) nf.Flag {
	o := g.get(name)
	return nf.Flag{Set: o != nil, Invert: o != nil && o.inv}
}

func buildPhysdev(g *group) (nf.Stmt, error) {
	if len(g.opts) == 0 {
		return nil, expected(g.head, "an option of -m physdev")
	}
	return nf.MatchPhysdev{IsIn: g.flag("--physdev-is-in"), IsOut: g.flag("--physdev-is-out"), IsBridged: g.flag("--physdev-is-bridged")}, nil
}

func physdevText(m nf.MatchPhysdev) (string, error) {
	if !m.IsIn.Set && !m.IsOut.Set && !m.IsBridged.Set {
		return "", fmt.Errorf("physdev without a question")
	}
	var b textBuilder
	b.add("-m physdev")
	b.question(m.IsIn, "--physdev-is-in")
	b.question(m.IsOut, "--physdev-is-out")
	b.question(m.IsBridged, "--physdev-is-bridged")
	return b.result()
}

func (b *textBuilder) question(f nf.Flag, name string) {
	if f.Set {
		b.add(bang(f.Invert) + name)
	}
}

// buildIPVS reads the options that kube-proxy uses; --vdir, --vmethod and
// --vportctl are kept verbatim.
func buildIPVS(g *group) (nf.Stmt, error) {
	if len(g.opts) == 0 {
		return nil, expected(g.head, "an option of -m ipvs")
	}
	m := nf.MatchIPVS{Handled: g.flag("--ipvs")}
	var err error
	if o := g.get("--vproto"); o != nil {
		if m.Proto, err = proto(o.args[0]); err != nil {
			return nil, err
		}
		m.ProtoInvert = o.inv
	}
	if o := g.get("--vaddr"); o != nil {
		if m.Addr, err = prefix(o.args[0], g.family); err != nil {
			return nil, err
		}
		m.AddrInvert = o.inv
	}
	if o := g.get("--vport"); o != nil {
		if m.Port, err = u16(o.args[0]); err != nil {
			return nil, err
		}
		m.PortInvert = o.inv
	}
	if m.Proto == 0 && g.has("--vproto") || m.Port == 0 && g.has("--vport") {
		return nil, errUnmodelled
	}
	return m, nil
}

func ipvsText(m nf.MatchIPVS) (string, error) {
	if m == (nf.MatchIPVS{}) {
		return "", fmt.Errorf("ipvs without a question")
	}
	var b textBuilder
	b.add("-m ipvs")
	b.question(m.Handled, "--ipvs")
	if m.Proto != 0 {
		b.add(bang(m.ProtoInvert) + "--vproto " + strconv.Itoa(int(m.Proto)))
	}
	if m.Addr.IsValid() {
		text := m.Addr.String()
		if m.Addr.IsSingleIP() {
			text = m.Addr.Addr().String()
		}
		b.add(bang(m.AddrInvert) + "--vaddr " + text)
	}
	if m.Port != 0 {
		b.add(bang(m.PortInvert) + "--vport " + strconv.Itoa(int(m.Port)))
	}
	return b.result()
}
