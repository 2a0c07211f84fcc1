package live

import (
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Cell is the time that one mark of a sparkline stands for.
const Cell = 250 * time.Millisecond

// lastAnswers is the number of answers that quantiles are computed from.
const lastAnswers = 512

// cell is what ended in one Cell of time.
type cell struct {
	ended         [3]int // of the workload's calls: ok, failed, unknown
	writes, reads mark
}

// mark is what the calls of one kind saw in a cell.
type mark struct {
	ok, bad int
	slowest time.Duration // of those that were answered
}

// Latency is what is known of one kind of call: of probes, where the run has any, from when they were
// due, and else of the workload's.
type Latency struct {
	last    []time.Duration // of the newest answers, in a ring
	n       int             // answers so far
	lastOK  time.Duration   // when the newest came
	Longest time.Duration   // between two answers that followed each other
}

func (l Latency) clone() Latency {
	l.last = slices.Clone(l.last)
	return l
}

func (l *Latency) answered(at, took time.Duration) {
	if len(l.last) < lastAnswers {
		l.last = append(l.last, took)
	} else {
		l.last[l.n%lastAnswers] = took
	}
	if l.n > 0 {
		l.Longest = max(l.Longest, at-l.lastOK)
	}
	l.n++
	l.lastOK = at
}

// Quantiles are of the newest answers, at most lastAnswers; false: there was none.
func (l *Latency) Quantiles() (p50, p99 time.Duration, ok bool) {
	n := len(l.last)
	if n == 0 {
		return 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(l.last))
	return sorted[(n-1)/2], sorted[(99*n+99)/100-1], true
}

// Outage is how long no call of the kind was answered, where that is longer than patience; 0: it is
// not, or no call ever was.
func (l *Latency) Outage(now, patience time.Duration) time.Duration {
	if l.n == 0 || now-l.lastOK <= patience {
		return 0
	}
	return now - l.lastOK
}

func (s *State) client(op *history.Op) {
	if op.Type == history.Invoke {
		due := op.Time
		if op.Sched > 0 {
			due = op.Sched
		}
		s.open[op.Process] = openCall{due, op.Kind, op.Probe()}
		return
	}
	o, known := s.open[op.Process]
	if !known {
		return
	}
	delete(s.open, op.Process)
	c := s.cellAt(op.Time)
	if op.Rejected {
		s.Rejected++ // the system served it: no failure, and no work either
		return
	}
	if !o.probe {
		s.Counts[op.Type]++
		c.ended[typeIndex(op.Type)]++
	}
	if o.probe != s.Plan.Probed || s.Phase == history.PhaseFinal {
		return // final reads are not what is timed
	}
	var l *Latency
	var m *mark
	switch o.kind {
	case history.KindWrite:
		l, m = &s.Writes, &c.writes
	case history.KindRead:
		l, m = &s.Reads, &c.reads
	default:
		return
	}
	if op.Type != history.OK {
		m.bad++
		return
	}
	m.ok++
	m.slowest = max(m.slowest, op.Time-o.due)
	l.answered(op.Time, op.Time-o.due)
}

func typeIndex(t history.Type) int {
	switch t {
	case history.OK:
		return 0
	case history.Fail:
		return 1
	}
	return 2
}

// cellAt is the cell of a time that is not before any it was asked for, to within what is kept.
func (s *State) cellAt(t time.Duration) *cell {
	n := int(t / Cell)
	if len(s.cells) == 0 {
		s.first = n
	}
	if n-s.first-len(s.cells) >= maxCells { // nothing of the old ones is left
		s.cells, s.first = s.cells[:0], n
	}
	for s.first+len(s.cells) <= n {
		if len(s.cells) == maxCells {
			s.cells = append(s.cells[:0], s.cells[maxCells/2:]...)
			s.first += maxCells / 2
		}
		s.cells = append(s.cells, cell{})
	}
	return &s.cells[max(0, n-s.first)]
}

// Rates are the ends of the workload's calls a second, ok, failed and unknown, over the last whole
// second or what there was of it.
func (s *State) Rates(now time.Duration) (rates [3]float64) {
	const cells = int(time.Second / Cell)
	last := int(now / Cell) // still filled
	from := max(last-cells, s.first)
	if last <= from {
		return rates
	}
	for i := from; i < last; i++ {
		if n := i - s.first; n < len(s.cells) {
			for k, v := range s.cells[n].ended {
				rates[k] += float64(v)
			}
		}
	}
	for k := range rates {
		rates[k] /= (time.Duration(last-from) * Cell).Seconds()
	}
	return rates
}

// window is the n cells before the one in which now is, the oldest first; fewer at the start. Cells in
// which nothing ended are there, too.
func (s *State) window(now time.Duration, n int) []cell {
	last := int(now / Cell)
	from := max(last-n, s.first)
	if len(s.cells) == 0 || last <= from {
		return nil
	}
	out := make([]cell, last-from)
	for i := range out {
		if k := from + i - s.first; k < len(s.cells) {
			out[i] = s.cells[k]
		}
	}
	return out
}
