package revision

import "fmt"

// entry is one key's state. A version of 0 is absence.
type entry struct {
	value                Value
	create, mod, version int64
	since                int64  // the revision that made it so; mod, where there is a value
	why                  *cause // what choices made it so; nil: none
	age                  *cause // what choices made create and version so, beside why
	there                int64  // a revision from which on there was a value
	alive                *cause // what choices made that so
}

// last is the revision of the write that made the key what it is; 0: none did.
func (e *entry) last() int64 { return e.since }

// change is what a key was before a step.
type change struct {
	key Key
	old entry
}

// model is the store.
type model struct {
	keys    []entry
	dirty   []bool   // keys that nothing is said about; nil: none
	undo    []change // since the oldest choice; nothing is noted without one
	note    bool
	touched []Key // by the step under way
	call    int64 // the latest call of all that was done at a known revision
	caller  int32 // whose call that is

	// Of the reply that contradicts: revisions of the writes that it contradicts.
	against []int64

	// What choices it hangs on: see blame.go.
	at    int64  // the revision under way; for reads, the one after
	gap   int64  // the revision of the latest choice
	by    *cause // what the changes of the step under way hang on
	looks []look // what the step under way saw that contradicts
}

func (m *model) unsure(k Key) bool { return m.dirty != nil && m.dirty[k] }

func (m *model) set(k Key, e entry) {
	if m.note {
		m.undo = append(m.undo, change{k, m.keys[k]})
	}
	m.touched = append(m.touched, k)
	m.keys[k] = e
}

func (m *model) put(k Key, v Value, rev int64) {
	e := m.keys[k]
	old := e
	if e.version == 0 {
		e.create = rev
	}
	switch {
	case e.version == 0 || m.by == nil:
		e.there, e.alive = rev, m.by
	case m.by.choice < 0: // had it gone the other way, it might have deleted
		e.alive = &cause{choice: nobodyChose, looks: m.by.looks, before: e.alive}
	}
	e.value, e.mod, e.version, e.since, e.why = v, rev, e.version+1, rev, m.by
	if e.age = nil; m.note {
		e.age = m.aged(k, &old, rev)
	}
	m.set(k, e)
}

// back takes back what was done since the undo list had length n.
func (m *model) back(n int) {
	for i := len(m.undo) - 1; i >= n; i-- {
		m.keys[m.undo[i].key] = m.undo[i].old
	}
	m.undo = m.undo[:n]
}

func (m *model) holds(c *Compare) bool {
	e := &m.keys[c.Key]
	if c.Target == ByValue {
		return e.version > 0 && (e.value == c.Value) == (c.Relation == Equal)
	}
	n := [...]int64{ByMod: e.mod, ByCreate: e.create, ByVersion: e.version}[c.Target]
	switch c.Relation {
	case Equal:
		return n == c.Number
	case NotEqual:
		return n != c.Number
	case Less:
		return n < c.Number
	default:
		return n > c.Number
	}
}

// compare says whether all comparisons hold that something is known about, and whether that is all.
func (m *model) compare(o *Op) (hold, all bool) {
	all = true
	for i := range o.If {
		if m.unsure(o.If[i].Key) {
			all = false
		} else if !m.holds(&o.If[i]) {
			return false, true // one is enough
		}
	}
	return true, all
}

// bounds are the keys that an action acts on.
func (a *Action) bounds() (from, end Key) { return a.Key, max(a.Key+1, a.End) }

// definite does an op and compares its reply. It answers what contradicts, or "".
func (m *model) definite(o *Op, rev int64) string {
	m.against = m.against[:0]
	hold, all := m.compare(o)
	if o.Succeeded && !hold || !o.Succeeded && hold && all {
		m.lookAtAll(o)
		for i := range o.If {
			m.against = append(m.against, m.keys[o.If[i].Key].last())
		}
		if o.Succeeded {
			return "a comparison that held for it did not"
		}
		return "no comparison failed, though one failed for it"
	}
	for i, a := range o.ran() {
		switch from, end := a.bounds(); a.Kind {
		case Get:
			if problem := m.shows(from, end, o.Outputs[i].Items); problem != "" {
				return problem
			}
		case Put:
			m.put(a.Key, a.Value, rev)
		case Delete:
			before := len(m.looks)
			if m.note {
				m.lookWhether(from, end)
			}
			for k := from; k < end; k++ {
				m.against = append(m.against, m.keys[k].last())
			}
			n, sure := m.remove(from, end, rev)
			if sure && n != o.Outputs[i].Count {
				return fmt.Sprintf("it deleted %d where there were %d", o.Outputs[i].Count, n)
			}
			m.looks = m.looks[:before]
		}
	}
	return ""
}

