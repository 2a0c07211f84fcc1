package anomaly

import "slices"

// registers infers from histories of registers with unique values. What orders versions: everything
// comes after the initial state; a transaction's write after what it had read; and what the options
// allow.
func (a *analysis) registers() {
	writers, ok := a.writers(Write)
	if !ok {
		return
	}
	readers := map[version][]int{}
	after := map[version][]int32{} // the values that are known to be later
	var keys []int32
	written := map[int32][]int32{}
	for i := range a.txns {
		t := &a.txns[i]
		if t.Outcome == Aborted {
			continue
		}
		a.registerTxn(i, writers, readers, after)
		for _, o := range t.Ops {
			if o.Kind != Write || !writers.final(version{o.Key, o.Value}) {
				continue
			}
			if _, ok := written[o.Key]; !ok {
				keys = append(keys, o.Key)
			}
			written[o.Key] = append(written[o.Key], o.Value)
		}
	}
	foreign := a.observe(writers, readers)
	slices.Sort(keys)
	for _, k := range keys {
		a.registerKey(k, written[k], foreign[k], writers, readers, after)
	}
}

// registerTxn collects what one transaction read and wrote.
func (a *analysis) registerTxn(i int, writers versions, readers map[version][]int, after map[version][]int32) {
	state := map[int32]int32{}
	for _, o := range a.txns[i].Ops {
		now, known := state[o.Key]
		if o.Kind == Write {
			if known && a.readFirst(i, o.Key) {
				if w, ok := writers.of(version{o.Key, now}); !ok || w.txn != i {
					for _, later := range a.txns[i].Ops {
						if later.Kind == Write && later.Key == o.Key && writers.final(version{o.Key, later.Value}) {
							v := version{o.Key, now}
							after[v] = append(after[v], later.Value)
						}
					}
				}
			}
			state[o.Key] = o.Value
			continue
		}
		if a.txns[i].Outcome != Committed {
			continue
		}
		switch {
		case known && now != o.Value:
			a.found("internal", []int{i}, "T1 read %s of %s, where it had itself just read or written %s", a.val(o.Value), a.key(o.Key), a.val(now))
		case !known:
			v := version{o.Key, o.Value}
			readers[v] = append(readers[v], i)
		}
		state[o.Key] = o.Value
	}
}

// observe judges what was read, and adds who read from whom. foreign are the values that were read and
// that nobody wrote, by key: they have a place among the versions all the same.
func (a *analysis) observe(writers versions, readers map[version][]int) (foreign map[int32][]int32) {
	foreign = map[int32][]int32{}
	var seen []version
	for v := range readers {
		seen = append(seen, v)
	}
	slices.SortFunc(seen, func(x, y version) int {
		return compare(int64(x.key)<<32|int64(uint32(x.value)), int64(y.key)<<32|int64(uint32(y.value)))
	})
	for _, v := range seen {
		if v.value == None {
			continue
		}
		w, ok := writers.of(v)
		if !ok {
			foreign[v.key] = append(foreign[v.key], v.value)
		}
		for _, r := range readers[v] {
			switch {
			case !ok:
				a.found("unwritten", []int{r}, "T1 read %s of %s, which nobody wrote", a.val(v.value), a.key(v.key))
				continue
			case w.txn == r:
				a.found("future-read", []int{r}, "T1 read %s of %s before it had written it itself", a.val(v.value), a.key(v.key))
			case a.txns[w.txn].Outcome == Aborted:
				a.found("G1a", []int{r, w.txn}, "T1 read %s of %s, which T2 wrote, and T2 was aborted", a.val(v.value), a.key(v.key))
			case !w.final:
				a.found("G1b", []int{r, w.txn}, "T1 read %s of %s, a state in the middle of T2, which wrote %[2]s again", a.val(v.value), a.key(v.key))
			}
			a.depend(w.txn, r, wr, v.key, v.value)
		}
	}
	return foreign
}

