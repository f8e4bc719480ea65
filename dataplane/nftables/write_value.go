package nftables

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// datumText writes one value of a type as nft prints it. Inside of sets bits are
// joined by " | ".
func datumText(d nf.Datum, typ valueType) string {
	switch typ {
	case vAddr:
		return addrText(d)
	case vIfname:
		return ifnameText(d)
	case vIfindex:
		if d.Name != "" {
			return `"` + d.Name + `"`
		}
	case vEther:
		return d.MAC
	}
	if d.Num == d.NumTo {
		return numText(d.Num, typ, " | ")
	}
	return numText(d.Num, typ, "|") + "-" + numText(d.NumTo, typ, "|")
}

func addrText(d nf.Datum) string {
	if d.Addr == d.AddrTo {
		return oneAddrText(d.Addr)
	}
	if p, ok := d.Prefix(); ok {
		return fmt.Sprintf("%s/%d", oneAddrText(p.Addr()), p.Bits())
	}
	return oneAddrText(d.Addr) + "-" + oneAddrText(d.AddrTo)
}

// oneAddrText writes an address as the C library does: it shows the last four
// bytes of ::102:304 as ::1.2.3.4.
func oneAddrText(a netip.Addr) string {
	if b := a.As16(); a.Is6() && [12]byte(b[:12]) == [12]byte{} && (b[12] != 0 || b[13] != 0) {
		return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
	}
	return a.String()
}

func ifnameText(d nf.Datum) string {
	if d.Wildcard {
		return `"` + d.Name + `*"`
	}
	if s, ok := strings.CutSuffix(d.Name, "*"); ok {
		return `"` + s + `\*"`
	}
	return `"` + d.Name + `"`
}

// numText writes a number, or its names joined by sep when it is a set of bits.
func numText(n uint64, typ valueType, sep string) string {
	names := namesOf[typ]
	if typ.isBits() {
		return bitsText(n, names, sep)
	}
	if s, ok := names.name(n); ok {
		return s
	}
	switch typ {
	case vMark:
		return fmt.Sprintf("0x%08x", n)
	case vDSCP:
		return fmt.Sprintf("0x%02x", n)
	}
	return strconv.FormatUint(n, 10)
}

func bitsText(n uint64, names nameTable, sep string) string {
	if n == 0 {
		return "0x0"
	}
	var parts []string
	for _, name := range names {
		if n&name.num != 0 {
			parts = append(parts, name.name)
			n &^= name.num
		}
	}
	if n != 0 {
		parts = append(parts, fmt.Sprintf("0x%x", n))
	}
	return strings.Join(parts, sep)
}

// tupleText writes the parts of a value with dots between them.
func tupleText(ds []nf.Datum, types []valueType) (string, error) {
	if len(ds) != len(types) {
		return "", fmt.Errorf("nftables: %d values for %d keys", len(ds), len(types))
	}
	parts := make([]string, len(ds))
	for i, d := range ds {
		if err := checkDatum(d, types[i]); err != nil {
			return "", err
		}
		parts[i] = datumText(d, types[i])
	}
	return strings.Join(parts, " . "), nil
}

// checkDatum reports a datum that its type cannot have.
func checkDatum(d nf.Datum, typ valueType) error {
	ok := true
	switch typ {
	case vAddr:
		ok = d.Addr.IsValid() && d.AddrTo.IsValid() && d.Addr.BitLen() == d.AddrTo.BitLen() && !d.AddrTo.Less(d.Addr)
	case vIfname:
		ok = (d.Name != "" || d.Wildcard) && !strings.ContainsAny(d.Name, "\"\n") && !strings.HasSuffix(d.Name, "*") || goodStarName(d)
	case vIfindex:
		ok = d.Name == "" && d.Num <= d.NumTo && d.NumTo <= maxOf[typ] || d.Name != "" && !strings.ContainsAny(d.Name, "\"\n")
	case vEther:
		ok = isMAC(d.MAC)
	default:
		ok = d.Num <= d.NumTo && d.NumTo <= maxOf[typ]
	}
	if !ok {
		return fmt.Errorf("nftables: value %+v does not fit its key", d)
	}
	return nil
}

