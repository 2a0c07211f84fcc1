package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// Streaming is Linearizable while the history goes on: it takes line after line, tells of a violation
// soon after the line that shows it, and gives the same verdict at the end. What it keeps is a matter
// of keys, of calls that are open or of unknown outcome, and of what is still undecided, not of the
// history's length: see register.Stream, which also says which keys it may leave undecided. It must
// not be used by two goroutines at the same time.
type Streaming struct {
	keys  map[string]*streamKey
	order []*streamKey // in the order of first use
	open  map[int]streamCall
	now   int64 // position of the last line
	total int   // ops that say something
	reads int
	bad   *history.Verdict
}

// streamCall is an open call. key is nil where it is not one of a register.
type streamCall struct {
	position int
	key      *streamKey
	op       register.Op
}

// streamKey is one key.
type streamKey struct {
	name   string
	stream register.Stream
	names  names
	fresh  int    // lines since it was judged last
	rest   int    // ops that were kept then
	last   int64  // position of its last call
	open   string // why it cannot be decided; "": it can
}

// streamPatience is how many ops of a key must end before it is judged again, at least. What is kept is
// judged again each time, so it must double before that is worth it.
const streamPatience = 64

// NewStreaming has seen nothing.
func NewStreaming() *Streaming {
	return &Streaming{keys: map[string]*streamKey{}, open: map[int]streamCall{}}
}

// Add takes the next line of a client. It keeps none of the line's slices. Errors name the op by its
// position; after one, the history must not be judged.
func (s *Streaming) Add(ctx context.Context, l *Line) error {
	s.now = int64(l.Position)
	c, open := s.open[l.Process]
	if err := inTurn(l.Position, l.Process, l.Type, open, c.position); err != nil {
		return err
	}
	if l.Type == history.Invoke {
		c, err := s.invoke(l)
		if err != nil {
			return fmt.Errorf("op %d: %w", l.Position, err)
		}
		s.open[l.Process] = c
		return nil
	}
	delete(s.open, l.Process)
	if c.key == nil {
		return nil
	}
	if err := s.complete(c, l); err != nil {
		return fmt.Errorf("op %d: %w", l.Position, err)
	}
	k := c.key
	if k.fresh++; k.fresh >= max(streamPatience, k.rest) {
		s.judge(ctx, k)
	}
	return nil
}

func (s *Streaming) invoke(l *Line) (streamCall, error) {
	c := streamCall{position: l.Position}
	if !l.Form.Register() {
		return c, nil
	}
	k := s.keys[string(l.Key)]
	if k == nil {
		k = &streamKey{name: string(l.Key)}
		s.keys[k.name] = k
		s.order = append(s.order, k)
	}
	o, err := k.names.invocation(l)
	if err != nil {
		return c, err
	}
	c.key, c.op, k.last = k, o, s.now
	if k.open == "" {
		k.stream.Invoke(o)
	}
	return c, nil
}

func (s *Streaming) complete(c streamCall, l *Line) error {
	k, o := c.key, c.op
	says, err := k.names.completion(&o, k.name, l)
	if err != nil {
		return err
	}
	if says {
		s.total++
		if o.Kind == register.Get {
			s.reads++
		}
	}
	switch {
	case k.open != "":
		k.names = names{} // nobody asks for them any more
	case says:
		k.stream.Complete(o.Call, &o)
	default:
		k.stream.Complete(o.Call, nil)
	}
	return nil
}

// judge decides what there is of a key.
func (s *Streaming) judge(ctx context.Context, k *streamKey) {
	k.fresh = 0
	if s.bad != nil || k.open != "" {
		return
	}
	r, values := k.stream.Advance(ctx, s.now+1)
	switch r.Verdict {
	case register.Illegal:
		v := k.violation(ctx, r)
		v.Checker = Linearizable{}.Name()
		s.bad = &v
		for _, k := range s.order { // that is the verdict, whatever else there is
			k.close(r.Reason)
		}
	case register.Undecided:
		k.close(r.Reason)
	default:
		if values != nil {
			k.names = k.names.only(values)
		}
		k.rest = k.stream.Len()
	}
}

// close forgets a key that is judged no further.
func (k *streamKey) close(why string) {
	k.open, k.stream, k.names = why, register.Stream{}, names{}
}

// oldest is the key that was called longest ago, nil where there is none.
func (s *Streaming) oldest() (k *streamKey) {
	for _, other := range s.order {
		if k == nil || other.last < k.last {
			k = other
		}
	}
	return k
}

// forget judges a key for the last time, and leaves it out. Whoever calls it afterwards calls a new one,
// which is absent: see LiveRegisters.call.
func (s *Streaming) forget(ctx context.Context, k *streamKey) {
	if k.fresh > 0 {
		s.judge(ctx, k)
	}
	if k.open == "" {
		k.close(wasForgotten)
	}
	delete(s.keys, k.name)
	s.order = slices.DeleteFunc(s.order, func(other *streamKey) bool { return other == k })
}

// wasForgotten is why a key is not judged further that could have been decided.
const wasForgotten = "it was forgotten"

// Judge decides what there is of every key that had lines since it was judged last.
func (s *Streaming) Judge(ctx context.Context) {
	for _, k := range s.order {
		if k.fresh > 0 {
			s.judge(ctx, k)
		}
	}
}

// Violation is the first one, nil if there was none.
func (s *Streaming) Violation() *history.Verdict { return s.bad }

// Kept is how many ops are kept.
func (s *Streaming) Kept() (n int) {
	for _, k := range s.order {
		n += k.stream.Len()
	}
	return n
}

// Verdict is that on all lines so far. Calls that are open may have happened, or not.
func (s *Streaming) Verdict(ctx context.Context) history.Verdict {
	s.Judge(ctx)
	if s.bad != nil {
		return *s.bad
	}
	v := s.sum()
	v.Checker = Linearizable{}.Name()
	return v
}

func (s *Streaming) sum() history.Verdict {
	if s.reads == 0 {
		return unknown("no read was answered, so no violation could have been detected")
	}
	var undecided []string
	for _, k := range s.order {
		if k.open != "" {
			undecided = append(undecided, fmt.Sprintf("%q (%s)", k.name, k.open))
		}
	}
	if n := len(undecided); n > 0 {
		return unknown("%d of %s could not be decided: %s", n, count(len(s.order), "key"), strings.Join(undecided[:min(n, 3)], ", "))
	}
	return valid("%s, %s: each key has a linearization", count(len(s.order), "key"), count(s.total, "op"))
}

// positions are Lines of which only the positions are known any more.
type positions struct{}

var errGone = errors.New("the line was judged while it went by")

func (positions) Some([]int) (map[int]history.Op, error) { return nil, errGone }
func (positions) Others() []history.Op                   { return nil }

// violation tells of one by what is kept of the key: if that alone shows it, as it mostly does, then
// by the smallest part of it that does.
func (k *streamKey) violation(ctx context.Context, r register.Result) history.Verdict {
	h := &keyHistory{key: k.name, ops: k.stream.Ops(), names: k.names, lines: positions{}}
	if alone := register.Check(ctx, h.ops, streamExplain); alone.Verdict == register.Illegal {
		if f := h.confirm(ctx, alone); f.validity == history.Invalid {
			return h.tell(f)
		}
	}
	window := h.withWriters([]int{r.Op})
	return invalid(h.evidence(window), "key %q is not linearizable: %s (op %d): %s", k.name, h.describe(h.ops[r.Op]), h.ops[r.Op].Call, r.Reason)
}

// streamExplain is the transitions for what is kept alone.
const streamExplain = 2_000_000
