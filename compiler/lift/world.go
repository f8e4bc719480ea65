package lift

import (
	"maps"

	"tortie/compiler/cluster"
	"tortie/compiler/selector"
)

// end is something that selectors select: a pod, a host endpoint or a set of
// networks.
type end struct {
	name   string
	host   bool
	labels selector.Map
}

// world collects what selectors can select, with the labels of profiles.
func (l *lifter) world(m *cluster.Model) {
	profiles := map[string]map[string]string{}
	for _, p := range m.Profiles {
		profiles[p.Value.Name] = p.Value.Labels
	}
	all := func(own map[string]string, names []string) selector.Map {
		out := selector.Map{}
		for i := len(names) - 1; i >= 0; i-- {
			maps.Copy(out, profiles[names[i]])
		}
		maps.Copy(out, own)
		return out
	}
	for _, e := range m.Endpoints {
		l.ends = append(l.ends, end{name: e.Value.Workload, labels: all(e.Value.Labels, e.Value.Profiles)})
	}
	for _, h := range m.HostEndpoints {
		l.ends = append(l.ends, end{name: "host endpoint " + h.Value.Name, host: true, labels: all(h.Value.Labels, h.Value.Profiles)})
	}
	for _, s := range m.NetworkSets {
		l.sets = append(l.sets, end{name: "network set " + s.Value.Name, labels: all(s.Value.Labels, s.Value.Profiles)})
	}
}

// members are the ends that a whole selector selects, by index.
func (l *lifter) members(text string) map[int]bool {
	out := map[int]bool{}
	sel, err := selector.Parse(text)
	if err != nil {
		return out
	}
	for i, e := range l.ends {
		if sel.Matches(e.labels) {
			out[i] = true
		}
	}
	return out
}

// notPod names something that is no pod and that a whole selector selects.
func (l *lifter) notPod(text string, sets bool) string {
	sel, err := selector.Parse(text)
	if err != nil {
		return "what cannot be read"
	}
	for _, e := range l.ends {
		if e.host && sel.Matches(e.labels) {
			return e.name
		}
	}
	if !sets {
		return ""
	}
	for _, e := range l.sets {
		if sel.Matches(e.labels) {
			return e.name
		}
	}
	return ""
}
