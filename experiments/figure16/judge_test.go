package figure16

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/sweep"
)

const milli = time.Millisecond

func upTo(n int) (out []time.Duration) {
	for i := range n {
		out = append(out, time.Duration(i+1)*milli)
	}
	return out
}

// TestJudge holds samples whose quantiles are known against a line made of the same.
func TestJudge(t *testing.T) {
	line := Line{
		Min: 10 * milli, Max: 20 * milli, Tolerance: 0.10, Cap: time.Second, Judged: true,
		Paper: sweep.Figures{P10: 10 * milli, P50: 50 * milli, P90: 90 * milli, Max: 100 * milli, Mean: 50500 * time.Microsecond},
	}
	scaled := func(f float64, times int) sweep.Sample {
		s := sweep.Sample{}
		for range times {
			for _, d := range upTo(100) {
				s.Values = append(s.Values, time.Duration(f*float64(d)))
			}
		}
		return s
	}
	oneTail := scaled(1, 100)
	for i := range oneTail.Values { // p90 moves, the median does not
		if i%100 >= 89 {
			oneTail.Values[i] *= 2
		}
	}
	censored := scaled(1, 100)
	censored.Values, censored.Bounds = censored.Values[:9999], censored.Values[9999:]
	cases := []struct {
		name   string
		s      sweep.Sample
		off    []string
		word   string
		broken bool
	}{
		{"the same", scaled(1, 100), nil, "yes", false},
		{"9 % slower", scaled(1.09, 100), nil, "yes", false},
		{"15 % slower", scaled(1.15, 100), []string{"p50", "p90", "mean"}, "NO", true},
		{"15 % faster", scaled(0.85, 100), []string{"p50", "p90", "mean"}, "NO", true},
		{"15 % slower, few trials", scaled(1.15, 1), []string{"p50", "p90", "mean"}, "cannot tell", false},
		{"twice as slow, few trials", scaled(2, 1), []string{"p50", "p90", "mean"}, "NO", true},
		{"a longer tail", oneTail, []string{"p90", "mean"}, "NO", true},
		{"a censored one leaves the mean open", censored, []string{"mean"}, "cannot tell", false},
		{"nothing", sweep.Sample{}, []string{"p50", "p90", "mean"}, "NO", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := line.Judge(c.s)
			require.NoError(t, err)
			var off []string
			for _, k := range r.Checks {
				if !k.Within {
					off = append(off, k.What)
				}
			}
			require.Equal(t, c.off, off)
			require.Equal(t, c.word == "yes", r.Within)
			within, broken := Verdict([]Result{r})
			require.Equal(t, c.word == "yes", within)
			require.Equal(t, c.broken, broken)
			require.Equal(t, c.word == "NO", strings.Contains(r.String(), "NOT within 10 %"))
			require.Equal(t, c.word == "cannot tell", strings.Contains(r.String(), "cannot tell with n = "))
			require.Equal(t, c.word, rows([]Result{r})[1][10])
		})
	}
	within, _ := Verdict(nil)
	require.False(t, within, "nothing is no success")
	r, err := line.Judge(scaled(1, 1))
	require.NoError(t, err)
	coarse := r.Measuring(Ruler{})
	within, broken := Verdict([]Result{coarse})
	require.False(t, within || broken, "what was not judged proves nothing")
	require.Contains(t, coarse.String(), "paper: not judged: nothing was measured")
	line.Judged = false
	r, err = line.Judge(scaled(3, 1))
	require.NoError(t, err)
	within, broken = Verdict([]Result{r})
	require.False(t, within || broken, "what is only shown proves nothing")
	require.Contains(t, r.String(), "shown only")
}

