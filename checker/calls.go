package checker

import (
	"cmp"
	"slices"

	"github.com/faultline-chaos/faultline/history"
)

// calls pairs the lines of clients as they come, in the order of invocation, and keeps no line longer than
// it must.
type calls struct {
	from []lines // by call
	open map[int]saying
	free [][]byte // memory of values that are not open any more
}

// lines are the positions of a call's lines; done is -1 where there is no second one.
type lines struct{ invoke, done int }

// saying is the line that says most about a call: its completion where that is ok, else its invocation.
type saying struct {
	call     int // index in from; -1: of no interest
	position int
	form     history.Form
	value    []byte // good until the next line
}

// invoke takes an invocation. It answers the call's index; -1 where it is not wanted.
func (c *calls) invoke(op *history.Op, wanted bool) (int, error) {
	before, open := c.open[op.Process]
	if err := inTurn(op.Index, op.Process, op.Type, open, before.position); err != nil {
		return -1, err
	}
	if c.open == nil {
		c.open = map[int]saying{}
	}
	o := saying{call: -1, position: op.Index, form: op.Form()}
	if wanted {
		o.call = len(c.from)
		c.from = append(c.from, lines{op.Index, -1})
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
func (c *calls) complete(op *history.Op) (saying, int, error) {
	o, open := c.open[op.Process]
	if err := inTurn(op.Index, op.Process, op.Type, open, o.position); err != nil {
		return saying{}, -1, err
	}
	delete(c.open, op.Process)
	if o.call < 0 {
		return o, -1, nil
	}
	c.free = append(c.free, o.value)
	c.from[o.call].done = op.Index
	if op.Type == history.OK {
		o.position, o.value = op.Index, op.Value
	}
	return o, o.call, nil
}

// rest are the calls that have no second line.
func (c *calls) rest() (out []saying) {
	for _, o := range c.open {
		if o.call >= 0 {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b saying) int { return cmp.Compare(a.call, b.call) })
	return out
}

// evidence are the positions of a call's lines.
func (c *calls) evidence(i int) []int {
	l := c.from[i]
	if l.done < 0 {
		return []int{l.invoke}
	}
	return []int{l.invoke, l.done}
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

// with is a slice of one.
func (s *slab[T]) with(v T) []T {
	out := s.of(1)
	out[0] = v
	return out
}

// blocks is a list that grows without being copied.
type blocks[T any] struct {
	b [][]T
	n int
}

const blockSize = 1 << 12

func (l *blocks[T]) add(v T) {
	if l.n%blockSize == 0 {
		l.b = append(l.b, make([]T, 0, blockSize))
	}
	last := &l.b[len(l.b)-1]
	*last = append(*last, v)
	l.n++
}

func (l *blocks[T]) at(i int) *T { return &l.b[i/blockSize][i%blockSize] }

// take is all of it in one slice; the list is empty then.
func (l *blocks[T]) take() []T {
	out := make([]T, 0, l.n)
	for i, b := range l.b {
		out, l.b[i] = append(out, b...), nil
	}
	*l = blocks[T]{}
	return out
}
