package failover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

func TestSummaryStatistics(t *testing.T) {
	s := Summary{}
	for i := range 10 {
		s.Values = append(s.Values, time.Duration(10-i)*synthetic.Sec)
	}
	s.Compute()
	require.Equal(t, []time.Duration{synthetic.Sec, 5500 * synthetic.Mil, 9 * synthetic.Sec, 10 * synthetic.Sec}, []time.Duration{s.Min, s.Median.At, s.P90.At, s.Max.At})
	require.Equal(t, [2]time.Duration{2 * synthetic.Sec, 9 * synthetic.Sec}, *s.Interval)
	require.Equal(t, Quantile{At: 10 * synthetic.Sec}, s.P99)
}

func TestSummaryOfCensoredValues(t *testing.T) {
	s := Summary{Values: []time.Duration{synthetic.Sec, 2 * synthetic.Sec, 3 * synthetic.Sec}, Bounds: []time.Duration{5 * synthetic.Sec}}
	s.Compute()
	require.Equal(t, Quantile{At: 2 * synthetic.Sec}, s.Median, "Kaplan and Meier: half of four were over")
	require.Equal(t, Quantile{5 * synthetic.Sec, true}, s.P90)
	require.Equal(t, "> 5000 ms", s.Max.String())
	require.Nil(t, s.Interval, "too few")
	s = Summary{Bounds: []time.Duration{4 * synthetic.Sec}}
	s.Compute()
	require.Equal(t, Quantile{4 * synthetic.Sec, true}, s.Median)
	for range 8 {
		s.Values = append(s.Values, 2*synthetic.Sec)
	}
	s.Compute() // ranks 2 and 8 of 9: the censored one is the last
	require.Equal(t, [2]time.Duration{2 * synthetic.Sec, 2 * synthetic.Sec}, *s.Interval)
}
