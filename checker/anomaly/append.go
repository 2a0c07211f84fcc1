package anomaly

import "slices"

// version is one element of one list, or one value of one register.
type version struct{ key, value int32 }

// writer is who wrote a version.
type writer struct {
	txn   int
	final bool // the transaction's last write of the key
}

// versions is who wrote what.
type versions map[version]writer

// of is who wrote a version; false where nobody did.
func (w versions) of(v version) (writer, bool) {
	by, ok := w[v]
	return by, ok
}

// final says whether a version was written, and was its writer's last of the key.
func (w versions) final(v version) bool { return w[v].final }

// writers finds who wrote what. False where a value was written twice: then reads do not tell whom
// they saw.
func (a *analysis) writers(kind Kind) (versions, bool) {
	out := make(versions, len(a.txns))
	for i := range a.txns {
		ops := a.txns[i].Ops
		for n, o := range ops {
			if o.Kind != kind {
				continue
			}
			v := version{o.Key, o.Value}
			if _, ok := out[v]; ok {
				a.result.Problem = "value " + a.val(o.Value) + " of key " + a.key(o.Key) + " was written twice, so a read of it does not tell whom it saw"
				return nil, false
			}
			again := slices.ContainsFunc(ops[n+1:], func(l Op) bool { return l.Kind == kind && l.Key == o.Key })
			out[v] = writer{i, !again}
		}
	}
	return out, true
}

// listRead is one read from outside: what the transaction itself had appended is cut off.
type listRead struct {
	txn  int
	list []int32
}

// lists infers from list-append histories.
func (a *analysis) lists() {
	writers, ok := a.writers(Append)
	if !ok {
		return
	}
	var reads [][]listRead // by key
	for i := range a.txns {
		if a.txns[i].Outcome != Committed {
			continue
		}
		for _, r := range a.external(i) {
			reads = atLeast(reads, r.key)
			reads[r.key] = append(reads[r.key], listRead{i, r.list})
		}
	}
	appenders := make([][]int, len(reads)) // committed ones, by key
	for i := range a.txns {
		if a.txns[i].Outcome != Committed {
			continue
		}
		for _, o := range a.txns[i].Ops {
			if o.Kind != Append || int(o.Key) >= len(reads) {
				continue
			}
			if l := appenders[o.Key]; len(l) == 0 || l[len(l)-1] != i {
				appenders[o.Key] = append(l, i)
			}
		}
	}
	a.seenValues = newMarks()
	for k := range reads {
		if len(reads[k]) > 0 {
			a.listKey(int32(k), reads[k], writers, appenders[k])
		}
	}
}

// atLeast makes a slice long enough for an index.
func atLeast[T any](s []T, i int32) []T {
	for int(i) >= len(s) {
		var zero T
		s = append(s, zero)
	}
	return s
}

// marks is a set of small numbers that is emptied at once.
type marks struct {
	round int32
	at    []int32
}

func newMarks() *marks { return &marks{round: 1} }

func (m *marks) clear() { m.round++ }

// mark is false where i is in the set already.
func (m *marks) mark(i int32) bool {
	m.at = atLeast(m.at, i)
	if m.at[i] == m.round {
		return false
	}
	m.at[i] = m.round
	return true
}

func (m *marks) has(i int32) bool { return int(i) < len(m.at) && m.at[i] == m.round }

// begins says whether one list begins with another. Lists often share their memory.
func begins(list, with []int32) bool {
	return len(with) <= len(list) && (len(with) == 0 || &list[0] == &with[0] || slices.Equal(list[:len(with)], with))
}

type externalRead struct {
	key  int32
	list []int32
}

