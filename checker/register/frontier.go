package register

import (
	"cmp"
	"slices"
)

func (c *config) hash() uint64 {
	h := uint64(c.state) * 0x9e3779b97f4a7c15
	for i := range c.done {
		h = (h ^ c.done[i]) * 0xff51afd7ed558ccd
		h = (h ^ h>>32 ^ c.opt[i]) * 0xc4ceb9fe1a85ec53
	}
	return h ^ h>>32
}

// prune drops configurations that another one dominates: one that can copy every continuation of
// the other. Comparing counts as work, so that pruning cannot outlast the budget.
func (s *search) prune() {
	f := s.frontier
	if len(f) < 2 {
		return
	}
	s.weigh()
	slices.SortFunc(f, func(a, b config) int { return cmp.Compare(a.state, b.state) })
	s.doomed = slices.Grow(s.doomed[:0], len(f))[:len(f)]
	clear(s.doomed)
	for lo := 0; lo < len(f); {
		hi := lo + 1
		for hi < len(f) && f[hi].state == f[lo].state {
			hi++
		}
		s.pruneState(f[lo:hi], s.doomed[lo:hi])
		lo = hi
	}
	n := 0
	for i := range f {
		if !s.doomed[i] {
			f[n] = f[i]
			n++
		}
	}
	s.frontier = f[:n]
}

// weigh says what counts little when configurations are compared.
func (s *search) weigh() {
	s.observers, s.spare = s.in[differing].or(s.in[missing]), s.in[trackedSlots]
}

// pruneState compares configurations of one state with each other.
func (s *search) pruneState(f []config, doomed []bool) {
	for i := range f {
		if doomed[i] {
			continue
		}
		if s.steps > s.budget {
			return
		}
		s.steps += int64(len(f)) / 8
		for j := range f {
			if i != j && !doomed[j] && dominates(&f[i], &f[j], s.observers, s.spare) {
				doomed[j] = true
			}
		}
	}
}

// dominates: a used up no more than b, has done all that b has done or may have hidden it, and has
// nothing behind it that b still has before it, except observations.
func dominates(a, b *config, observers, spare mask) bool {
	if a.puts > b.puts || a.creates > b.creates || a.deletes > b.deletes {
		return false
	}
	var bad uint64
	for w := range a.done {
		bad |= a.done[w]&^b.done[w]&^observers[w] |
			b.done[w]&^a.done[w]&^a.opt[w]&^spare[w] |
			b.opt[w]&^a.opt[w]
	}
	return bad == 0
}
