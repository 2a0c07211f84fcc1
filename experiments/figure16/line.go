package figure16

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/results/sweep"
)

// Line is one line of figure 16 of the Raft paper (extended version): crashes of a leader with
// election timeouts uniform between Min and Max. Its numbers were recovered from the author's vector
// figures and agree with those of the text within 1 ms.
type Line struct {
	Min, Max  time.Duration
	Trials    int              // in the paper
	Paper     sweep.Figures    // P99 is 0 where it is not known
	Interval  [2]time.Duration // that sampling alone leaves to the paper's median, with 95 %
	Tolerance float64          // of median, p90 and mean, as a share of the paper's
	Cap       time.Duration    // a trial is given up after so long, and censored
	Judged    bool             // else it is only shown
}

// Name is such as 150-155.
func (l Line) Name() string {
	return fmt.Sprintf("%d-%d", l.Min.Milliseconds(), l.Max.Milliseconds())
}

// Lines are all lines, from the widest scale to the narrowest range. The last, whose timeouts are
// not random at all, takes most of a minute a trial and is capped: it is shown and not judged.
func Lines() []Line {
	line := func(low, high int, tolerance float64, ms ...int) Line {
		d := func(i int) time.Duration { return time.Duration(ms[i]) * time.Millisecond }
		return Line{
			Min: time.Duration(low) * time.Millisecond, Max: time.Duration(high) * time.Millisecond, Trials: 1000,
			Paper:    sweep.Figures{N: 1000, P10: d(0), P50: d(1), P90: d(2), P99: d(3), Max: d(4), Mean: d(5)},
			Interval: [2]time.Duration{d(6), d(7)}, Tolerance: tolerance, Cap: 60 * time.Second, Judged: true,
		}
	}
	lines := []Line{
		line(12, 24, 0.10, 20, 30, 53, 87, 152, 35, 29, 31),
		line(25, 50, 0.10, 31, 43, 74, 119, 276, 48, 42, 44),
		line(50, 100, 0.10, 48, 67, 96, 169, 253, 71, 65, 68),
		line(100, 200, 0.10, 85, 120, 166, 277, 335, 125, 117, 123),
		line(150, 300, 0.10, 125, 171, 244, 415, 603, 181, 168, 175),
		line(150, 200, 0.10, 111, 146, 194, 352, 512, 156, 143, 149),
		line(150, 175, 0.10, 107, 141, 291, 467, 610, 164, 139, 144),
		line(150, 155, 0.25, 119, 287, 609, 1242, 2143, 345, 282, 295),
		line(150, 151, 0.25, 434, 1199, 3132, 6013, 8231, 1536, 1165, 1325),
		line(150, 150, 0, 19969, 41104, 84933, 0, 527964, 54552, 36615, 50090),
	}
	last := &lines[len(lines)-1]
	last.Trials, last.Paper.N, last.Judged = 100, 100, false
	return lines
}

//go:embed figure16.txt
var curvesText string

// curves is every trial of a line in the paper, read from the author's own vector figures.
var curves = sync.OnceValues(func() (map[string]sweep.Sample, error) { return parseCurves(curvesText) })

func parseCurves(text string) (map[string]sweep.Sample, error) {
	out := map[string]sweep.Sample{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		var s sweep.Sample
		for _, f := range fields[1:] {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return nil, fmt.Errorf("read line %s of figure 16: %w", fields[0], err)
			}
			s.Values = append(s.Values, time.Duration(v*float64(time.Millisecond)))
		}
		out[fields[0]] = s
	}
	return out, nil
}

// Own are the paper's own trials of the line; none where they are not known.
func (l Line) Own() (sweep.Sample, error) {
	all, err := curves()
	return all[l.Name()], err
}
