// Package netns makes Linux network namespaces, runs code and tools inside them,
// and joins them with veth pairs.
//
// In: names of interfaces. Out: namespaces that live until Close. They have no
// name under /run/netns and are gone with the process. The package programs no
// addresses and no rules; see dataplane/kernel.
//
// It also is the gate of every test that needs the kernel: see Require.
package netns

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// NS is one network namespace.
type NS struct {
	handle netns.NsHandle
}

// New makes a namespace. Its loopback interface is up.
func New() (*NS, error) {
	ns := &NS{handle: netns.None()}
	err := apart(func() error {
		h, err := netns.New()
		ns.handle = h
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if err := ns.Up("lo"); err != nil {
		ns.Close()
		return nil, err
	}
	return ns, nil
}

// Close gives the namespace up; the kernel removes it and its interfaces.
func (n *NS) Close() error { return n.handle.Close() }

// Fd is the file descriptor of the namespace.
func (n *NS) Fd() int { return int(n.handle) }

// apart runs f on a thread of its own that is thrown away afterwards, so that
// its network namespace never leaks into other goroutines.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// Do runs f inside of the namespace. Sockets that f opens stay in it. f must not
// start goroutines that rely on it.
func (n *NS) Do(f func() error) error {
	return apart(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return f()
	})
}

// Run runs a tool inside of the namespace with the given standard input and
// returns its standard output. What the tool says on standard error is part of
// the error.
func (n *NS) Run(stdin string, name string, args ...string) (string, error) {
	var out, bad bytes.Buffer
	err := n.Do(func() error {
		cmd := exec.Command(name, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &bad
		return cmd.Run()
	})
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(bad.String()))
	}
	return out.String(), err
}

// Netlink opens a netlink handle inside of the namespace; the caller closes it.
func (n *NS) Netlink() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(n.handle)
	if err != nil {
		return nil, fmt.Errorf("open netlink in a network namespace: %w", err)
	}
	return h, nil
}

// Up sets interfaces up.
func (n *NS) Up(links ...string) error {
	h, err := n.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	for _, name := range links {
		link, err := h.LinkByName(name)
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		if err := h.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	return nil
}

// End is one end of a veth pair. MAC may be empty.
type End struct {
	NS   *NS
	Name string
	MAC  string
}

// Join makes a veth pair with one end in each namespace and sets both up.
func Join(a, b End) error {
	h, err := a.NS.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = a.Name
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: b.Name, PeerNamespace: netlink.NsFd(b.NS.Fd())}
	if veth.HardwareAddr, err = hardwareAddr(a.MAC); err != nil {
		return err
	}
	if veth.PeerHardwareAddr, err = hardwareAddr(b.MAC); err != nil {
		return err
	}
	if err := h.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth pair %s and %s: %w", a.Name, b.Name, err)
	}
	if err := a.NS.Up(a.Name); err != nil {
		return err
	}
	return b.NS.Up(b.Name)
}

func hardwareAddr(s string) (net.HardwareAddr, error) {
	if s == "" {
		return nil, nil
	}
	return net.ParseMAC(s)
}
