package kernel

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tortie/dataplane/nftables"
)

// wellFormed walks the attributes of a message, and of the nested ones in it.
func wellFormed(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errors.New("a piece of an attribute")
		}
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < 4 || size > len(b) {
			return errors.New("an attribute longer than its message")
		}
		if kind&unix.NLA_F_NESTED != 0 {
			if err := wellFormed(b[4:size]); err != nil {
				return err
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// Whatever the text of a table says, it is encoded into messages that are well
// formed, or it is an error.
func FuzzEncodeNFT(f *testing.F) {
	text, err := os.ReadFile("../nftables/testdata/spellings.nft")
	if err != nil {
		f.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(l, "\t\t") {
			f.Add("table inet t {\n\tset s {\n\t\ttype ipv4_addr . inet_service\n\t\tflags interval\n\t}\n\tchain c {\n" + l + "\n\t}\n}\n")
		}
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		tables, _ := nftables.Parse("f", []byte(text))
		list, _ := encodeNFT(fresh(tables), func(string) (uint32, error) { return 1, nil })
		for _, m := range list {
			if err := wellFormed(m.body); err != nil {
				t.Errorf("%s: %v", m.about, err)
			}
		}
	})
}