// external are the reads of a transaction without what it had appended itself; it finds internal
// inconsistencies on the way.
func (a *analysis) external(i int) (out []externalRead) {
	type local struct {
		key   int32
		base  []int32
		known bool
		own   []int32
	}
	var buffer [8]local
	state := buffer[:0]
	for n, o := range a.txns[i].Ops {
		at := slices.IndexFunc(state, func(l local) bool { return l.key == o.Key })
		if at < 0 {
			at = len(state)
			state = append(state, local{key: o.Key})
		}
		l := &state[at]
		if o.Kind == Append {
			l.own = append(l.own, o.Value)
			continue
		}
		list := o.List
		a.future(i, n)
		cut := len(list) - len(l.own)
		if cut < 0 || !slices.Equal(list[max(cut, 0):], l.own) || l.known && !slices.Equal(list[:cut], l.base) {
			a.found("internal", []int{i}, "T1 read %s of %s, which contradicts what it had itself read and appended before: %s and %s", a.list(list), a.key(o.Key), a.list(l.base), a.list(l.own))
			// its first read still says what others had appended, if it appended nothing before
			continue
		}
		if !l.known {
			l.base, l.known = list[:cut], true
			out = append(out, externalRead{o.Key, list[:cut]})
		}
	}
	return out
}

// future reports a read, the n-th op of a transaction, that shows what the transaction appends later.
func (a *analysis) future(i, n int) {
	read := &a.txns[i].Ops[n]
	for _, o := range a.txns[i].Ops[n+1:] {
		if o.Kind == Append && o.Key == read.Key && slices.Contains(read.List, o.Value) {
			a.found("future-read", []int{i}, "T1 read %s of %s before it had appended %s itself", a.list(read.List), a.key(o.Key), a.val(o.Value))
			return
		}
	}
}

// listKey takes the longest read as the order of versions.
func (a *analysis) listKey(k int32, reads []listRead, writers versions, committed []int) {
	for i := range reads {
		a.duplicates(k, &reads[i])
	}
	longest := reads[0]
	for _, r := range reads {
		if len(r.list) > len(longest.list) {
			longest = r
		}
	}
	order := longest.list
	for _, r := range reads {
		if !begins(order, r.list) {
			a.found("incompatible-order", []int{r.txn, longest.txn}, "T1 read %s of %s and T2 read %s: neither is the beginning of the other", a.list(r.list), a.key(k), a.list(order))
		}
	}
	by := make([]writer, len(order))
	aborted, firstAborted := -1, len(order)
	for n, v := range order {
		w, ok := writers.of(version{k, v})
		if ok && a.txns[w.txn].Outcome == Aborted {
			firstAborted = min(firstAborted, n)
		}
		if !ok {
			a.found("unwritten", []int{longest.txn}, "T1 read %s of %s, which nobody appended", a.val(v), a.key(k))
			w.txn = -1
		} else if a.txns[w.txn].Outcome == Aborted {
			aborted = w.txn
		} else if aborted >= 0 && a.txns[w.txn].Outcome == Committed {
			a.found("dirty-update", []int{w.txn, aborted}, "T1 appended %s to a version of %s that T2 made, which was aborted", a.val(v), a.key(k))
			aborted = -1
		}
		by[n] = w
	}
	for n := 1; n < len(order); n++ {
		a.depend(by[n-1].txn, by[n].txn, ww, k, order[n])
	}
	a.seenValues.clear()
	for _, v := range order {
		a.seenValues.mark(v)
	}
	// What was committed and is not in the longest read came after it.
	var later []int
	for _, i := range committed {
		if a.unseen(i, k) != None {
			later = append(later, i)
		}
	}
	const most = 64 // further ones only cost: what is left out is a dependency less, never one too many
	later = later[:min(len(later), most)]
	for _, i := range later {
		if n := len(order); n > 0 {
			a.depend(by[n-1].txn, i, ww, k, a.unseen(i, k))
		}
	}
	for _, r := range reads {
		a.listRead(k, r, order, by, later, writers, firstAborted)
	}
	a.lostLists(k, reads)
}

func (a *analysis) appended(i int, k int32) int32 {
	for _, o := range a.txns[i].Ops {
		if o.Kind == Append && o.Key == k {
			return o.Value
		}
	}
	return None
}

