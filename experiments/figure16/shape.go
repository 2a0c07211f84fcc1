package figure16

import (
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// Shape says whether two samples may be of one distribution: the two-sample test of Kolmogorov and
// Smirnov at 5 %.
type Shape struct {
	N        int     `json:"n"`        // measured
	M        int     `json:"m"`        // of the model
	Distance float64 `json:"distance"` // the largest between the two distribution functions
	Critical float64 `json:"critical"` // the test's at 5 %: 1.358*sqrt((n+m)/(n*m))
	Alike    bool    `json:"alike"`    // Distance is at most Critical, and there is something to compare
}

// KS compares two samples up to the shortest censored value, beyond which one of them is not known.
func KS(a, b sweep.Sample) Shape {
	s := Shape{N: len(a.Values) + len(a.Bounds), M: len(b.Values) + len(b.Bounds)}
	if s.N == 0 || s.M == 0 {
		return s
	}
	limit := statistics.Endless
	for _, d := range append(append([]time.Duration{}, a.Bounds...), b.Bounds...) {
		limit = min(limit, d)
	}
	s.Distance, s.Critical = statistics.KolmogorovSmirnov(a.CDF(), b.CDF(), s.N, s.M, limit)
	s.Alike = s.Distance <= s.Critical
	return s
}

func (s Shape) String() string {
	switch {
	case s.N == 0 || s.M == 0:
		return "shape: nothing to compare"
	case s.Alike:
		return fmt.Sprintf("shape as the model's (KS %.3f, at most %.3f)", s.Distance, s.Critical)
	}
	return fmt.Sprintf("shape NOT as the model's (KS %.3f, at most %.3f)", s.Distance, s.Critical)
}

// word is for tables.
func (s Shape) word() string {
	switch {
	case s.N == 0 || s.M == 0:
		return "not compared"
	case s.Alike:
		return "alike"
	}
	return "NOT alike"
}
