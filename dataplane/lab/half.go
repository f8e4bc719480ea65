package lab

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// pollPause is how long a look for an answer waits before the next.
const pollPause = 10 * time.Millisecond

// onlyResets is a socket filter that lets no segment in but resets: a SYN-ACK is
// counted as dropped, and never answered. It sees the TCP header first.
var onlyResets = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13}, // the flags
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x04, Jt: 0, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// openHalf sends a SYN and waits for the SYN-ACK, which stays unanswered; the
// socket is kept, because the kernel would reset a connection that it does not
// know.
func (k *Conn) openHalf() (Answer, error) {
	family := unix.AF_INET
	if k.try.Dst.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	answer, err := k.halfAnswer(fd)
	if answer == Answered {
		k.half = fd
		k.lab.servers.keepHalf(k)
		return answer, nil
	}
	unix.Close(fd)
	return answer, err
}

func (k *Conn) halfAnswer(fd int) (Answer, error) {
	t := &k.try
	program := unix.SockFprog{Len: uint16(len(onlyResets)), Filter: &onlyResets[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return 0, err
	}
	if err := prepare(fd); err != nil {
		return 0, err
	}
	src := t.Src
	if !src.IsValid() {
		src = unspecifiedLike(t.Dst)
	}
	if err := unix.Bind(fd, sockaddr(src, t.SrcPort)); err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, sockaddr(t.Dst, t.DstPort)); err != nil && err != unix.EINPROGRESS {
		return answerOf(err), nil
	}
	for range int(patience / pollPause) {
		if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			return answerOf(unix.Errno(code)), err
		}
		if n, err := dropped(fd); err != nil || n > 0 {
			return Answered, err
		}
		time.Sleep(pollPause)
	}
	return Silence, nil
}

// skMeminfo is what SO_MEMINFO tells of a socket; the last is what was dropped
// (SK_MEMINFO_DROPS in linux/sock_diag.h).
type skMeminfo [9]uint32

// dropped counts the segments that the filter kept away from a socket.
func dropped(fd int) (uint32, error) {
	var info skMeminfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[len(info)-1], nil
}

// Seen is the first packet of a connection as the far end saw it, which sits at a
// place; false when nothing arrived, or when nobody looked: at pings.
func (l *Lab) Seen(k *Conn, at host.Port) (Arrival, bool, error) {
	if !k.try.HalfOpen || k.try.Proto != packet.ProtoTCP {
		p, ok := l.servers.find(k.id)
		return p.saw, ok, nil
	}
	ns := l.behind[at]
	if at.Link == "" {
		ns = l.hosts[at.Host]
	}
	if ns == nil || k.half == 0 {
		return Arrival{}, false, nil
	}
	var list []Arrival
	err := ns.Do(func() (err error) {
		list, err = halfOpen()
		return err
	})
	i := slices.IndexFunc(list, func(a Arrival) bool { return a.From.Port() == k.try.SrcPort })
	if i < 0 && len(list) == 1 {
		i = 0 // a port that was drawn
	}
	if err != nil || i < 0 {
		return Arrival{}, false, err
	}
	return list[i], true, nil
}

// tcpNewSynRecv is the state of a connection that waits for the third segment, as
// /proc/net/tcp writes it.
const tcpNewSynRecv = "03"

// halfOpen are the connections of the thread's namespace that are not yet open.
func halfOpen() ([]Arrival, error) {
	var out []Arrival
	for _, file := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(data), "\n") {
			words := strings.Fields(line)
			if len(words) < 4 || words[3] != tcpNewSynRecv {
				continue
			}
			to, err1 := procAddr(words[1])
			from, err2 := procAddr(words[2])
			if err := errors.Join(err1, err2); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			out = append(out, Arrival{From: from, To: to})
		}
	}
	return out, nil
}

// procAddr reads "0100007F:1F90": words of the machine's byte order, and a port.
func procAddr(text string) (netip.AddrPort, error) {
	addr, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(addr)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err := errors.Join(err, err2); err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// GiveUp closes the half-open connections on the side that began; nothing is sent.
func (l *Lab) GiveUp() {
	l.servers.mu.Lock()
	defer l.servers.mu.Unlock()
	for _, k := range l.servers.half {
		unix.Close(k.half)
	}
	l.servers.half = nil
}

func unspecifiedLike(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a.Is6() {
		return &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
	}
	return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
}