// unseen is the first element that a transaction appended and that is not in seenValues, the longest
// read of the key.
func (a *analysis) unseen(i int, k int32) int32 {
	for _, o := range a.txns[i].Ops {
		if o.Kind == Append && o.Key == k && !a.seenValues.has(o.Value) {
			return o.Value
		}
	}
	return None
}

// duplicates reports elements that are in a read twice, and goes on with the first of each.
func (a *analysis) duplicates(k int32, r *listRead) {
	a.seenValues.clear()
	if !slices.ContainsFunc(r.list, func(v int32) bool { return !a.seenValues.mark(v) }) {
		return
	}
	a.seenValues.clear()
	var once []int32
	for _, v := range r.list {
		if a.seenValues.mark(v) {
			once = append(once, v)
		}
	}
	a.found("duplicate-elements", []int{r.txn}, "T1 read %s of %s, with an element more than once", a.list(r.list), a.key(k))
	r.list = once
}

// listRead adds the dependencies of one read. Of order, the elements before firstAborted are of
// transactions that were not aborted.
func (a *analysis) listRead(k int32, r listRead, order []int32, by []writer, later []int, writers versions, firstAborted int) {
	ordered := begins(order, r.list)
	if !ordered || firstAborted < len(r.list) {
		a.abortedReads(k, r, writers)
	}
	n := len(r.list)
	if n > 0 {
		v := r.list[n-1]
		if w, ok := writers.of(version{k, v}); ok {
			if !w.final && w.txn != r.txn {
				a.found("G1b", []int{r.txn, w.txn}, "T1 read %s of %s, a state in the middle of T2, which appended more after %s", a.list(r.list), a.key(k), a.val(v))
			}
			a.depend(w.txn, r.txn, wr, k, v)
		}
	}
	if !ordered {
		return
	}
	for m := n; m < len(order); m++ { // its own appends are not what it did not see
		if by[m].txn != r.txn {
			a.depend(r.txn, by[m].txn, rw, k, order[m])
			return
		}
	}
	for _, i := range later {
		a.depend(r.txn, i, rw, k, a.unseen(i, k))
	}
}

func (a *analysis) abortedReads(k int32, r listRead, writers versions) {
	for _, v := range r.list {
		if w, ok := writers.of(version{k, v}); ok && a.txns[w.txn].Outcome == Aborted {
			a.found("G1a", []int{r.txn, w.txn}, "T1 read %s of %s, where T2 had appended %s and was aborted", a.list(r.list), a.key(k), a.val(v))
			return
		}
	}
}

// lostLists: several transactions read the same version of a key and then appended to it.
func (a *analysis) lostLists(k int32, reads []listRead) {
	byLast := map[int][]int{}
	for _, r := range reads {
		if a.appended(r.txn, k) != None && a.readFirst(r.txn, k) {
			byLast[len(r.list)] = append(byLast[len(r.list)], r.txn)
		}
	}
	a.lost(k, byLast)
}

func (a *analysis) lost(k int32, groups map[int][]int) {
	var at []int
	for n := range groups {
		at = append(at, n)
	}
	slices.Sort(at)
	for _, n := range at {
		if txns := groups[n]; len(txns) > 1 {
			a.found("lost-update", txns, "%d transactions, T1 and T2 among them, read the same version of %s, and each wrote another on top of it", len(txns), a.key(k))
		}
	}
}

// readFirst says whether the transaction read the key before it wrote it.
func (a *analysis) readFirst(i int, k int32) bool {
	for _, o := range a.txns[i].Ops {
		if o.Key == k {
			return o.Kind == Read || o.Kind == ReadList
		}
	}
	return false
}

// depend adds an edge; aborted transactions and those that nobody knows are no part of the graph.
func (a *analysis) depend(from, to int, kind edgeKind, key, value int32) {
	if from < 0 || to < 0 || from == to || a.txns[from].Outcome == Aborted || a.txns[to].Outcome == Aborted {
		return
	}
	a.g.add(from, to, kind, key, value)
}
