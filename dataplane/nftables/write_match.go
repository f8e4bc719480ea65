package nftables

import (
	"fmt"
	"math/bits"
	"strings"

	"tortie/dataplane/nf"
)

// opTexts are the operators; OpHasAny and OpEqual have no words of their own.
var opTexts = map[nf.Op]string{
	nf.OpNotEqual: "!= ", nf.OpLess: "< ", nf.OpGreater: "> ", nf.OpLessEqual: "<= ", nf.OpGreaterEqual: ">= ",
}

// compareText writes a comparison with constants.
func compareText(m nf.MatchCompare, fam nf.Family) (string, error) {
	if len(m.Values) == 0 {
		return "", fmt.Errorf("nftables: a comparison without values")
	}
	key, err := keysText(m.Key, fam, m.Values[0])
	if err != nil {
		return "", err
	}
	types := keyTypes(m.Key)
	if m.Anonymous || len(m.Values) > 1 || len(m.Key) > 1 {
		return anonymousText(key, m, types)
	}
	if _, err := tupleText(m.Values[0], types); err != nil {
		return "", err
	}
	d := m.Values[0][0]
	if types[0].isBits() {
		return bitTestText(key, m, d.Num, types[0])
	}
	if m.Op == nf.OpHasAny {
		return "", fmt.Errorf("nftables: %s has no bits to test", key)
	}
	if m.Mask == 0 {
		return key + " " + opTexts[m.Op] + datumText(d, types[0]), nil
	}
	if err := checkMask(m, types[0]); err != nil {
		return "", err
	}
	if n, ok := markPrefixLen(m.Mask); ok && types[0] == vMark && d.Num == d.NumTo && m.Op <= nf.OpNotEqual && d.Num&^m.Mask == 0 {
		return fmt.Sprintf("%s %s%s/%d", key, opTexts[m.Op], numText(d.Num, vMark, ""), n), nil
	}
	return fmt.Sprintf("%s & %s %s%s", key, numText(m.Mask, types[0], ""), explicitOp(m.Op), datumText(d, types[0])), nil
}

func explicitOp(op nf.Op) string {
	if op == nf.OpEqual {
		return "== "
	}
	return opTexts[op]
}

// checkMask reports a mask on a key that has no numbers.
func checkMask(m nf.MatchCompare, typ valueType) error {
	if typ == vAddr || typ == vIfname || typ == vIfindex || typ == vEther || m.Mask > maxOf[typ] {
		return fmt.Errorf("nftables: mask %#x does not fit its key", m.Mask)
	}
	return nil
}

// anonymousText writes "KEY { 1, 2 }".
func anonymousText(key string, m nf.MatchCompare, types []valueType) (string, error) {
	if m.Op != nf.OpEqual && m.Op != nf.OpNotEqual || m.Mask != 0 && len(types) != 1 {
		return "", fmt.Errorf("nftables: operator %d with a list of values", m.Op)
	}
	op := opTexts[m.Op]
	if m.Mask != 0 {
		if err := checkMask(m, types[0]); err != nil {
			return "", err
		}
		key += " & " + parenBits(m.Mask, types[0])
		op = explicitOp(m.Op)
	}
	parts := make([]string, len(m.Values))
	for i, v := range m.Values {
		s, err := tupleText(v, types)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return key + " " + op + "{ " + strings.Join(parts, ", ") + " }", nil
}

// parenBits writes a mask, in brackets when it has several names.
func parenBits(mask uint64, typ valueType) string {
	s := numText(mask, typ, " | ")
	if strings.Contains(s, "|") {
		return "(" + s + ")"
	}
	return s
}

// bitTestText writes the test of a bit mask type.
func bitTestText(key string, m nf.MatchCompare, v uint64, typ valueType) (string, error) {
	one := numText(v, typ, ",")
	switch {
	case m.Mask > maxOf[typ]:
		return "", checkMask(m, typ)
	case m.Mask == 0 && m.Op == nf.OpHasAny:
		return key + " " + one, nil
	case m.Mask == 0 && m.Op == nf.OpEqual:
		return key + " == " + numText(v, typ, " | "), nil
	case m.Mask == 0 && m.Op == nf.OpNotEqual:
		return key + " != " + numText(v, typ, " | "), nil
	case m.Op != nf.OpEqual && m.Op != nf.OpNotEqual:
	case m.Op == nf.OpEqual && v == 0:
		return key + " ! " + numText(m.Mask, typ, ","), nil
	case bits.OnesCount64(m.Mask) == 1:
		return fmt.Sprintf("%s & %s %s%s", key, numText(m.Mask, typ, ""), explicitOp(m.Op), numText(v, typ, " | ")), nil
	default:
		return key + " " + opTexts[m.Op] + one + " / " + numText(m.Mask, typ, ","), nil
	}
	return "", fmt.Errorf("nftables: operator %d on %s", m.Op, key)
}

func lookupText(m nf.MatchLookup, fam nf.Family) (string, error) {
	key, err := keysText(m.Key, fam, nil)
	if err != nil {
		return "", err
	}
	if m.Invert {
		key += " !="
	}
	return nameText(key+" @", string(m.Set))
}

// vmapText writes a look-up in a verdict map.
func vmapText(v nf.VMap, fam nf.Family) (string, error) {
	var first []nf.Datum
	if len(v.Elements) > 0 {
		first = v.Elements[0].Key
	}
	key, err := keysText(v.Key, fam, first)
	if err != nil {
		return "", err
	}
	if v.Set != "" {
		return nameText(key+" vmap @", string(v.Set))
	}
	elems, err := elementsText(v.Elements, keyTypes(v.Key), []valueType{vVerdict}, ", ")
	return key + " vmap " + elems, err
}