// unknown does an op without a reply. Where it is not certain which way it goes, it takes the one
// that writes.
func (m *model) unknown(o *Op, rev int64) {
	hold, all := m.compare(o)
	branch := o.Then
	if !hold || !all && !writes(o.Then) {
		branch = o.Else
	}
	for i := range branch {
		switch a := &branch[i]; a.Kind {
		case Put:
			m.put(a.Key, a.Value, rev)
		case Delete:
			from, end := a.bounds()
			m.remove(from, end, rev)
		}
	}
}

// called notes that an op was done.
func (m *model) called(op int32, call int64) {
	if call > m.call {
		m.call, m.caller = call, op
	}
}

// eachWritten calls f with the keys that an op may put or delete, whichever way it goes.
func (o *Op) eachWritten(f func(Key, Kind)) {
	for _, branch := range [2][]Action{o.Then, o.Else} {
		for i := range branch {
			if branch[i].Kind == Get {
				continue
			}
			for k, end := branch[i].bounds(); k < end; k++ {
				f(k, branch[i].Kind)
			}
		}
	}
}

func writes(actions []Action) bool {
	for i := range actions {
		if actions[i].Kind != Get {
			return true
		}
	}
	return false
}

// remove deletes and counts; sure says that nothing unknown is among the keys.
func (m *model) remove(from, end Key, rev int64) (n int64, sure bool) {
	sure = true
	for k := from; k < end; k++ {
		if m.unsure(k) {
			sure = false
		}
		if m.keys[k].version > 0 {
			n++
			m.set(k, entry{since: rev, why: m.by})
		}
	}
	return n, sure
}

// shows compares what a read found.
func (m *model) shows(from, end Key, items []Item) string {
	for k := from; k < end; k++ {
		for len(items) > 0 && items[0].Key < k {
			return "it found a key that it did not ask for, or twice"
		}
		found := len(items) > 0 && items[0].Key == k
		m.against = append(m.against[:0], m.keys[k].last())
		if found {
			m.against = append(m.against, items[0].Mod)
		}
		if problem := m.showsKey(k, found, items); problem != "" {
			if found == (m.keys[k].version > 0) {
				m.look(k)
			} else {
				m.lookWhether(k, k+1)
			}
			return problem
		}
		if found {
			items = items[1:]
		}
	}
	if len(items) > 0 {
		return "it found a key that it did not ask for, or twice"
	}
	return ""
}

func (m *model) showsKey(k Key, found bool, items []Item) string {
	e := &m.keys[k]
	switch {
	case m.unsure(k):
	case found && e.version == 0:
		return "it found a key that was absent"
	case !found && e.version > 0:
		return "it did not find a key that was there"
	case found && items[0].Value != e.value:
		return "it shows another value than the key had"
	case found && items[0].Mod != 0 && items[0].Mod != e.mod:
		return fmt.Sprintf("it shows revision %d of a key last written at %d", items[0].Mod, e.mod)
	}
	return ""
}

// follows compares what a step changed with the log's events of its revision.
func (m *model) follows(events []Event, rev int64) string {
	changed := map[Key]bool{}
	for _, k := range m.touched {
		if !m.unsure(k) {
			changed[k] = true
		}
	}
	for _, e := range events {
		if m.unsure(e.Key) {
			continue
		}
		now := m.keys[e.Key]
		if !changed[e.Key] || e.Deleted != (now.version == 0) || !e.Deleted && (now.value != e.Value || now.mod != rev) {
			return "the log tells of another change at its revision"
		}
		delete(changed, e.Key)
	}
	if len(changed) > 0 {
		return "the log does not tell of a change that it made"
	}
	return ""
}

// play does what the log tells where no op is known to have done it.
func (m *model) play(events []Event, rev int64) string {
	for _, e := range events {
		switch {
		case !e.Deleted:
			m.put(e.Key, e.Value, rev)
		case m.keys[e.Key].version == 0 && !m.unsure(e.Key):
			m.lookWhether(e.Key, e.Key+1)
			return "the log tells of the removal of a key that was absent"
		default:
			m.set(e.Key, entry{since: rev})
		}
	}
	return ""
}
