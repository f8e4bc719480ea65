package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
)

// log encodes a line in the kernel's log. The level is said only where it is not
// the default, as nft does.
func (r *ruleEncoder) log(s nf.Log) error {
	const warning = 4
	l := &expr.Log{}
	if s.Level > uint8(expr.LogLevelDebug) {
		return fmt.Errorf("log level %d", s.Level)
	}
	if s.Level != warning {
		l.Key, l.Level = 1<<unix.NFTA_LOG_LEVEL, expr.LogLevel(s.Level)
	}
	return r.addLog(l, s.Prefix, s.Options)
}

func (r *ruleEncoder) nflog(s nf.NFLog) error {
	return r.addLog(&expr.Log{Key: 1 << unix.NFTA_LOG_GROUP, Group: s.Group}, s.Prefix, s.Options)
}

func (r *ruleEncoder) addLog(l *expr.Log, prefix, options string) error {
	if prefix != "" {
		l.Key |= 1 << unix.NFTA_LOG_PREFIX
		l.Data = []byte(prefix)
	}
	words := strings.Fields(options)
	for len(words) > 0 {
		n, err := logOption(l, words)
		if err != nil {
			return err
		}
		words = words[n:]
	}
	r.add(l)
	return r.bad
}

// logFlags are the words behind "flags".
var logFlags = map[string]expr.LogFlags{
	"tcp sequence": expr.LogFlagsTCPSeq, "tcp options": expr.LogFlagsTCPOpt,
	"tcp sequence,options": expr.LogFlagsTCPSeq | expr.LogFlagsTCPOpt,
	"ip options":           expr.LogFlagsIPOpt, "skuid": expr.LogFlagsUID, "ether": expr.LogFlagsMACDecode, "all": expr.LogFlagsMask,
}

// logOption encodes one option and says how many words it has.
func logOption(l *expr.Log, words []string) (int, error) {
	if words[0] == "flags" {
		for n := 2; n <= min(3, len(words)); n++ {
			if f, ok := logFlags[strings.Join(words[1:n], " ")]; ok {
				l.Key |= 1 << unix.NFTA_LOG_FLAGS
				l.Flags |= f
				return n, nil
			}
		}
	}
	if len(words) < 2 {
		return 0, fmt.Errorf("log option %q", strings.Join(words, " "))
	}
	if words[0] == "level" && words[1] == "audit" {
		l.Key |= 1 << unix.NFTA_LOG_LEVEL
		l.Level = expr.LogLevelAudit
		return 2, nil
	}
	value, err := strconv.ParseUint(words[1], 10, 32)
	switch {
	case err == nil && words[0] == "snaplen":
		l.Key |= 1 << unix.NFTA_LOG_SNAPLEN
		l.Snaplen = uint32(value)
	case err == nil && words[0] == "queue-threshold" && value <= 0xffff:
		l.Key |= 1 << unix.NFTA_LOG_QTHRESHOLD
		l.QThreshold = uint16(value)
	default:
		return 0, fmt.Errorf("log option %q", strings.Join(words, " "))
	}
	return 2, nil
}
