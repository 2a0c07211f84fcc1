package live

import (
	"testing"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// BenchmarkObserve is what the dashboard costs a run for each op.
func BenchmarkObserve(b *testing.B) {
	s := NewState(sample().s.Plan)
	put := history.Op{Type: history.Invoke, F: history.FProbePut, Kind: history.KindWrite, Sched: 1}
	for i := 0; b.Loop(); i++ {
		put.Time, put.Process = time.Duration(i)*time.Millisecond, i/2
		put.Type = history.Invoke
		if i%2 == 1 {
			put.Type = history.OK
		}
		s.Observe(&put)
	}
}

// BenchmarkDraw is what it costs for each look, five times a second.
func BenchmarkDraw(b *testing.B) {
	s := sample().s
	for b.Loop() {
		c := s.Clone()
		_ = Render(c, c.Now, 120, 40)
	}
}
