package checker

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/faultline-chaos/faultline/history"
)

// Serializable judges serializable reads: each must show a real past state of its key, and must not be
// older than its session was promised.
//
// A state is real where some write that may have happened before the answer made it, and, where the
// store tells revisions, where no acknowledged write of the key lies between that and the revision of
// the read. Older is judged by revisions where both are told, and else by time: a value is older than
// another where its only write certainly came before the other's.
type Serializable struct{}

// Name is serializable.
func (Serializable) Name() string { return "serializable" }

// Check reads the ops get-serializable, get, put, cas and delete.
func (Serializable) Check(_ context.Context, h history.History) history.Verdict {
	s := snapshots{ops: h.Ops, keys: map[string]*versions{}, sessions: map[int]map[string][]sight{}}
	if err := s.read(); err != nil {
		return malformed(err)
	}
	if len(s.reads) == 0 {
		return unknown("no serializable read was answered")
	}
	stale := 0
	for i := range s.reads {
		r := &s.reads[i]
		k := s.keys[r.Key]
		if why, at := s.unreal(k, r); why != "" {
			return invalid(evidence(h.Ops, append(at, r.at.invoke, r.at.done)...), "a serializable read of key %q shows %s (op %d), %s", r.Key, show(r.Value), h.Ops[r.at.done].Index, why)
		}
		if why, at := s.broken(k, r); why != "" {
			return invalid(evidence(h.Ops, append(at, r.at.invoke, r.at.done)...), "a serializable read of key %q shows %s (op %d), %s", r.Key, show(r.Value), h.Ops[r.at.done].Index, why)
		}
		if k.overwritten(r.seen(), r.at.invoke) {
			stale++
		}
	}
	if s.writes == 0 {
		return unknown("nothing was written, so no read could have shown a wrong state")
	}
	return valid("%s, %d of a state that was past when they began: each state was real, and none was older than the session guarantees allow", count(len(s.reads), "serializable read"), stale)
}

// sight is a state of a key that a call saw or made: a value and, if it was reported, the revision of the
// write and that of the store at that time.
type sight struct {
	value    *string
	mod, rev int64
	at       attempt
	wrote    bool
}

// version is a write that may have happened.
type version struct {
	value *string
	rev   int64 // 0: not reported
	at    attempt
}

func (v *version) acked() bool { return v.at.outcome == history.OK }

// versions are the writes of a key.
type versions struct{ list []version }

type serializableRead struct {
	history.SerializableValue
	at     attempt
	before []sight // what its session saw and made of the key
}

func (r *serializableRead) seen() sight {
	return sight{value: r.Value, mod: r.ModRev, rev: r.Rev, at: r.at}
}

type snapshots struct {
	ops      []history.Op
	keys     map[string]*versions
	reads    []serializableRead
	writes   int
	sessions map[int]map[string][]sight // by process and key
}

func (s *snapshots) key(name string) *versions {
	if s.keys[name] == nil {
		s.keys[name] = &versions{}
	}
	return s.keys[name]
}

