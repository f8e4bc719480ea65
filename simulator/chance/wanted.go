package chance

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
)

// Wanted is the only backend of a service to choose.
type Wanted struct {
	// Name is its address, its address and port, or its pod; empty is any.
	Name string
	// Fleet has the pods.
	Fleet *host.Fleet
}

// Is reports whether a backend, as Backend returns it, is the wanted one.
func (w *Wanted) Is(backend string) bool {
	return w.Name == "" || w.Name == backend || slices.Contains(w.names(backend), strings.Trim(w.Name, "[]"))
}

// names are the other names of a backend: its address, and the pods that have it.
func (w *Wanted) names(backend string) []string {
	at, err := netip.ParseAddrPort(backend)
	if err != nil {
		return nil
	}
	out := []string{at.Addr().String()}
	for i := range w.Fleet.Endpoints {
		if e := &w.Fleet.Endpoints[i]; slices.Contains(e.Addrs, at.Addr()) {
			out = append(out, e.Name)
		}
	}
	return out
}

// maxNamed is how many backends an error names.
const maxNamed = 8

// Missing says that none of the backends that rules lead to is the wanted one: which
// there are, and on a second line which pod was probably meant. Nearest is the word of
// all that is most like another, or ""; it may be nil.
func (w *Wanted) Missing(there []string, nearest func(word string, all []string) string) error {
	if len(there) == 0 {
		return fmt.Errorf("%q: the connection is led to no backend\nleave it out", w.Name)
	}
	var pods, texts []string
	for _, b := range there {
		names := w.names(b)
		pods = append(pods, names[min(1, len(names)):]...)
		if len(texts) < maxNamed {
			texts = append(texts, b+podText(names))
		}
	}
	text := strings.Join(texts, ", ")
	if n := len(there) - len(texts); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	err := fmt.Errorf("no rule leads to backend %q; there is %s", w.Name, text)
	if nearest == nil {
		return err
	}
	if near := nearest(w.Name, pods); near != "" {
		return fmt.Errorf("%w\ndid you mean %q?", err, near)
	}
	return err
}

// podText names the pod that has a backend's address. Pods of a host's network share
// theirs.
func podText(names []string) string {
	if len(names) != 2 {
		return ""
	}
	return " (" + names[1] + ")"
}
