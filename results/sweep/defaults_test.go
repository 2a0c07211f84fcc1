package sweep

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// expectedCell is a cell that is as expected, scaled.
func expectedCell(members int, scale float64) Result {
	r := Result{Cell: Cell{"etcd", members, 0, DefaultTimeout, DefaultHeartbeat}}
	for _, e := range ExpectedDefaults() {
		if e.Members != members {
			continue
		}
		for i := range 100 {
			at := func(p50, p90 time.Duration) time.Duration {
				d := p50
				if i >= 85 {
					d = p90
				}
				return time.Duration(scale * float64(d))
			}
			r.Detection.Values = append(r.Detection.Values, at(e.Detection, e.Detection))
			r.Election.Values = append(r.Election.Values, at(e.election50, e.elected90))
			r.WriteReady.Values = append(r.WriteReady.Values, at(e.Commit50, e.Commit90))
		}
	}
	return r
}

func TestJudgeDefaults(t *testing.T) {
	censored := expectedCell(3, 1)
	censored.WriteReady = Sample{Values: censored.WriteReady.Values[:80], Bounds: censored.WriteReady.Values[80:]}
	broken := expectedCell(3, 1)
	broken.Problem = "it broke"
	cases := []struct {
		name   string
		r      Result
		within bool
		words  string
	}{
		{"as expected", expectedCell(3, 1), true, "all within 15 %"},
		{"5 members", expectedCell(5, 1), true, "all within 15 %"},
		{"14 % slower", expectedCell(3, 1.14), true, "all within 15 %"},
		{"16 % slower", expectedCell(3, 1.16), false, "NOT within 15 %: detection p50, election p50, election p90, first commit p50, first commit p90"},
		{"16 % faster", expectedCell(5, 0.84), false, "NOT within 15 %"},
		{"a tenth is open", censored, false, "NOT within 15 %: first commit p90"},
		{"nothing", Result{Cell: expectedCell(3, 1).Cell}, false, "NOT within 15 %"},
		{"broken", broken, false, "NOT within"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, ok := JudgeDefaults(c.r)
			require.True(t, ok)
			require.Equal(t, c.within, d.Within)
			require.Equal(t, c.within, AllDefaultsWithin([]DefaultResult{d}))
			require.Contains(t, d.String(), c.words)
			_, err := DefaultsFigure("local", []DefaultResult{d})
			require.NoError(t, err)
		})
	}
	other := expectedCell(3, 1)
	other.Timeout *= 2
	_, ok := JudgeDefaults(other)
	require.False(t, ok, "of other timeouts nothing is known")
	require.False(t, AllDefaultsWithin(nil), "nothing is no success")

	d, _ := JudgeDefaults(expectedCell(3, 1))
	figure, err := DefaultsFigure("local", []DefaultResult{d})
	require.NoError(t, err)
	require.Contains(t, string(figure.SVG), "etcd: first commit (n = 100), band ±0.14")
	table, err := DefaultsCSV([]DefaultResult{d})
	require.NoError(t, err)
	require.Equal(t, 301, strings.Count(string(table), "\n"))
	require.Len(t, DefaultRows([]DefaultResult{d}), 6)
}
