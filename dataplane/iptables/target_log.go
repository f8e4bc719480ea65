package iptables

import (
	"fmt"
	"strings"

	"tortie/dataplane/nf"
)

const logOptions = "--log-level=1 --log-prefix=1 --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode"

var levelNames = []string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"}

func buildLog(g *group) (nf.Stmt, error) {
	m := nf.Log{Level: 4}
	var rest []string
	for _, o := range g.opts {
		switch o.name {
		case "--log-prefix":
			m.Prefix = o.arg()
		case "--log-level":
			l, ok := logLevel(o.arg())
			if !ok {
				return nil, expected(o.args[0], "a level from 0 to 7 or its name")
			}
			m.Level = l
		default:
			rest = append(rest, o.name)
		}
	}
	m.Options = strings.Join(rest, " ")
	return m, nil
}

func logLevel(s string) (uint8, bool) {
	if n, ok := number(s, 8); ok {
		return uint8(n), n < 8
	}
	switch s = strings.ToLower(s); s {
	case "panic":
		return 0, true
	case "err":
		return 3, true
	case "warn":
		return 4, true
	}
	for i, n := range levelNames {
		if n == s {
			return uint8(i), true
		}
	}
	return 0, false
}

func logText(m nf.Log) (string, error) {
	if m.Level > 7 {
		return "", fmt.Errorf("log level %d is above 7", m.Level)
	}
	s := "LOG"
	if m.Prefix != "" {
		s += " --log-prefix " + quote(m.Prefix)
	}
	if m.Level != 4 {
		s += fmt.Sprintf(" --log-level %d", m.Level)
	}
	if m.Options != "" {
		s += " " + m.Options
	}
	return s, nil
}

const nflogOptions = "--nflog-group=1 --nflog-prefix=1 --nflog-range=1 --nflog-size=1 --nflog-threshold=1"

func buildNFLog(g *group) (nf.Stmt, error) {
	var m nf.NFLog
	var rest []string
	for _, o := range g.opts {
		var err error
		switch o.name {
		case "--nflog-prefix":
			m.Prefix = o.arg()
		case "--nflog-group":
			m.Group, err = u16(o.args[0])
		default:
			_, err = u32(o.args[0])
			rest = append(rest, o.name+" "+o.arg())
		}
		if err != nil {
			return nil, err
		}
	}
	m.Options = strings.Join(rest, " ")
	return m, nil
}

func nflogText(m nf.NFLog) string {
	s := "NFLOG"
	if m.Prefix != "" {
		s += " --nflog-prefix " + quote(m.Prefix)
	}
	if m.Group != 0 {
		s += fmt.Sprintf(" --nflog-group %d", m.Group)
	}
	if m.Options != "" {
		s += " " + m.Options
	}
	return s
}
