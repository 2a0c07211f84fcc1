package revision

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// hints collects what spares the replay hopeless tries at gaps. Each only leaves out what a later
// reply would contradict, or what is the same as something already tried.
func (c *checker) hints() bool {
	if c.result.Gaps > 0 {
		c.findQuiet()
		c.findShapes()
		c.findFirstCalls()
	}
	return true
}

// findQuiet notes where replies show that a key was not written: after the revision of the value that
// a get saw, up to the revision at which it saw it; and, where no unknown call can have deleted a key
// that was seen absent, since the last delete.
func (c *checker) findQuiet() {
	c.quiet = map[Key][]span{}
	removed, unsure := c.removals()
	for i := range c.Ops {
		o := &c.Ops[i]
		if !o.known() || o.changes() {
			continue // a write sees its own changes, too; there are enough others
		}
		last := c.slot(o.Rev)
		for n, a := range o.ran() {
			if a.Kind != Get {
				continue
			}
			for _, item := range o.Outputs[n].Items {
				if first := c.slot(item.Mod) + 1; item.Mod != 0 && first <= last {
					c.quiet[item.Key] = append(c.quiet[item.Key], span{first, last})
				}
			}
			if a.End <= a.Key+1 && len(o.Outputs[n].Items) == 0 && !unsure[a.Key] {
				d := removed[a.Key]
				k := sort.Search(len(d), func(k int) bool { return d[k] > last })
				first := int64(1)
				if k > 0 {
					first = d[k-1] + 1
				}
				if first <= last {
					c.quiet[a.Key] = append(c.quiet[a.Key], span{first, last})
				}
			}
		}
	}
	for k, spans := range c.quiet {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
		merged := spans[:0]
		for _, s := range spans {
			if n := len(merged); n > 0 && s.first <= merged[n-1].last+1 {
				merged[n-1].last = max(merged[n-1].last, s.last)
			} else {
				merged = append(merged, s)
			}
		}
		c.quiet[k] = merged
	}
}

// removals are the slots at which each key was, or may have been, deleted by a write with a known
// revision, and the keys that others may have deleted, too.
func (c *checker) removals() (removed map[Key][]int64, unsure map[Key]bool) {
	removed, unsure = map[Key][]int64{}, map[Key]bool{}
	each := func(actions []Action, f func(Key)) {
		for _, a := range actions {
			if a.Kind == Delete {
				for k := a.Key; k < max(a.Key+1, a.End); k++ {
					f(k)
				}
			}
		}
	}
	for _, i := range c.candidates {
		each(c.Ops[i].Then, func(k Key) { unsure[k] = true })
		each(c.Ops[i].Else, func(k Key) { unsure[k] = true })
	}
	for s := range int64(len(c.writer)) {
		note := func(k Key) { removed[k] = append(removed[k], s) }
		if w := c.writer[s]; w >= 0 {
			each(c.Ops[w].Then, note)
			each(c.Ops[w].Else, note)
		}
		for _, e := range c.eventsAt(s) {
			if e.Deleted {
				note(e.Key)
			}
		}
	}
	return removed, unsure
}

// isQuiet says whether the key was certainly not written at the slot.
func (c *checker) isQuiet(k Key, slot int64) bool {
	spans := c.quiet[k]
	i := sort.Search(len(spans), func(i int) bool { return spans[i].last >= slot })
	return i < len(spans) && spans[i].first <= slot
}

// nextQuiet is the first slot, from slot on, at which the key was certainly not written; Never where
// there is none.
func (c *checker) nextQuiet(k Key, slot int64) int64 {
	spans := c.quiet[k]
	i := sort.Search(len(spans), func(i int) bool { return spans[i].last >= slot })
	if i == len(spans) {
		return Never
	}
	return max(slot, spans[i].first)
}

// findShapes gives candidates that differ in nothing that anybody looks at the same shape: trying one
// of them is enough, the one that was called first.
func (c *checker) findShapes() {
	looked := map[pair]bool{}
	for i := range c.Ops {
		for _, cmp := range c.Ops[i].If {
			if cmp.Target == ByValue {
				looked[pair{cmp.Key, cmp.Value}] = true
			}
		}
		if c.Ops[i].known() {
			for _, out := range c.Ops[i].Outputs {
				for _, item := range out.Items {
					looked[pair{item.Key, item.Value}] = true
				}
			}
		}
	}
	shapes := map[string]int32{}
	var b []byte
	for _, i := range c.candidates {
		o := &c.Ops[i]
		b = b[:0]
		for _, cmp := range o.If {
			b = append(b, 'i', byte(cmp.Target), byte(cmp.Relation))
			b = binary.AppendVarint(b, int64(cmp.Key))
			b = binary.AppendVarint(b, int64(cmp.Value))
			b = binary.AppendVarint(b, cmp.Number)
		}
		for n, branch := range [2][]Action{o.Then, o.Else} {
			b = append(b, 'b', byte(n))
			for _, a := range branch {
				if a.Kind == Get {
					continue
				}
				b = append(b, 'a', byte(a.Kind))
				b = binary.AppendVarint(b, int64(a.Key))
				b = binary.AppendVarint(b, int64(max(a.End, a.Key+1)))
				if v := int64(a.Value); looked[pair{a.Key, a.Value}] {
					b = binary.AppendVarint(append(b, 'v'), v)
				} else {
					b = append(b, 'x')
				}
			}
		}
		s, ok := shapes[string(b)]
		if !ok {
			s = int32(len(shapes))
			shapes[string(b)] = s
			c.ofShape = append(c.ofShape, nil)
		}
		c.ofShape[s] = append(c.ofShape[s], int32(len(c.shape)))
		c.shape = append(c.shape, s)
	}
}

// findFirstCalls notes for each effect when the first candidate was called that may have it.
func (c *checker) findFirstCalls() {
	c.firstCall = map[effect]int64{}
	for k := range c.keys {
		for _, kind := range [...]Kind{Put, Delete, either} {
			c.firstCall[effect{k, kind}] = Never
		}
	}
	for _, i := range c.candidates {
		o := &c.Ops[i]
		o.eachWritten(func(k Key, kind Kind) {
			for _, e := range [...]effect{{k, kind}, {k, either}} {
				c.firstCall[e] = min(c.firstCall[e], o.Call)
			}
		})
	}
}
