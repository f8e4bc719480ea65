package resolve

import (
	"sort"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
)

// labelled is something that selectors select: its own labels and, behind them,
// those of its profiles in order (felix/labelindex, label inheritance).
type labelled struct {
	own     map[string]string
	parents []map[string]string
	// class numbers equal labellings, so that a selector is evaluated once for
	// all of them.
	class int
}

// Get returns the value of a label; an own label hides an inherited one, an
// earlier profile hides a later one.
func (l *labelled) Get(key string) (string, bool) {
	if v, ok := l.own[key]; ok {
		return v, true
	}
	for _, p := range l.parents {
		if v, ok := p[key]; ok {
			return v, true
		}
	}
	return "", false
}

// labelIndex makes labellings, and numbers their classes.
type labelIndex struct {
	profiles map[string]map[string]string
	classes  map[string]int
}

func newLabelIndex(profiles []cluster.Sourced[calico.Profile]) *labelIndex {
	x := &labelIndex{profiles: map[string]map[string]string{}, classes: map[string]int{}}
	for _, p := range profiles {
		x.profiles[p.Value.Name] = p.Value.Labels
	}
	return x
}

func (x *labelIndex) of(own map[string]string, profiles []string) *labelled {
	l := &labelled{own: own}
	for _, name := range profiles {
		if labels := x.profiles[name]; labels != nil {
			l.parents = append(l.parents, labels)
		}
	}
	key := classKey(own, profiles)
	class, ok := x.classes[key]
	if !ok {
		class = len(x.classes)
		x.classes[key] = class
	}
	l.class = class
	return l
}

func classKey(own map[string]string, profiles []string) string {
	keys := make([]string, 0, len(own))
	for k := range own {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k + "\x00" + own[k] + "\x01")
	}
	b.WriteString("\x02" + strings.Join(profiles, "\x01"))
	return b.String()
}
