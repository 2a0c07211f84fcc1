// Package recount computes the numbers of a run's report again, from the run's files alone: run.json,
// history.jsonl and logs. It shares no code with package results, and reads nothing that results wrote;
// definitions are those of docs/failovers.md, done the plain way: each number by a loop over all
// lines. Tests hold the page, the words of figures, the terminal's summary and the job's (summary.md) against it.
package recount

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Values are texts as they must stand on the page, by the names that the page gives them in data-v.
type Values map[string]string

// none stands where a value was not seen.
const none = "–"

// Of computes the values of the run in a folder.
func Of(dir string) (Values, error) {
	r, err := read(dir)
	if err != nil {
		return nil, err
	}
	v := Values{"const.sustained": "5", "const.confidence": "95 %", "const.p90": "10", "const.p99": "100", "const.interval": "6", "const.key": "0"}
	v.about(r)
	v.faults(r)
	v.calls(r)
	r.findEpisodes()
	r.findCalm()
	for _, e := range r.episodes {
		r.measure(e)
		v.episode(r, e)
	}
	v.probes(r)
	v.controls(r)
	v.statistics(r)
	v.terminal(r)
	v.summaries(r)
	v.figures(r)
	return v, nil
}

func (v Values) int(name string, n int) { v[name] = thousands(n) }

func (v Values) span(name string, d time.Duration) { v[name] = span(d) }

func (v Values) maybe(name string, d *time.Duration) {
	if d == nil {
		v[name] = none
		return
	}
	v[name] = span(*d)
}

// span is a duration with three digits or so.
func span(d time.Duration) string {
	ms := d.Seconds() * 1000
	size := ms
	if size < 0 {
		size = -size
	}
	if size >= 10000 {
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	digits := 2
	if size >= 10 {
		digits = 1
	}
	if size >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(float64(d)/1e6, 'f', digits, 64) + " ms"
}

func moment(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s" }

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func some(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < 32 || r >= 127 && r < 160 {
			return ' '
		}
		return r
	}, s)), " ")
}

func key(format string, args ...any) string { return fmt.Sprintf(format, args...) }
