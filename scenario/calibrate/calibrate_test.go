package calibrate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results"
)

// TestJudgeStalls: which measurements make outage timing inaccurate.
func TestJudgeStalls(t *testing.T) {
	const ms = time.Millisecond
	readings := func(measured ...time.Duration) (out []reading) {
		for _, m := range measured {
			out = append(out, reading{length: 50 * ms, measured: m, found: m > 0, unprompted: m > 60*ms})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		of      []reading
		want    results.Stall
		trouble string
	}{
		{"exact", readings(52*ms, 58*ms, 49*ms), results.Stall{Length: 50 * ms, N: 3, Read: 3, Median: 52 * ms, Low: -ms, High: 8 * ms}, ""},
		{"too long", readings(52*ms, 71*ms), results.Stall{Length: 50 * ms, N: 2, Read: 2, Median: 52 * ms, Low: 2 * ms, High: 21 * ms, Unasked: 1}, "the error is too large"},
		{"too short", readings(29*ms, 52*ms), results.Stall{Length: 50 * ms, N: 2, Read: 2, Median: 29 * ms, Low: -21 * ms, High: 2 * ms}, "the error is too large"},
		{"missed", readings(0, 52*ms), results.Stall{Length: 50 * ms, N: 2, Read: 1, Median: 52 * ms, Low: 2 * ms, High: 2 * ms}, "1 were not measured"},
		{"none", readings(0, 0), results.Stall{Length: 50 * ms, N: 2}, "none was measured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := stallOf(50*ms, c.of)
			require.Equal(t, c.want, got)
			require.Equal(t, c.trouble, stallTrouble(got, 20*ms))
		})
	}
}
