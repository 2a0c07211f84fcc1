package sim

import (
	"math/rand/v2"
	"time"
)

// Delay is a distribution: Min plus something exponential, so that it is Mean in the mean.
type Delay struct{ Min, Mean time.Duration }

func (d Delay) or(other Delay) Delay {
	if d == (Delay{}) {
		return other
	}
	return d
}

func (d Delay) draw(r *rand.Rand) time.Duration {
	return d.Min + time.Duration(r.ExpFloat64()*float64(d.Mean-d.Min))
}
