package anomaly

import (
	"fmt"
	"slices"
	"strings"
)

// edgeKind is why one transaction comes before another.
type edgeKind uint8

const (
	ww       edgeKind = iota // it wrote the version before
	wr                       // it wrote what the other read
	rw                       // it read what the other overwrote
	process                  // the same process made it before
	realtime                 // it ended before the other began
)

type edge struct {
	to         int32
	kind       edgeKind
	key, value int32
}

// graph is filled with add and then sealed: edges lie in one array, in the order of the nodes that
// they leave.
type graph struct {
	nodes int
	added []hop
	first []int32 // by node, where its edges begin; one more at the end
	edges []edge
}

func newGraph(n int) *graph { return &graph{nodes: n} }

func (g *graph) add(from, to int, kind edgeKind, key, value int32) {
	g.added = append(g.added, hop{int32(from), edge{int32(to), kind, key, value}})
}

// out are the edges that leave a node.
func (g *graph) out(v int32) []edge { return g.edges[g.first[v]:g.first[v+1]] }

// repeats is how many edges back a second one of the same kind to the same node is looked for.
const repeats = 8

// seal puts the edges in their place, and then those that more tells, twice in the same way: there may
// be many, and they are not held elsewhere.
func (g *graph) seal(more func(add func(from, to int, kind edgeKind))) {
	count := make([]int32, g.nodes+1)
	for _, h := range g.added {
		count[h.from+1]++
	}
	more(func(from, _ int, _ edgeKind) { count[from+1]++ })
	for v := range g.nodes {
		count[v+1] += count[v]
	}
	next := slices.Clone(count[:g.nodes])
	g.edges = make([]edge, count[g.nodes])
	for _, h := range g.added {
		g.edges[next[h.from]] = h.edge
		next[h.from]++
	}
	g.added = nil
	more(func(from, to int, kind edgeKind) {
		g.edges[next[from]] = edge{to: int32(to), kind: kind}
		next[from]++
	})
	g.first = count
	g.unique()
}

// unique leaves out most of the edges that are there twice.
func (g *graph) unique() {
	n := int32(0)
	for v := range g.nodes {
		begin := n
		from, to := g.first[v], g.first[v+1]
		g.first[v] = begin
		for _, e := range g.edges[from:to] {
			same := func(o edge) bool { return o.to == e.to && o.kind == e.kind }
			if e.kind < process && slices.ContainsFunc(g.edges[max(begin, n-repeats):n], same) {
				continue
			}
			g.edges[n] = e
			n++
		}
	}
	g.first[g.nodes] = n
	g.edges = g.edges[:n]
}

// dependencies is how many edges are no order of processes or of real time.
func (g *graph) dependencies() (n int) {
	for _, e := range g.edges {
		if e.kind < process {
			n++
		}
	}
	return n
}

