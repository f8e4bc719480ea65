package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// pinged are the numbers of a family's echo.
type pinged struct {
	network                  string
	echo, reply, unreachable byte
	// proto is where a quoted packet has its protocol, of the number own, and to where it
	// has its destination.
	proto int
	own   byte
	to    int
}

var (
	pinged4 = pinged{"ip4:icmp", 8, 0, 3, 8 + 9, 1, 8 + 16}
	pinged6 = pinged{"ip6:ipv6-icmp", 128, 129, 1, 8 + 6, 58, 8 + 24}
)

// ping sends one echo request and waits for its answer.
func ping(t Try) (Answer, error) {
	kind := pinged4
	if t.Dst.Is6() {
		kind = pinged6
	}
	var from *net.IPAddr
	if t.Src.IsValid() {
		from = &net.IPAddr{IP: t.Src.AsSlice()}
	}
	c, err := net.DialIP(kind.network, from, &net.IPAddr{IP: t.Dst.AsSlice()})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	request := make([]byte, 8+56)
	request[0] = kind.echo
	binary.BigEndian.PutUint16(request[4:], t.SrcPort)
	binary.BigEndian.PutUint16(request[6:], 1)
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	if _, err := c.Write(request); err != nil && !errors.Is(err, syscall.EPERM) {
		return answerOf(err), nil
	}
	c.SetReadDeadline(time.Now().Add(t.patience()))
	buf := make([]byte, 1500)
	for {
		n, _, err := c.ReadFromIP(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Silence, nil
		case err != nil:
			return answerOf(err), nil
		case n >= 8 && buf[0] == kind.reply && binary.BigEndian.Uint16(buf[4:]) == t.SrcPort:
			return Answered, nil
		case kind.refuses(buf[:n], t.Dst):
			return Refused, nil
		}
	}
}

// refuses reports whether a message is about a ping to an address: the same node may refuse
// another one meanwhile.
func (k *pinged) refuses(m []byte, dst netip.Addr) bool {
	return len(m) >= k.to+dst.BitLen()/8 && m[0] == k.unreachable && m[k.proto] == k.own && bytes.HasPrefix(m[k.to:], dst.AsSlice())
}

// checksum is the Internet checksum.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
