package sim

import (
	"math/rand/v2"
	"time"
)

// weather is how hostile a run's surroundings are, in shares of the messages between members.
type weather struct {
	loss, double, slow float64
	trip               float64 // after any message, its sender loses power
	pivotal            float64 // likewise, after one that binds its sender
	pivot              Pivot   // nil: no message does
}

// latest is how late a slow message is, at most.
const latest = 300 * time.Millisecond

// drawWeather draws one kind or several, so that runs differ in what goes wrong.
func drawWeather(r *rand.Rand) (w weather) {
	for _, x := range []struct {
		field  *float64
		shares []float64
	}{
		{&w.loss, []float64{0, 0.02, 0.1}},
		{&w.double, []float64{0, 0.05}},
		{&w.slow, []float64{0, 0.1}},
		{&w.trip, []float64{0, 0.0005}},
		{&w.pivotal, []float64{0, 0.5}},
	} {
		*x.field = x.shares[r.IntN(len(x.shares))]
	}
	return w
}

func (w *weather) loses(r *rand.Rand) bool   { return r.Float64() < w.loss }
func (w *weather) doubles(r *rand.Rand) bool { return r.Float64() < w.double }

func (w *weather) trips(r *rand.Rand, message any) bool {
	p := w.trip
	if w.pivot != nil && w.pivot.Pivotal(message) {
		p = max(p, w.pivotal)
	}
	return r.Float64() < p
}

func (w *weather) delay(r *rand.Rand) time.Duration {
	if r.Float64() >= w.slow {
		return 0
	}
	return time.Duration(r.Int64N(int64(latest)))
}