// read collects reads and writes. A process has one call at a time, so its ops are in its order.
func (s *snapshots) read() error {
	all, err := attempts(s.ops)
	if err != nil {
		return err
	}
	for _, a := range all {
		switch process := a.asked.Process; {
		case a.form == history.FormSerializableGet && a.outcome == history.OK:
			asked, err := history.Decode[history.SerializableValue](a.asked)
			if err != nil {
				return err
			}
			got, err := history.Decode[history.SerializableValue](a.said)
			if err != nil {
				return err
			}
			got.Session = asked.Session
			s.key(got.Key)
			r := serializableRead{got, a, slices.Clone(s.sessions[process][got.Key])}
			s.reads = append(s.reads, r)
			s.remember(process, got.Key, r.seen())
		case a.form.Register() && a.outcome != history.Fail:
			if err := s.register(a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *snapshots) register(a attempt) error {
	ok, process := a.outcome == history.OK, a.asked.Process
	v, err := a.said.Register()
	if err != nil {
		return err
	}
	if a.form == history.FormGet {
		if ok {
			s.remember(process, v.Key, sight{value: v.Value, rev: v.Rev, at: a})
		}
		return nil
	}
	x := version{rev: v.Rev, at: a}
	var did bool
	if x.value, did = v.Wrote(a.form, ok); !did {
		return nil
	}
	s.writes++
	k := s.key(v.Key)
	k.list = append(k.list, x)
	if ok {
		s.remember(process, v.Key, sight{value: x.value, mod: x.rev, rev: x.rev, at: a, wrote: true})
	}
	return nil
}

func (s *snapshots) remember(process int, key string, x sight) {
	if s.sessions[process] == nil {
		s.sessions[process] = map[string][]sight{}
	}
	s.sessions[process][key] = append(s.sessions[process][key], x)
}

// unreal says why the key never was as the read shows it.
func (s *snapshots) unreal(k *versions, r *serializableRead) (why string, at []int) {
	if r.ModRev > r.Rev && r.Rev > 0 {
		return fmt.Sprintf("written at revision %d, after the revision %d of the read", r.ModRev, r.Rev), nil
	}
	writers := k.writers(r.seen(), r.at.done)
	if len(writers) == 0 && r.Value != nil {
		return "which no write can have made by then", nil
	}
	for i := range k.list {
		v := &k.list[i]
		if !v.acked() || v.rev == 0 {
			continue
		}
		switch {
		case r.ModRev == v.rev && !same(v.value, r.Value):
			return fmt.Sprintf("but revision %d made it %s (op %d)", v.rev, show(v.value), s.ops[v.at.done].Index), []int{v.at.invoke, v.at.done}
		case r.Rev >= v.rev && k.hides(v, r, writers):
			return fmt.Sprintf("as of revision %d, but revision %d had made it %s (op %d)", r.Rev, v.rev, show(v.value), s.ops[v.at.done].Index), []int{v.at.invoke, v.at.done}
		}
	}
	return "", nil
}

// hides says whether v, which is in the read's state, certainly came after whatever made what the read
// shows.
func (k *versions) hides(v *version, r *serializableRead, writers []*version) bool {
	if same(v.value, r.Value) {
		return false
	}
	if r.ModRev > 0 {
		return r.ModRev < v.rev
	}
	for _, w := range writers {
		if !w.acked() || w.rev == 0 || w.rev > v.rev {
			return false
		}
	}
	return true
}

// writers are the writes that may have made what was seen, by position by. The key's absence needs none.
func (k *versions) writers(x sight, by int) []*version {
	var out []*version
	for i := range k.list {
		v := &k.list[i]
		if v.at.invoke < by && same(v.value, x.value) && (x.mod == 0 || v.rev == 0 || v.rev == x.mod) {
			out = append(out, v)
		}
	}
	return out
}

// broken says which session guarantee the read breaks.
func (s *snapshots) broken(k *versions, r *serializableRead) (why string, at []int) {
	for _, b := range r.before {
		g, did := history.MonotonicReads, "read"
		if b.wrote {
			g, did = history.ReadYourWrites, "written"
		}
		if !slices.Contains(r.Session, g) || !k.older(r.seen(), b) {
			continue
		}
		return fmt.Sprintf("after the session had %s %s (op %d): not %s", did, show(b.value), s.ops[b.at.done].Index, g), []int{b.at.invoke, b.at.done}
	}
	return "", nil
}

// older says whether x is certainly a state before y.
func (k *versions) older(x, y sight) bool {
	switch {
	case same(x.value, y.value) && (x.mod == 0 || y.mod == 0):
		return false
	case x.mod > 0 && y.mod > 0:
		return x.mod < y.mod
	case x.rev > 0 && y.mod > 0 && x.rev < y.mod:
		return true // the store was not yet there
	}
	return k.before(x, y)
}

// before compares by time: every write that may have made x ended before every one that may have made
// y began. Nothing needs to have made the first absence.
func (k *versions) before(x, y sight) bool {
	xs, ys := k.writers(x, math.MaxInt), k.writers(y, math.MaxInt)
	if len(ys) == 0 {
		return false
	}
	for _, w := range xs {
		for _, v := range ys {
			if !w.acked() || w.at.done > v.at.invoke {
				return false
			}
		}
	}
	return len(xs) > 0 || x.value == nil
}

// overwritten says whether a write that ended before position p certainly came after what was seen.
func (k *versions) overwritten(x sight, p int) bool {
	for i := range k.list {
		v := &k.list[i]
		if v.acked() && v.at.done < p && !same(v.value, x.value) && k.before(x, sight{value: v.value, mod: v.rev}) {
			return true
		}
	}
	return false
}
