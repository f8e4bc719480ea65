package resolve

import (
	"tortie/compiler/selector"
)

// compiled is a parsed selector with what Felix derives from it.
type compiled struct {
	parsed *selector.Selector
	// text is the normalised form, id the ID of the set of what it selects.
	text, id string
	// byClass caches the result per class of labels: 0 unknown, 1 yes, -1 no.
	byClass []int8
}

// selectors parses each text once. A text that cannot be parsed yields nil.
type selectors struct{ byText map[string]*compiled }

func (s *selectors) get(text string) *compiled {
	if c, ok := s.byText[text]; ok {
		return c
	}
	var c *compiled
	if parsed, err := selector.Parse(text); err == nil {
		c = &compiled{parsed: parsed, text: parsed.String(), id: parsed.UniqueID()}
	}
	s.byText[text] = c
	return c
}

// eval reports whether the selector selects these labels; the answer is kept for
// all labellings of the class.
func (c *compiled) eval(l *labelled) bool {
	for len(c.byClass) <= l.class {
		c.byClass = append(c.byClass, 0)
	}
	k := &c.byClass[l.class]
	if *k == 0 {
		*k = -1
		if c.parsed.Matches(l) {
			*k = 1
		}
	}
	return *k == 1
}

func uniqueID(prefix, content string) string { return selector.UniqueID(prefix, content) }
