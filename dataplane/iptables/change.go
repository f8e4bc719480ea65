package iptables

import (
	"bytes"
	"fmt"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// WriteChange prints what iptables-restore --noflush reads to make a table of the one
// that is there, or of none where old is nil: all chains are emptied, those that are gone
// are deleted, and the table keeps its place on the hooks, which without --noflush
// iptables-nft-restore does not leave it.
func WriteChange(old, now *nf.Table, family packet.Family) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "*%s\n", now.Name)
	writeChains(&out, now, WriteOptions{})
	var gone []nf.ChainName
	for i := range now.Chains {
		if c := &now.Chains[i]; c.Base != nil {
			fmt.Fprintf(&out, "-F %s\n", c.Name) // the others are emptied by their declarations
		}
	}
	if old != nil {
		for i := range old.Chains {
			switch c := &old.Chains[i]; {
			case now.FindChain(c.Name) != nil:
			case c.Base != nil:
				fmt.Fprintf(&out, "-F %s\n-P %s ACCEPT\n", c.Name, c.Name)
			default:
				fmt.Fprintf(&out, "-F %s\n", c.Name)
				gone = append(gone, c.Name)
			}
		}
	}
	for _, c := range gone {
		fmt.Fprintf(&out, "-X %s\n", c)
	}
	if err := writeRules(&out, now, family, WriteOptions{}); err != nil {
		return nil, err
	}
	out.WriteString("COMMIT\n")
	return out.Bytes(), nil
}
