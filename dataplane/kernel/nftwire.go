package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
)

// Attributes of nf_tables that the unix package lacks
// (linux/netfilter/nf_tables.h).
const (
	nftaTableUserdata = 6
	nftaChainUserdata = 12
	nftaSetExpr       = 17
	nftaSetDescConcat = 2
	nftaElemKeyEnd    = 10
	nftaHookDevs      = 4
	nftaDeviceName    = 1

	nftSetConcat = 0x80
)

// nftMessage is one request to nf_tables; about says in an error what the kernel
// refused.
type nftMessage struct {
	kind   uint16 // unix.NFT_MSG_
	flags  uint16 // besides NLM_F_REQUEST
	family uint8
	body   []byte
	about  string
}

// be64 is an attribute of eight bytes.
func be64(kind uint16, v uint64) []byte {
	return attribute(kind, binary.BigEndian.AppendUint64(nil, v))
}

// cstring is an attribute with a string that ends in a zero byte.
func cstring(kind uint16, s string) []byte { return attribute(kind, append([]byte(s), 0)) }

// userdata is one entry of nft's own data, which the kernel keeps unread: its
// kind, its length and the bytes.
func userdata(kind uint8, payload []byte) []byte {
	return append([]byte{kind, uint8(len(payload))}, payload...)
}

// commentData is a comment as nft keeps it.
func commentData(kind uint8, s string) []byte { return userdata(kind, append([]byte(s), 0)) }

// maxComment is the longest comment that nft takes.
const maxComment = 128

// maxRefusal is what the kernel needs at most to keep one refusal.
const maxRefusal = 1024

// sendNFT sends the requests as one transaction: either all of them are done, or
// none is.
func sendNFT(ns *netns.NS, list []nftMessage) error {
	return ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("open nf_tables: %w", err)
		}
		defer unix.Close(fd)
		batch := nftBatch(list)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 2*len(batch)+1<<16); err != nil {
			return fmt.Errorf("nf_tables: room for %d bytes: %w", len(batch), err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, len(list)*maxRefusal+1<<16); err != nil {
			return fmt.Errorf("nf_tables: room for %d refusals: %w", len(list), err)
		}
		if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("send to nf_tables: %w", err)
		}
		return nftRefusals(fd, list)
	})
}

// nftBatch writes the requests between the two messages that make them one
// transaction. The number of a request is its place in the list plus one.
func nftBatch(list []nftMessage) []byte {
	b := nftHeader(nil, unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, 0)
	for i, m := range list {
		b = nftHeader(b, unix.NFNL_SUBSYS_NFTABLES<<8|m.kind, m.flags, i+1, m.family, 0, len(m.body))
		b = append(b, m.body...)
	}
	return nftHeader(b, unix.NFNL_MSG_BATCH_END, 0, len(list)+1, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, 0)
}

func nftHeader(b []byte, kind, flags uint16, seq int, family uint8, resource uint16, size int) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.NLMSG_HDRLEN+4+size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, uint32(seq))
	b = append(b, 0, 0, 0, 0, family, 0)
	return binary.BigEndian.AppendUint16(b, resource)
}

// nftRefusals reads what the kernel answered. It has handled the transaction
// when the send returns, and answers only what it refuses.
func nftRefusals(fd int, list []nftMessage) error {
	var errs []error
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return errors.Join(errs...)
		}
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("nf_tables: %w", err))...)
		}
		for b := buf[:n]; len(b) >= unix.NLMSG_HDRLEN+4; {
			size := int(binary.NativeEndian.Uint32(b))
			seq := int(binary.NativeEndian.Uint32(b[8:]))
			errno := unix.Errno(-int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:])))
			if binary.NativeEndian.Uint16(b[4:]) == unix.NLMSG_ERROR && errno != 0 {
				errs = append(errs, refusal(list, seq, errno))
			}
			b = b[min(max((size+3)&^3, unix.NLMSG_HDRLEN), len(b)):]
		}
	}
}

func refusal(list []nftMessage, seq int, errno unix.Errno) error {
	if seq < 1 || seq > len(list) {
		return fmt.Errorf("nf_tables refuses the transaction: %w", errno)
	}
	return fmt.Errorf("nf_tables refuses %s: %w", list[seq-1].about, errno)
}
