package anomaly

import (
	"slices"
	"strings"
)

// Level is a level of isolation with what it forbids beside what the levels below it forbid.
type Level struct {
	Name              string
	Below             []string // levels that it implies
	Forbids           []string
	Realtime, Process bool // whether those orders bind it
}

// Levels is the table, weaker levels before stronger ones. What each forbids is Adya's (1999) for
// cycles of dependencies; for sessions and real time it is Elle's (consistency_model.clj). That a value
// was never written or is twice in a list, or that versions contradict each other, no level allows.
func Levels() []Level {
	return []Level{
		{Name: "read-uncommitted", Forbids: []string{"G0", "duplicate-elements", "incompatible-order", "cyclic-versions", "unwritten"}},
		{Name: "read-committed", Below: []string{"read-uncommitted"}, Forbids: []string{"G1a", "G1b", "G1c", "dirty-update", "future-read"}},
		{Name: "read-atomic", Below: []string{"read-committed"}, Forbids: []string{"internal"}},
		{Name: "repeatable-read", Below: []string{"read-atomic"}, Forbids: []string{"G-single-item", "G-nonadjacent-item", "G2-item", "lost-update"}},
		{Name: "snapshot-isolation", Below: []string{"read-atomic"}, Forbids: []string{"G-single-item", "G-nonadjacent-item", "lost-update"}},
		{Name: "serializable", Below: []string{"repeatable-read", "snapshot-isolation"}},
		{Name: "strong-session-snapshot-isolation", Below: []string{"snapshot-isolation"}, Process: true, Forbids: []string{"G0-process", "G1c-process", "G-single-item-process", "G-nonadjacent-item-process"}},
		{Name: "strong-snapshot-isolation", Below: []string{"strong-session-snapshot-isolation"}, Process: true, Realtime: true, Forbids: []string{"G0-realtime", "G1c-realtime", "G-single-item-realtime", "G-nonadjacent-item-realtime"}},
		{Name: "strong-session-serializable", Below: []string{"serializable", "strong-session-snapshot-isolation"}, Process: true, Forbids: []string{"G2-item-process"}},
		{Name: "strict-serializable", Below: []string{"strong-session-serializable", "strong-snapshot-isolation"}, Process: true, Realtime: true, Forbids: []string{"G2-item-realtime"}},
	}
}

// LevelNamed finds a level. Other names of the same: snapshot, strong-serializable.
func LevelNamed(name string) (Level, bool) {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if other, ok := map[string]string{"strong-serializable": "strict-serializable", "snapshot": "snapshot-isolation", "strict": "strict-serializable"}[name]; ok {
		name = other
	}
	all := Levels()
	i := slices.IndexFunc(all, func(l Level) bool { return l.Name == name })
	if i < 0 {
		return Level{}, false
	}
	return all[i], true
}

// Forbidden is everything that a level forbids.
func (l Level) Forbidden() map[string]bool {
	out := map[string]bool{}
	for _, n := range l.Forbids {
		out[n] = true
	}
	for _, b := range l.Below {
		below, _ := LevelNamed(b)
		for n := range below.Forbidden() {
			out[n] = true
		}
	}
	return out
}

// AtMost are the strongest levels that forbid none of the anomalies: a history with them can have
// had these levels at most.
func AtMost(names []string) (out []string) {
	allowed := map[string]bool{}
	for _, l := range Levels() {
		forbidden := l.Forbidden()
		if !slices.ContainsFunc(names, func(n string) bool { return forbidden[n] }) {
			allowed[l.Name] = true
		}
	}
	for _, l := range Levels() {
		stronger := slices.ContainsFunc(Levels(), func(s Level) bool { return allowed[s.Name] && slices.Contains(s.Below, l.Name) })
		if allowed[l.Name] && !stronger {
			out = append(out, l.Name)
		}
	}
	return out
}