// goodStarName is the name of an interface that really ends in a star.
func goodStarName(d nf.Datum) bool {
	return !d.Wildcard && strings.HasSuffix(d.Name, "*") && !strings.ContainsAny(d.Name, "\"\n")
}

// keyType returns how values of a key are written.
func keyType(k nf.Key) valueType {
	switch k.Field {
	case nf.KeyNumgenRandom, nf.KeyNumgenInc:
		return vInt
	case nf.KeyFib:
		if k.Fib == nil {
			return 0
		}
		return map[nf.FibResult]valueType{nf.FibType: vFibType, nf.FibOIF: vIfindex, nf.FibOIFName: vIfname}[k.Fib.Result]
	}
	for i := range keySpecs {
		if keySpecs[i].field == k.Field {
			return keySpecs[i].typ
		}
	}
	return 0
}

func keyTypes(keys []nf.Key) []valueType {
	out := make([]valueType, len(keys))
	for i, k := range keys {
		out[i] = keyType(k)
	}
	return out
}

func setValueTypes(types []nf.DataType) []valueType {
	out := make([]valueType, len(types))
	for i, t := range types {
		out[i] = dataTypes[t].typ
	}
	return out
}

// keyText writes a key. The header of a key without a family of its own is the
// table's, and where that has none the one of the address it is compared with.
func keyText(k nf.Key, fam nf.Family, hint packet.Family) (string, error) {
	switch k.Field {
	case nf.KeyFib:
		return fibText(k)
	case nf.KeyNumgenRandom, nf.KeyNumgenInc:
		return numgenText(k), nil
	}
	pf := k.Family
	if pf == 0 {
		pf = familyOf(fam)
	}
	if pf == 0 {
		pf = hint
	}
	for i := range keySpecs {
		if s := &keySpecs[i]; s.field == k.Field && (s.fam == 0 || s.fam == pf) {
			return s.words, nil
		}
	}
	return "", fmt.Errorf("nftables: key %d has no spelling in family %s", k.Field, fam)
}

func fibText(k nf.Key) (string, error) {
	if k.Fib == nil {
		return "", fmt.Errorf("nftables: fib key without what it asks")
	}
	parts := []string{"daddr"}
	if k.Fib.Saddr {
		parts[0] = "saddr"
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{k.Fib.Mark, "mark"}, {k.Fib.IIF, "iif"}, {k.Fib.OIF, "oif"}} {
		if f.on {
			parts = append(parts, f.name)
		}
	}
	result := map[nf.FibResult]string{nf.FibType: "type", nf.FibOIF: "oif", nf.FibOIFName: "oifname"}[k.Fib.Result]
	if result == "" {
		return "", fmt.Errorf("nftables: fib result %d is unknown", k.Fib.Result)
	}
	return "fib " + strings.Join(parts, " . ") + " " + result, nil
}

func numgenText(k nf.Key) string {
	mode := "random"
	if k.Field == nf.KeyNumgenInc {
		mode = "inc"
	}
	s := fmt.Sprintf("numgen %s mod %d", mode, k.Mod)
	if k.Offset != 0 {
		s += fmt.Sprintf(" offset %d", k.Offset)
	}
	return s
}

// keysText writes a concatenation of keys; first is a value that they are
// compared with, or nil.
func keysText(keys []nf.Key, fam nf.Family, first []nf.Datum) (string, error) {
	parts := make([]string, len(keys))
	for i, k := range keys {
		var hint packet.Family
		if i < len(first) {
			hint = familyHint(first[i].Addr)
		}
		s, err := keyText(k, fam, hint)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("nftables: a match without a key")
	}
	return strings.Join(parts, " . "), nil
}

func familyHint(a netip.Addr) packet.Family {
	switch {
	case a.Is4():
		return packet.IPv4
	case a.IsValid():
		return packet.IPv6
	}
	return 0
}

// durationText writes a time as nft does: "1d2h3m4s5ms".
func durationText(d time.Duration) string {
	var b strings.Builder
	for _, u := range timeUnits {
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.unit
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
