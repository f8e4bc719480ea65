package lab

import (
	"fmt"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
)

// Limit leaves every node room for only so many connections.
func (l *Lab) Limit(room int) error {
	l.room = room
	for _, ns := range l.hosts {
		if err := kernel.Fill(ns, room); err != nil {
			return err
		}
	}
	return nil
}

// Idle makes every node's connections older, and what its rules remember of addresses:
// nftables sets with timeouts, and lists of recent if kernel.AgesRecent says so.
func (l *Lab) Idle(d time.Duration) error {
	for i := range l.fleet.Hosts {
		s := &l.fleet.Hosts[i]
		ns := l.hosts[s.Name]
		if err := kernel.Age(ns, int(d/time.Second)); err != nil {
			return err
		}
		if err := kernel.AgeSets(ns, &s.Ruleset, d); err != nil {
			return fmt.Errorf("%s: age sets: %w", s.Name, err)
		}
		if l.recents[s.Name] == nil {
			l.recents[s.Name] = &kernel.Recents{}
		}
		if err := l.recents[s.Name].Age(ns, &s.Ruleset, d); err != nil {
			return fmt.Errorf("%s: age lists of recent: %w", s.Name, err)
		}
	}
	return nil
}

// Forget empties a node's connection table, or all when the name is empty.
func (l *Lab) Forget(name host.Name) error {
	for n, ns := range l.hosts {
		if name != "" && name != n {
			continue
		}
		if err := kernel.FlushConnections(ns); err != nil {
			return err
		}
		if l.room > 0 {
			if err := kernel.Fill(ns, l.room); err != nil {
				return err
			}
		}
	}
	return nil
}

// Connections reads a node's connection table, without what Limit put there.
func (l *Lab) Connections(name host.Name) ([]kernel.Conn, error) {
	return kernel.OwnConnections(l.hosts[name])
}
