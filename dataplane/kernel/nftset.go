package kernel

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
)

// setSpec is a set or map as nf_tables wants it.
type setSpec struct {
	name     string
	id       uint32
	flags    uint32
	keys     []dataKind
	data     []dataKind // of a map
	verdict  bool       // a map of verdicts
	interval bool
	merge    bool // neighbouring intervals become one
	size     uint32
	extra    [][]byte // further attributes
	comment  string
}

const anonymousFlags = unix.NFT_SET_ANONYMOUS | unix.NFT_SET_CONSTANT

// Kinds of nft's own data about a set (libnftnl's udata.h).
const (
	udataKeyOrder     = 0
	udataDataOrder    = 1
	udataMerge        = 2
	udataDataInterval = 6
	udataSetComment   = 7

	udataElemComment = 0
	udataElemFlags   = 1
)

// concat reports whether the set keeps its intervals part by part.
func (s *setSpec) concat() bool { return s.interval && len(s.keys) > 1 }

// namedSet makes a set or map of the table with its elements.
func (e *nftEncoder) namedSet(s *nf.Set) {
	about := " set " + string(s.Name)
	spec, err := e.specOf(s)
	if err != nil {
		e.fail(about, err)
		return
	}
	elements, err := e.elements(spec, s.Elements)
	if err != nil {
		e.fail(about, err)
		return
	}
	e.setMessage(about, spec)
	e.elementMessages(about, spec, elements)
}

// specOf translates what a named set says about itself.
func (e *nftEncoder) specOf(s *nf.Set) (*setSpec, error) {
	if s.Type != "" {
		return nil, fmt.Errorf("a set of ipset")
	}
	if len(s.Key) == 0 {
		return nil, fmt.Errorf("its type is not modelled: %s", strings.Join(s.Options, "; "))
	}
	keys, err := kindsOf(s.Key)
	if err != nil {
		return nil, err
	}
	spec := &setSpec{name: string(s.Name), keys: keys, interval: s.Interval, merge: s.AutoMerge, size: s.Size, comment: s.Comment}
	if spec.verdict = len(s.Map) == 1 && s.Map[0] == nf.TypeVerdict; !spec.verdict {
		if spec.data, err = kindsOf(s.Map); err != nil {
			return nil, err
		}
	}
	for flag, on := range map[uint32]bool{unix.NFT_SET_CONSTANT: s.Constant, unix.NFT_SET_EVAL: s.Dynamic,
		unix.NFT_SET_TIMEOUT: s.HasTimeout || s.Timeout > 0} {
		if on {
			spec.flags |= flag
		}
	}
	if s.Timeout > 0 {
		spec.extra = append(spec.extra, be64(unix.NFTA_SET_TIMEOUT, uint64(s.Timeout.Milliseconds())))
	}
	if s.GCPeriod > 0 {
		spec.extra = append(spec.extra, be32(unix.NFTA_SET_GC_INTERVAL, uint32(s.GCPeriod.Milliseconds())))
	}
	return spec, spec.options(s.Options)
}

// options translates what the model keeps as text.
func (s *setSpec) options(list []string) error {
	for _, o := range list {
		switch o {
		case "counter":
			s.extra = append(s.extra, nested(nftaSetExpr, cstring(unix.NFTA_EXPR_NAME, "counter")))
		case "policy memory":
			s.extra = append(s.extra, be32(unix.NFTA_SET_POLICY, unix.NFT_SET_POL_MEMORY))
		case "policy performance":
			s.extra = append(s.extra, be32(unix.NFTA_SET_POLICY, unix.NFT_SET_POL_PERFORMANCE))
		default:
			return fmt.Errorf("not modelled: %s", o)
		}
	}
	return nil
}

// setMessage makes the set itself.
func (e *nftEncoder) setMessage(about string, s *setSpec) {
	e.setID++
	s.id = e.setID
	flags := s.flags
	for flag, on := range map[uint32]bool{unix.NFT_SET_INTERVAL: s.interval, nftSetConcat: s.concat(), unix.NFT_SET_MAP: s.isMap()} {
		if on {
			flags |= flag
		}
	}
	number, err := typeNumber(s.keys)
	parts := [][]byte{cstring(unix.NFTA_SET_TABLE, string(e.table.Name)), cstring(unix.NFTA_SET_NAME, s.name),
		be32(unix.NFTA_SET_FLAGS, flags), be32(unix.NFTA_SET_KEY_TYPE, number), be32(unix.NFTA_SET_KEY_LEN, uint32(totalSize(s.keys)))}
	if s.verdict {
		parts = append(parts, be32(unix.NFTA_SET_DATA_TYPE, unix.NFT_DATA_VERDICT), be32(unix.NFTA_SET_DATA_LEN, 0))
	} else if s.isMap() {
		var data uint32
		if data, err = typeNumber(s.data); err == nil {
			parts = append(parts, be32(unix.NFTA_SET_DATA_TYPE, data), be32(unix.NFTA_SET_DATA_LEN, uint32(totalSize(s.data))))
		}
	}
	if err != nil {
		e.fail(about, err)
		return
	}
	parts = append(parts, be32(unix.NFTA_SET_ID, s.id))
	parts = append(parts, s.description()...)
	parts = append(parts, s.extra...)
	if len(s.comment) > maxComment {
		e.fail(about, fmt.Errorf("the comment has more than %d bytes", maxComment))
	}
	e.send(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, about, append(parts, attribute(unix.NFTA_SET_USERDATA, s.userdata()))...)
}

func (s *setSpec) isMap() bool { return s.verdict || len(s.data) > 0 }

// description says how many elements the set has room for, and of which parts
// its keys are.
func (s *setSpec) description() [][]byte {
	var parts [][]byte
	if s.size > 0 {
		parts = append(parts, be32(unix.NFTA_SET_DESC_SIZE, s.size))
	}
	if s.concat() {
		var fields [][]byte
		for _, k := range s.keys {
			fields = append(fields, nested(unix.NFTA_LIST_ELEM, be32(1, uint32(k.size))))
		}
		parts = append(parts, nested(nftaSetDescConcat, fields...))
	}
	if parts == nil {
		return nil
	}
	return [][]byte{nested(unix.NFTA_SET_DESC, parts...)}
}

// userdata tells nft how to print the set.
func (s *setSpec) userdata() []byte {
	b := userdata(udataKeyOrder, wordOf(byteOrder(s.keys)))
	if s.isMap() {
		b = append(b, userdata(udataDataOrder, wordOf(byteOrder(s.data)))...)
		b = append(b, userdata(udataDataInterval, wordOf(0))...)
	}
	if s.merge && s.flags&unix.NFT_SET_ANONYMOUS == 0 {
		b = append(b, userdata(udataMerge, wordOf(1))...)
	}
	if s.comment != "" {
		b = append(b, commentData(udataSetComment, s.comment)...)
	}
	return b
}

// byteOrder is nft's number of a byte order: 1 is the machine's, 2 the
// network's, 0 that of a concatenation.
func byteOrder(kinds []dataKind) uint32 {
	switch {
	case len(kinds) != 1:
		return 0
	case kinds[0].host:
		return 1
	}
	return 2
}
