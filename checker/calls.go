package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/harness"
)

// calls pairs the lines of clients as they come, in the order of invocation, and keeps no line longer than
// it must.
type calls struct {
	from []attempt // positions; done is -1 where there is no second line
	open map[int]said
	free [][]byte // memory of values that are not open any more
}

// said is the line that says most about a call: its completion where that is ok, else its invocation.
type said struct {
	call     int // index in from; -1: of no interest
	position int
	f        string
	value    []byte // good until the next line
}

// invoke takes an invocation. It answers the call's index; -1 where it is not wanted.
func (c *calls) invoke(op *harness.Op, wanted bool) (int, error) {
	if o, ok := c.open[op.Process]; ok {
		return -1, fmt.Errorf("op %d: process %d invokes while its op %d is open", op.Index, op.Process, o.position)
	}
	if c.open == nil {
		c.open = map[int]said{}
	}
	o := said{call: -1, position: op.Index, f: op.F}
	if wanted {
		o.call = len(c.from)
		c.from = append(c.from, attempt{op.Index, -1, harness.Info})
		o.value = append(c.memory(), op.Value...)
	}
	c.open[op.Process] = o
	return o.call, nil
}

func (c *calls) memory() []byte {
	n := len(c.free)
	if n == 0 {
		return nil
	}
	b := c.free[n-1]
	c.free = c.free[:n-1]
	return b[:0]
}

// complete takes a completion. It answers what is said, and the call's index or -1.
func (c *calls) complete(op *harness.Op) (said, int, error) {
	switch op.Type {
	case harness.OK, harness.Fail, harness.Info:
	default:
		return said{}, -1, fmt.Errorf("op %d: unknown type %q", op.Index, op.Type)
	}
	o, ok := c.open[op.Process]
	if !ok {
		return said{}, -1, fmt.Errorf("op %d: process %d completes what it did not invoke", op.Index, op.Process)
	}
	delete(c.open, op.Process)
	if o.call < 0 {
		return o, -1, nil
	}
	c.free = append(c.free, o.value)
	c.from[o.call].done, c.from[o.call].outcome = op.Index, op.Type
	if op.Type == harness.OK {
		o.position, o.f, o.value = op.Index, op.F, op.Value
	}
	return o, o.call, nil
}

// rest are the calls that have no second line.
func (c *calls) rest() (out []said) {
	for _, o := range c.open {
		if o.call >= 0 {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b said) int { return cmp.Compare(a.call, b.call) })
	return out
}

// evidence are the positions of a call's lines.
func (c *calls) evidence(i int) []int {
	a := c.from[i]
	if a.done < 0 {
		return []int{a.invoke}
	}
	return []int{a.invoke, a.done}
}

// slab hands out small slices that share memory: a million of them cost a thousand allocations.
type slab[T any] struct{ free []T }

func (s *slab[T]) of(n int) []T {
	const most = 1 << 10
	if n > most/8 {
		return make([]T, n)
	}
	if len(s.free) < n {
		s.free = make([]T, most)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}
