package kernel

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

// Messages and attributes of ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
const (
	ctNew    = unix.NFNL_SUBSYS_CTNETLINK<<8 | 0
	ctDelete = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2

	ctaTupleOrig  = 1
	ctaTupleReply = 2
	ctaStatus     = 3
	ctaProtoinfo  = 4
	ctaTimeout    = 7
	ctaMark       = 8
)

// ctMessage is one request about a connection of a family.
type ctMessage struct {
	kind, flags uint16
	v6          bool
	body        []byte
}

func (m *ctMessage) family() byte {
	if m.v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// be32 is an attribute of four bytes.
func be32(kind uint16, v uint32) []byte {
	return attribute(kind, binary.BigEndian.AppendUint32(nil, v))
}

func be16(kind, v uint16) []byte { return attribute(kind, binary.BigEndian.AppendUint16(nil, v)) }

// attribute is a netlink attribute, padded to four bytes.
func attribute(kind uint16, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func nested(kind uint16, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return attribute(kind|unix.NLA_F_NESTED, all)
}

// attribute is the tuple as CTA_TUPLE_ORIG or CTA_TUPLE_REPLY.
func (t *Tuple) attribute(kind uint16, p packet.Proto) []byte {
	l4 := [][]byte{attribute(1, []byte{byte(p)})}
	switch {
	case p == packet.ProtoICMP:
		l4 = append(l4, be16(4, t.SrcPort), attribute(5, []byte{t.Type}), attribute(6, []byte{t.Code}))
	case p == packet.ProtoICMPv6:
		l4 = append(l4, be16(7, t.SrcPort), attribute(8, []byte{t.Type}), attribute(9, []byte{t.Code}))
	case p.HasPorts():
		l4 = append(l4, be16(2, t.SrcPort), be16(3, t.DstPort))
	}
	src, dst := uint16(1), uint16(2)
	if t.Src.Is6() {
		src, dst = 3, 4
	}
	return nested(kind, nested(1, attribute(src, t.Src.AsSlice()), attribute(dst, t.Dst.AsSlice())), nested(2, l4...))
}

// ctBatch is how many messages are sent at once.
const ctBatch = 200

// sendCT sends requests to the namespace's connection tracking. Requests about
// connections that are gone are no error.
func sendCT(ns *netns.NS, list []ctMessage) error {
	return ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("open ctnetlink: %w", err)
		}
		defer unix.Close(fd)
		for len(list) > 0 {
			n := min(len(list), ctBatch)
			if err := sendCTBatch(fd, list[:n]); err != nil {
				return fmt.Errorf("ctnetlink: %w", err)
			}
			list = list[n:]
		}
		return nil
	})
}

// sendCTBatch sends messages; the last one is acknowledged.
func sendCTBatch(fd int, list []ctMessage) error {
	var all []byte
	for i, m := range list {
		flags := m.flags | unix.NLM_F_REQUEST
		if i == len(list)-1 {
			flags |= unix.NLM_F_ACK
		}
		all = binary.NativeEndian.AppendUint32(all, uint32(unix.NLMSG_HDRLEN+4+len(m.body)))
		all = binary.NativeEndian.AppendUint16(all, m.kind)
		all = binary.NativeEndian.AppendUint16(all, flags)
		all = binary.NativeEndian.AppendUint32(all, uint32(i+1))
		all = append(all, 0, 0, 0, 0, m.family(), 0, 0, 0)
		all = append(all, m.body...)
	}
	if err := unix.Sendto(fd, all, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		for b := buf[:n]; len(b) >= unix.NLMSG_HDRLEN+4; {
			size := int(binary.NativeEndian.Uint32(b))
			errno := unix.Errno(-int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:])))
			if errno != 0 && errno != unix.ENOENT {
				return errno
			}
			if binary.NativeEndian.Uint32(b[8:]) == uint32(len(list)) {
				return nil
			}
			b = b[min(max((size+3)&^3, unix.NLMSG_HDRLEN), len(b)):]
		}
	}
}