// TestTooCoarse: a line is judged where the machine is more exact than what is to be told apart.
func TestTooCoarse(t *testing.T) {
	line := map[string]Line{}
	for _, l := range Lines() {
		line[l.Name()] = l
	}
	ruler := func(late, delay time.Duration) Ruler {
		return Ruler{Late: []time.Duration{late / 2, late, late}, Delays: []time.Duration{delay}}
	}
	const us = time.Microsecond
	for _, c := range []struct {
		line, want string
		r          Ruler
	}{
		{"150-300", "", ruler(2*milli, 4*milli)},
		{"150-300", "a tenth of the timers were more than 9.00 ms late, beside a median of 171 ms", ruler(9*milli, 4*milli)},
		{"150-151", "", ruler(400*us, 4*milli)},
		{"150-151", "a tenth of the timers were more than 0.60 ms late, and timeouts differ by 1ms only", ruler(600*us, 4*milli)},
		{"12-24", "a tenth of the timers were more than 1.60 ms late", ruler(1600*us, 4*milli)},
		{"150-300", "messages took 6.00 ms in the mean, where 4.00 ms were asked for", ruler(us, 6*milli)},
		{"150-300", "nothing was measured", Ruler{}},
	} {
		got := line[c.line].TooCoarse(c.r)
		if c.want == "" {
			require.Empty(t, got)
		} else {
			require.Contains(t, got, c.want)
		}
	}
	m := ruler(100*milli, 4*milli).Model(line["150-300"])
	s := m.Sample(rand.New(rand.NewPCG(1, 2)), 200)
	require.Greater(t, s.Figures().P50, 200*milli, "timers that are late take longer")
}

// TestFigure16: what was read from the paper's curves has the quantiles that were read from them before.
func TestFigure16(t *testing.T) {
	for _, l := range Lines() {
		s, err := l.Own()
		require.NoError(t, err)
		require.Len(t, s.Values, l.Trials)
		f := s.Figures()
		for _, c := range []struct{ got, want time.Duration }{{f.P50, l.Paper.P50}, {f.P90, l.Paper.P90}, {f.Mean, l.Paper.Mean}, {f.Max, l.Paper.Max}} {
			require.InDelta(t, c.want, c.got, 0.01*float64(c.want)+float64(milli), "%s: %v", l.Name(), f) // those are whole milliseconds
		}
		require.True(t, KS(s, s).Alike)
		r, err := l.Judge(s)
		require.NoError(t, err)
		require.Zero(t, r.Paper.Distance)
		require.Equal(t, l.Judged, r.word() == "yes", "the paper is within its own tolerance")
	}
	_, err := parseCurves("12-24 soon\n")
	require.ErrorContains(t, err, "line 12-24")
}

func TestLines(t *testing.T) {
	lines := Lines()
	require.Len(t, lines, 10)
	judged := 0
	for _, l := range lines {
		p := l.Paper
		require.LessOrEqual(t, l.Min, l.Max)
		require.IsNonDecreasing(t, []time.Duration{p.P10, l.Interval[0], p.P50, l.Interval[1], p.P90, p.Max}, l.Name())
		if l.Judged {
			judged++
			require.Positive(t, l.Tolerance)
		}
	}
	require.Equal(t, 9, judged)
}

func TestFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var rs []Result
	for i, l := range Lines() {
		s := sweep.Sample{}
		for range 50 {
			s.Values = append(s.Values, l.Min+time.Duration(r.Int64N(int64(l.Min))))
		}
		if i == 9 {
			s = sweep.Sample{Bounds: []time.Duration{l.Cap, l.Cap}}
		}
		r, err := l.Judge(s)
		require.NoError(t, err)
		r = r.Beside(s)
		if i < 2 {
			r = r.Measuring(Ruler{Late: []time.Duration{milli}, Delays: []time.Duration{4 * milli}})
		}
		rs = append(rs, r)
	}
	require.Contains(t, rs[0].String(), "; shape as the model's (KS 0.000, at most 0.272); lateness: timers 1.00 ms late at p90, messages 4.00 ms in the mean")
	require.Contains(t, rs[2].String(), "; shape as the model's (KS 0.000, at most 0.272); paper: ")
	curves, err := curvesCSV(rs)
	require.NoError(t, err)
	require.Contains(t, string(curves), "150-155,paper,287.600,0.5000")
	require.Equal(t, 9*50*2+9*1000+100+1, strings.Count(string(curves), "\n"), "every step of all curves")
	data, err := resultsJSON(rs)
	require.NoError(t, err)
	var back []struct {
		Shape Shape
		Line  string `json:"timeouts_ms"`
	}
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, rs[3].Shape, back[3].Shape)
	f, err := drawing("sim", rs)
	require.NoError(t, err)
	require.Contains(t, string(f.SVG), "150-155 ms (n = 50)")
	require.Contains(t, string(f.SVG), "2 censored")
	require.Contains(t, string(f.SVG), "the paper&#39;s own trials")
	require.True(t, strings.HasPrefix(string(f.PNG), "\x89PNG"))
	table, err := resultsCSV(rs)
	require.NoError(t, err)
	require.Equal(t, 11, strings.Count(string(table), "\n"))
}