// components are the strongly connected ones of two nodes or more, over edges of the given kinds
// (Tarjan, Depth-first search and linear graph algorithms, 1972), without recursion.
func (g *graph) components(kinds uint8) (out [][]int) {
	n := g.nodes
	index, low, on := make([]int32, n), make([]int32, n), make([]bool, n)
	next := slices.Clone(g.first[:n])
	var stack, path []int32
	counter := int32(0)
	for root := range n {
		if index[root] != 0 {
			continue
		}
		path = append(path[:0], int32(root))
		for len(path) > 0 {
			v := path[len(path)-1]
			if index[v] == 0 {
				counter++
				index[v], low[v] = counter, counter
				stack, on[v] = append(stack, v), true
			}
			deeper := false
			for next[v] < g.first[v+1] {
				e := &g.edges[next[v]]
				next[v]++
				if kinds>>e.kind&1 == 0 {
					continue
				}
				if index[e.to] == 0 {
					path, deeper = append(path, e.to), true
					break
				}
				if on[e.to] {
					low[v] = min(low[v], index[e.to])
				}
			}
			if deeper {
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				p := path[len(path)-1]
				low[p] = min(low[p], low[v])
			}
			if low[v] == index[v] {
				var c []int
				for {
					w := stack[len(stack)-1]
					stack, on[w] = stack[:len(stack)-1], false
					c = append(c, int(w))
					if w == v {
						break
					}
				}
				if len(c) > 1 {
					slices.Sort(c)
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// hop is an edge with where it comes from.
type hop struct {
	from int32
	edge
}

// search is a breadth-first one for the shortest way between two nodes of a component. A state is a
// node with what the way there was like.
type search struct {
	g         *graph
	component []int32 // by node: which one it is in
	kinds     uint8
	lonely    bool // no two rw edges beside each other
}

// state: node, and whether the last edge was an rw, whether there was an rw, whether an extra edge.
type state struct {
	node           int32
	last, rw, more bool
}

// way finds the shortest way from one node to another with want at its end. begin is the state at the
// start.
func (s *search) way(begin state, to int32, want func(state) bool, limit *int) []hop {
	from := map[state]hop{}
	before := map[state]state{}
	queue := []state{begin}
	before[begin] = begin
	for len(queue) > 0 {
		st := queue[0]
		queue = queue[1:]
		for _, e := range s.g.out(st.node) {
			if *limit--; *limit < 0 {
				return nil
			}
			if s.kinds>>e.kind&1 == 0 || s.component[e.to] != s.component[begin.node] {
				continue
			}
			isRW := e.kind == rw
			if s.lonely && isRW && st.last {
				continue
			}
			next := state{e.to, isRW && s.lonely, st.rw || isRW, st.more || e.kind >= process}
			if _, ok := before[next]; ok {
				continue
			}
			before[next], from[next] = st, hop{st.node, e}
			if e.to == to && want(next) && !(s.lonely && isRW) {
				return unwind(next, begin, before, from)
			}
			queue = append(queue, next)
		}
	}
	return nil
}

// unwind is the way; nil where it comes by the same node twice.
func unwind(end, begin state, before map[state]state, from map[state]hop) (out []hop) {
	seen := map[int32]bool{}
	for st := end; ; st = before[st] {
		if seen[st.node] {
			return nil
		}
		seen[st.node] = true
		if st == begin {
			break
		}
		out = append(out, from[st])
	}
	slices.Reverse(out)
	return out
}

// pattern is a kind of cycle. It is looked for from each edge of kind through, on its way back.
type pattern struct {
	name    string
	kinds   uint8 // of the edges on the way back
	through edgeKind
	lonely  bool
	more    bool // another rw must be on the way
}

const (
	writes = 1 << ww
	reads  = 1 << wr
	antis  = 1 << rw
)

// patterns are the cycles, the worst first (Adya 1999; G-nonadjacent: Elle).
var patterns = []pattern{
	{"G0", writes, ww, false, false},
	{"G1c", writes | reads, wr, false, false},
	{"G-single-item", writes | reads, rw, false, false},
	{"G-nonadjacent-item", writes | reads | antis, rw, true, true},
	{"G2-item", writes | reads | antis, rw, false, true},
}

// effort bounds the edges that are looked at for one pattern in one component.
const effort = 2_000_000

// cycles looks for every pattern, first among dependencies alone and then with the order of processes
// and of real time. In a component with a cycle of dependencies alone none of the same pattern with
// more is told, since it adds nothing; nor one with real time where there is one with processes.
func (a *analysis) cycles() {
	all := a.components(^uint8(0))
	if len(all.lists) == 0 {
		return // without any cycle there is none of a kind
	}
	a.narrow(all.of)
	extras := []struct {
		suffix string
		kinds  uint8
	}{{"", 0}, {"-process", 1 << process}, {"-realtime", 1<<process | 1<<realtime}}
	told := map[string][]bool{} // by pattern, the transactions of its cycles
	for _, p := range patterns {
		told[p.name] = make([]bool, len(a.txns))
	}
	for n, x := range extras {
		if n == 1 && !a.opt.Process || n == 2 && !a.opt.Realtime {
			continue
		}
		all := a.components(writes | reads | antis | x.kinds)
		for _, p := range patterns {
			s := &search{g: a.g, kinds: p.kinds | x.kinds, lonely: p.lonely, component: all.of}
			if p.kinds != writes|reads|antis && p.through != rw {
				s.component = a.components(p.kinds | x.kinds).of
			}
			a.pattern(p, x.suffix, n > 0, s, all, told[p.name])
		}
	}
}

// narrow leaves the edges that lie on a cycle, and has those of real time in place of its line.
func (a *analysis) narrow(component []int32) {
	whole := a.g
	a.g = newGraph(len(a.txns))
	var processes []hop
	for i := range a.txns {
		for _, e := range whole.out(int32(i)) {
			switch {
			case component[i] < 0 || component[i] != component[e.to]:
			case e.kind < process:
				a.g.added = append(a.g.added, hop{int32(i), e})
			case e.kind == process:
				processes = append(processes, hop{int32(i), e})
			}
		}
	}
	byCall := a.byCall(func(i int) bool { return component[i] >= 0 })
	a.g.seal(func(add func(from, to int, kind edgeKind)) {
		for _, h := range processes {
			add(int(h.from), int(h.to), process)
		}
		if a.opt.Realtime {
			realTime(a.txns, byCall, func(from, to int) { add(from, to, realtime) })
		}
	})
}

type componentsOf struct {
	lists [][]int
	of    []int32 // -1: alone
}

func (a *analysis) components(kinds uint8) componentsOf {
	c := componentsOf{lists: a.g.components(kinds), of: make([]int32, a.g.nodes)}
	for i := range c.of {
		c.of[i] = -1
	}
	for n, l := range c.lists {
		for _, i := range l {
			c.of[i] = int32(n)
		}
	}
	return c
}

// pattern finds one cycle in each component in which none was told.
func (a *analysis) pattern(p pattern, suffix string, needMore bool, s *search, all componentsOf, told []bool) {
	for _, members := range all.lists {
		if slices.ContainsFunc(members, func(i int) bool { return told[i] }) {
			continue
		}
		for _, h := range a.patternIn(p, suffix, needMore, s, members) {
			told[h.from] = true
		}
	}
}

func (a *analysis) patternIn(p pattern, suffix string, needMore bool, s *search, members []int) []hop {
	limit := effort
	want := func(st state) bool { return (!needMore || st.more) && (!p.more || st.rw) }
	for _, i := range members {
		if s.component[i] < 0 {
			continue
		}
		for _, e := range a.g.out(int32(i)) {
			if e.kind != p.through || s.component[e.to] != s.component[i] {
				continue
			}
			begin := state{node: e.to, last: p.lonely}
			if back := s.way(begin, int32(i), want, &limit); back != nil {
				cycle := append([]hop{{int32(i), e}}, back...)
				if name := nameOf(cycle); name == p.name+suffix {
					a.tell(name, cycle)
					return cycle
				}
			}
			if limit < 0 {
				return nil
			}
		}
	}
	return nil
}

// nameOf names a cycle by its edges alone.
func nameOf(cycle []hop) string {
	var n [5]int
	adjacent := false
	for i, h := range cycle {
		n[h.kind]++
		adjacent = adjacent || h.kind == rw && cycle[(i+1)%len(cycle)].kind == rw
	}
	name := ""
	switch {
	case n[rw] == 0 && n[wr] == 0:
		name = "G0"
	case n[rw] == 0:
		name = "G1c"
	case n[rw] == 1:
		name = "G-single-item"
	case !adjacent:
		name = "G-nonadjacent-item"
	default:
		name = "G2-item"
	}
	switch {
	case n[realtime] > 0:
		return name + "-realtime"
	case n[process] > 0:
		return name + "-process"
	}
	return name
}

// tell puts a cycle into words.
func (a *analysis) tell(name string, cycle []hop) {
	label := map[int32]int{}
	var txns []int
	for i, h := range cycle {
		label[h.from] = i + 1
		txns = append(txns, int(h.from))
	}
	var b strings.Builder
	for i, h := range cycle {
		if i > 0 {
			b.WriteString("; ")
		}
		from, to := label[h.from], label[h.to]
		switch h.kind {
		case ww:
			fmt.Fprintf(&b, "T%d wrote %s to %s after T%d had written it", to, a.val(h.value), a.key(h.key), from)
		case wr:
			fmt.Fprintf(&b, "T%d read %s of %s, which T%d wrote", to, a.val(h.value), a.key(h.key), from)
		case rw:
			fmt.Fprintf(&b, "T%d read %s without %s, which T%d wrote", from, a.key(h.key), a.val(h.value), to)
		case process:
			fmt.Fprintf(&b, "T%d came before T%d in the same process", from, to)
		case realtime:
			fmt.Fprintf(&b, "T%d had ended before T%d began", from, to)
		}
	}
	a.found(name, txns, "%s: a cycle", b.String())
}
