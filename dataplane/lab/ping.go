package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"
)

const (
	icmpEcho        = 8
	icmpReply       = 0
	icmpUnreachable = 3
)

// ping sends one echo request and waits for its answer.
func ping(t Try) (Answer, error) {
	var from *net.IPAddr
	if t.Src.IsValid() {
		from = &net.IPAddr{IP: t.Src.AsSlice()}
	}
	c, err := net.DialIP("ip4:icmp", from, &net.IPAddr{IP: t.Dst.AsSlice()})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	request := make([]byte, 8+56)
	request[0] = icmpEcho
	binary.BigEndian.PutUint16(request[4:], t.SrcPort)
	binary.BigEndian.PutUint16(request[6:], 1)
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	if _, err := c.Write(request); err != nil {
		return answerOf(err), nil
	}
	c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1500)
	for {
		n, _, err := c.ReadFromIP(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Silence, nil
		case err != nil:
			return answerOf(err), nil
		case n >= 8 && buf[0] == icmpReply && binary.BigEndian.Uint16(buf[4:]) == t.SrcPort:
			return Answered, nil
		case n >= 8 && buf[0] == icmpUnreachable:
			return Refused, nil
		}
	}
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
