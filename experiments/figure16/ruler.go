package figure16

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/results/sweep"
)

// Ruler is how exact the times of a line on real processes are: a busy machine delays timers and
// messages, and nobody could tell its noise from the system's.
type Ruler struct {
	Delays []time.Duration // that messages really took, of what they were to take and what came on top
	Late   []time.Duration // of timers that fired: nothing asked for it
}

// RulerFigures are what is told of a ruler.
type RulerFigures struct {
	Messages                       int
	DelayMean, DelayP50, DelayP90  time.Duration
	Timers                         int
	LateP50, LateP90, LateP99, Max time.Duration // of timers
}

// Figures computes them.
func (r Ruler) Figures() RulerFigures {
	d, l := sweep.Sample{Values: r.Delays}.Figures(), sweep.Sample{Values: r.Late}.Figures()
	return RulerFigures{d.N, d.Mean, d.P50, d.P90, l.N, l.P50, l.P90, l.P99, l.Max}
}

func (f RulerFigures) String() string {
	return fmt.Sprintf("timers %s late at p90, messages %s in the mean", fine(f.LateP90), fine(f.DelayMean))
}

// fine prints milliseconds with two digits behind the point.
func fine(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// A ruler is too coarse for a line if a tenth of the timers are late by more than half of the range that
// timeouts are drawn from, or by more than half of what the paper's median may be off by; or if messages
// took so much longer than the law asks for that the paper's numbers cannot come out.
const (
	coarseRange = 0.5
	coarseOff   = 0.5
	coarseDelay = 1.25 // times the law's mean
)

// Where a line cannot be judged, a machine that does nothing else is what helps. Real-time priorities do
// not: with SCHED_FIFO threads of the Go runtime that wait for each other keep each other from running.

// TooCoarse says why a line cannot be judged with this ruler; "" if it can.
func (l Line) TooCoarse(r Ruler) string {
	f := r.Figures()
	switch {
	case f.Timers == 0 || f.Messages == 0:
		return "nothing was measured of the machine's own delay"
	case l.Max > l.Min && float64(f.LateP90) > coarseRange*float64(l.Max-l.Min):
		return fmt.Sprintf("a tenth of the timers were more than %s late, and timeouts differ by %v only", fine(f.LateP90), l.Max-l.Min)
	case float64(f.LateP90) > coarseOff*l.Tolerance*float64(l.Paper.P50):
		return fmt.Sprintf("a tenth of the timers were more than %s late, beside a median of %s", fine(f.LateP90), sweep.Millis(l.Paper.P50))
	case float64(f.DelayMean) > coarseDelay*float64(DelayMean):
		return fmt.Sprintf("messages took %s in the mean, where %s were asked for", fine(f.DelayMean), fine(DelayMean))
	}
	return ""
}

// Model is the paper's set-up on the machine that the ruler measured.
func (r Ruler) Model(l Line) Model {
	m := Model{Min: l.Min, Max: l.Max, Cap: l.Cap, Delay: drawDelay}
	if len(r.Delays) > 0 {
		m.Delay = pick(r.Delays)
	}
	if len(r.Late) > 0 {
		m.Late = pick(r.Late)
	}
	return m
}

func pick(from []time.Duration) func(*rand.Rand) time.Duration {
	from = slices.Clone(from)
	return func(r *rand.Rand) time.Duration { return from[r.IntN(len(from))] }
}
