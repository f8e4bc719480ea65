package packet

// Fragments cuts a packet as it goes over the wire into fragments with the
// identification id: each takes so many bytes of layer 4 as sizes say, the last
// one the rest. All sizes are multiples of 8.
func Fragments(p *Packet, id uint32, sizes ...int) ([][]byte, error) {
	if p.IsFragment() {
		return nil, cannot("a fragment of a fragment")
	}
	whole, err := Encode(p)
	if err != nil {
		return nil, err
	}
	header := 20
	if p.Family() == IPv6 {
		header = 40
	}
	var out [][]byte
	rest, offset := whole[header:], 0
	for i := 0; i <= len(sizes); i++ {
		n := len(rest)
		if i < len(sizes) {
			n = sizes[i]
		}
		if n <= 0 || n > len(rest) || i < len(sizes) && (n%8 != 0 || n == len(rest)) {
			return nil, cannot("fragments of %v bytes", sizes)
		}
		part := *p
		part.FragID, part.FragOffset, part.MoreFragments = id, uint16(offset/8), n < len(rest)
		out = append(out, append(fragmentHeader(&part, n), rest[:n]...))
		rest, offset = rest[n:], offset+n
	}
	return out, nil
}

func fragmentHeader(p *Packet, size int) []byte {
	if p.Family() == IPv6 {
		return ipv6Header(p, size)
	}
	return ipv4Header(p, size)
}