// registerKey adds the dependencies between a key's versions: those that were written, and foreign ones.
func (a *analysis) registerKey(k int32, written, foreign []int32, writers versions, readers map[version][]int, after map[version][]int32) {
	a.keyOrder(k, writers, after)
	versions := slices.Concat([]int32{None}, written, foreign)
	later := map[int32]bool{} // than another value
	for _, v := range versions {
		for _, to := range after[version{k, v}] {
			later[to] = true
		}
	}
	for _, v := range versions[1:] {
		w, ok := writers.of(version{k, v})
		if happened := ok && a.txns[w.txn].Outcome == Committed || len(readers[version{k, v}]) > 0; happened && !later[v] {
			after[version{k, None}] = append(after[version{k, None}], v)
		}
	}
	if a.cyclic(k, versions, after) {
		return
	}
	groups := map[int][]int{}
	for n, v := range versions {
		id := version{k, v}
		next := after[id]
		slices.Sort(next)
		for _, to := range slices.Compact(next) {
			w, _ := writers.of(version{k, to})
			if before, ok := writers.of(id); ok {
				a.depend(before.txn, w.txn, ww, k, to)
			}
			for _, r := range readers[id] {
				a.depend(r, w.txn, rw, k, to)
			}
		}
		for _, r := range readers[id] {
			writes := slices.ContainsFunc(a.txns[r].Ops, func(o Op) bool { return o.Kind == Write && o.Key == k })
			if writes && a.readFirst(r, k) {
				groups[n] = append(groups[n], r)
			}
		}
	}
	a.lost(k, groups)
}

// touch is what a transaction last saw or left of a key, and first.
type touch struct {
	txn         int
	first, last int32
}

// keyOrder adds what the options say about the order of versions.
func (a *analysis) keyOrder(k int32, writers versions, after map[version][]int32) {
	if !a.opt.SequentialKeys && !a.opt.LinearizableKeys {
		return
	}
	var touches []touch
	index := map[int]touch{}
	for i := range a.txns {
		if a.txns[i].Outcome != Committed {
			continue
		}
		t := touch{txn: -1}
		for _, o := range a.txns[i].Ops {
			if o.Key == k {
				if t.txn < 0 {
					t = touch{i, o.Value, o.Value}
				}
				t.last = o.Value
			}
		}
		if t.txn >= 0 {
			touches = append(touches, t)
			index[i] = t
		}
	}
	add := func(x, y touch) {
		if _, ok := writers.of(version{k, y.first}); x.last != y.first && (!ok || writers.final(version{k, y.first})) {
			v := version{k, x.last}
			after[v] = append(after[v], y.first)
		}
	}
	order := make([]int, len(touches))
	slices.SortStableFunc(touches, func(x, y touch) int { return compare(a.txns[x.txn].Call, a.txns[y.txn].Call) })
	for n, t := range touches {
		order[n] = t.txn
	}
	if a.opt.SequentialKeys {
		last := map[int]touch{}
		for _, t := range touches {
			p := a.txns[t.txn].Process
			if before, ok := last[p]; ok {
				add(before, t)
			}
			last[p] = t
		}
	}
	if a.opt.LinearizableKeys {
		realTime(a.txns, order, func(from, to int) { add(index[from], index[to]) })
	}
}

// cyclic says whether the order of versions contradicts itself.
func (a *analysis) cyclic(k int32, versions []int32, after map[version][]int32) bool {
	index := map[int32]int{}
	for n, v := range versions {
		index[v] = n
	}
	g := newGraph(len(versions))
	for n, v := range versions {
		for _, to := range after[version{k, v}] {
			if m, ok := index[to]; ok && m != n {
				g.add(n, m, ww, k, to)
			}
		}
	}
	g.seal(func(func(int, int, edgeKind)) {})
	cycles := g.components(1 << ww)
	if len(cycles) == 0 {
		return false
	}
	var values []int32
	for _, n := range cycles[0] {
		values = append(values, versions[n])
	}
	a.found("cyclic-versions", nil, "the versions %s of %s each come before the other", a.list(values), a.key(k))
	return true
}
