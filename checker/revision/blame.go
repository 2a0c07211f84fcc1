package revision

import "slices"

// Going back to an earlier choice is only of use where that choice has to do with the contradiction
// (conflict-directed backjumping: Prosser, Hybrid Algorithms for the Constraint Satisfaction Problem,
// 1993). So every key's state knows what made it so, and a contradiction is a set of conditions on the
// choices: as long as they hold, it stays. That a gap did not write a key is such a condition, too. It
// rules out every candidate that does not write the key, and not only the one in use.

// cause is what a state hangs on.
type cause struct {
	choice int    // its candidate made the state; -1: an op at a known revision
	looks  []look // what the op compared
	before *cause
}

// effect is what somebody may do to a key.
type effect struct {
	key  Key
	kind Kind
}

// either is the kind of effects of which it does not matter whether they put or delete.
const either = Kind(255)

// look is what was seen of a key just before a revision, and what made it so, if nothing had the
// effect after since.
type look struct {
	effect
	since, at int64 // revisions
	why       *cause
}

// condition is what is asked of one choice: that it is the candidate in use, or that its candidate
// can have none of the effects.
type condition struct {
	exact   bool
	without []effect
}

// conditions are by choice.
type conditions map[int]condition

func (c conditions) exactly(choice int) { c[choice] = condition{exact: true} }

func (c conditions) add(choice int, with condition) {
	old := c[choice]
	if old.exact || with.exact {
		c.exactly(choice)
		return
	}
	for _, e := range with.without {
		if !slices.Contains(old.without, e) {
			old.without = append(old.without[:len(old.without):len(old.without)], e)
		}
	}
	c[choice] = old
}

// last is the latest choice; -1 where there is none.
func (c conditions) last() int {
	last := -1
	for choice := range c {
		last = max(last, choice)
	}
	return last
}

// look notes that the step under way saw the key.
func (m *model) look(k Key) {
	e := &m.keys[k]
	m.looks = append(m.looks, look{effect{k, either}, e.since, m.at, e.why})
}

// lookWhether notes that the step under way saw whether the keys were there.
func (m *model) lookWhether(from, end Key) {
	for k := from; k < end; k++ {
		if e := &m.keys[k]; e.version == 0 {
			m.looks = append(m.looks, look{effect{k, Put}, e.since, m.at, e.why})
		} else {
			m.looks = append(m.looks, look{effect{k, Delete}, e.there, m.at, e.alive})
		}
	}
}

// lookAt notes what a comparison saw.
func (m *model) lookAt(c *Compare) {
	e := &m.keys[c.Key]
	switch {
	case c.Target == ByMod && c.Relation == Equal && c.Number >= m.at:
		// No key has a revision that is still to come.
	case c.Target == ByMod && c.Relation == Equal && c.Number > 0 && e.since > c.Number:
		// Whatever was written since, the key never has an older revision again.
		m.looks = append(m.looks, look{effect{c.Key, either}, m.at, m.at, e.why})
	case c.Target == ByMod && c.Relation == Equal && c.Number > 0 && e.mod != c.Number:
		m.looks = append(m.looks, look{effect{c.Key, either}, c.Number - 1, c.Number + 1, e.why})
	case e.version == 0 || c.Target != ByValue && c.Relation == Equal && c.Number == 0:
		m.lookWhether(c.Key, c.Key+1)
	default:
		m.look(c.Key)
		if e.age != nil && (c.Target == ByCreate || c.Target == ByVersion) {
			m.looks = append(m.looks, look{effect{c.Key, either}, m.at, m.at, e.age})
		}
	}
}

// lookAtAll notes why an op's comparisons come out as they do: where they hold, all of them; else one
// that does not, if possible one that no choice can change.
func (m *model) lookAtAll(o *Op) {
	before, found := len(m.looks), false
	hold, _ := m.compare(o)
	for i := range o.If {
		if m.unsure(o.If[i].Key) || !hold && m.holds(&o.If[i]) {
			continue
		}
		if found && !hold {
			if m.settled(m.looks[before:]) {
				return
			}
			m.looks = m.looks[:before]
		}
		m.lookAt(&o.If[i])
		found = true
	}
}

// settled says whether no choice can change what the looks saw.
func (m *model) settled(looks []look) bool {
	for _, l := range looks {
		if l.why != nil || l.since < min(m.gap, l.at-1) {
			return false
		}
	}
	return true
}

// aged is what create and version of a key hang on that is written again.
func (m *model) aged(k Key, old *entry, rev int64) *cause {
	if old.why == nil && old.age == nil && old.since >= m.gap {
		return nil
	}
	return &cause{choice: nobodyChose, looks: []look{{effect{k, either}, old.since, rev, old.why}}, before: old.age}
}

// seeing is what an op without a reply hangs on: what it compares, and the choice that it is, or -1.
func (m *model) seeing(o *Op, choice int) *cause {
	if !m.note || choice < 0 && len(o.If) == 0 {
		return nil
	}
	before := len(m.looks)
	m.lookAtAll(o)
	c := &cause{choice: choice, looks: slices.Clone(m.looks[before:])}
	m.looks = m.looks[:before]
	return c
}

// spare notes that an op at a known revision might have written a key that it did not.
func (m *model) spare(k Key, _ Kind) {
	if m.by == nil || slices.Contains(m.touched, k) {
		return
	}
	e := m.keys[k]
	m.undo = append(m.undo, change{k, e})
	e.why = &cause{choice: nobodyChose, looks: m.by.looks, before: e.why}
	e.alive = &cause{choice: nobodyChose, looks: m.by.looks, before: e.alive}
	m.keys[k] = e
}

// lookAround notes why an op without a reply did not do what it should: what decided on the branch, if
// the other one might, and what the deletes of the branch found.
func (m *model) lookAround(o *Op, hopeless func([]Action) bool) {
	hold, _ := m.compare(o)
	branch, other := o.Then, o.Else
	if !hold {
		branch, other = other, branch
	}
	if !hopeless(other) {
		m.lookAtAll(o)
	}
	if hopeless(branch) {
		return
	}
	for i := range branch {
		if branch[i].Kind == Delete {
			m.lookWhether(branch[i].bounds())
		}
	}
}
