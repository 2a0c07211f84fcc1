package sweep

import (
	"fmt"
	"image/color"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
	"github.com/faultline-chaos/faultline/results/figure"
)

// DefaultsFigure draws when survivors detected and when a new leader committed first, a panel for each
// number of members and a colour for each system, with the 95 % band of Dvoretzky, Kiefer and Wolfowitz,
// and the expected quantiles as rings. Its Name is "" where nothing was measured.
func DefaultsFigure(runtime string, ds []DefaultResult) (figure.Figure, error) {
	var charts []*figure.Chart
	at, systems := map[int]*figure.Chart{}, map[string]int{}
	for _, d := range ds {
		if len(d.WriteReady.Values)+len(d.WriteReady.Bounds) == 0 {
			continue
		}
		p := at[d.Members]
		if p == nil {
			p = &figure.Chart{
				Title: fmt.Sprintf("%d members on %s, default timeouts", d.Members, runtime),
				X:     figure.Axis{Title: "milliseconds from the death of the leader", Min: 500, Max: 2500}, Y: figure.Axis{Max: 1},
			}
			at[d.Members] = p
			charts = append(charts, p)
		}
		if _, ok := systems[d.System]; !ok {
			systems[d.System] = len(systems)
		}
		p.Series = append(p.Series, d.curves(figure.Palette[systems[d.System]%len(figure.Palette)])...)
	}
	if len(charts) == 0 {
		return figure.Figure{}, nil
	}
	charts[0].Y.Title = "share of failovers in which it had happened"
	for _, d := range ds {
		if p := at[d.Members]; p != nil {
			delete(at, d.Members)
			p.Series = append(p.Series, d.Expected.points()...)
		}
	}
	return figure.Charts("defaults", max(520, 500*len(charts)), 420, [][]*figure.Chart{charts})
}

func (d DefaultResult) curves(col color.NRGBA) []figure.Series {
	detection := figure.Series{Name: fmt.Sprintf("%s: detection (%s)", d.System, d.Detection.Count()), Color: col, Width: 1.2, Dashed: true, Points: d.Detection.Stairs(0)}
	commit := figure.Series{Name: fmt.Sprintf("%s: first commit (%s)", d.System, d.WriteReady.Count()), Color: col, Width: 1.8, Points: d.WriteReady.Stairs(0)}
	band := figure.Series{Color: col, Fill: true}
	if n := len(d.WriteReady.Values); n > 0 && len(d.WriteReady.Bounds) == 0 {
		wide := statistics.DKW(n)
		commit.Name += fmt.Sprintf(", band ±%.2f", wide)
		lower := d.WriteReady.Stairs(-wide)
		slices.Reverse(lower)
		band.Color.A, band.Points = 0x28, append(d.WriteReady.Stairs(wide), lower...)
	}
	return slices.DeleteFunc([]figure.Series{detection, band, commit}, func(s figure.Series) bool { return len(s.Points) == 0 })
}

// points are what is expected.
func (e Expected) points() []figure.Series {
	look := figure.Series{Color: figure.Palette[6]}
	detection, commit := look, look
	detection.Name, detection.Glyph, detection.Points = "expected detection: p50", figure.Square, []figure.Point{{X: ms(e.Detection), Y: 0.5}}
	commit.Name, commit.Glyph = "expected first commit: p50, p90, p99", figure.Ring
	commit.Points = []figure.Point{{X: ms(e.Commit50), Y: 0.5}, {X: ms(e.Commit90), Y: 0.9}, {X: ms(e.Commit99), Y: 0.99}}
	return []figure.Series{detection, commit}
}

// Count is such as "n = 60" or "n = 58, 2 censored".
func (s Sample) Count() string {
	out := fmt.Sprintf("n = %d", len(s.Values))
	if c := len(s.Bounds); c > 0 {
		out += fmt.Sprintf(", %d censored", c)
	}
	return out
}

// Stairs are the steps of a distribution function in milliseconds, moved up or down and kept between 0 and 1.
func (s Sample) Stairs(up float64) []figure.Point {
	var out []figure.Point
	clip := func(y float64) float64 { return min(1, max(0, y+up)) }
	last := 0.0
	for _, step := range s.CDF() {
		x := max(ms(step.At), 0.01) // axes may be logarithmic
		out = append(out, figure.Point{X: x, Y: clip(last)}, figure.Point{X: x, Y: clip(step.P)})
		last = step.P
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// DefaultsCSV is every failover's phases, in milliseconds: the chart's data.
func DefaultsCSV(ds []DefaultResult) ([]byte, error) {
	rows := [][]string{{"system", "members", "phase", "ms", "censored"}}
	for _, d := range ds {
		for _, x := range []struct {
			name string
			s    Sample
		}{{"detection", d.Detection}, {"election", d.Election}, {"first commit", d.WriteReady}, {"outage of writes", d.Sample()}} {
			for i, part := range [][]time.Duration{x.s.Values, x.s.Bounds} {
				for _, v := range slices.Sorted(slices.Values(part)) {
					rows = append(rows, []string{d.System, fmt.Sprint(d.Members), x.name, CSVMillis(v), fmt.Sprint(i == 1)})
				}
			}
		}
	}
	return EncodeCSV(rows)
}
