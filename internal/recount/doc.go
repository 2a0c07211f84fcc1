// Package recount computes the numbers of a run again, from the run's files alone: run.json,
// history.jsonl and logs. It shares no code with package results, and reads nothing that results wrote;
// definitions are those of docs/failovers.md, done the plain way: each number by a loop over all
// lines. Tests compare it with the analysis that the page, the terminal and summary.md show, and with
// failovers.jsonl. How numbers are put into words is not its subject: golden files hold that.
package recount

import (
	"fmt"
	"strconv"
	"time"
)

// Values are the numbers of a run by the names that they have as JSON: "Episodes.e1.writes.took".
// Durations are nanoseconds. What was not seen has no value.
type Values map[string]string

// Of computes the values of the run in a folder.
func Of(dir string) (Values, error) {
	r, err := read(dir)
	if err != nil {
		return nil, err
	}
	v := Values{}
	v.put("End", r.end)
	v.calls(r)
	for _, f := range r.faults {
		v.fault("Faults."+f.ID+".", f)
	}
	r.findEpisodes()
	r.findCalm()
	for _, e := range r.episodes {
		r.measure(e)
		v.episode(r, e)
	}
	v.baseline(r)
	v.probes(r)
	v.controls(r)
	v.statistics(r)
	return v, nil
}

// put sets a value, but not that of a pointer that is nil.
func (v Values) put(name string, value any) {
	switch x := value.(type) {
	case *time.Duration:
		if x != nil {
			v[name] = strconv.FormatInt(int64(*x), 10)
		}
	case time.Duration:
		v[name] = strconv.FormatInt(int64(x), 10)
	default:
		v[name] = fmt.Sprint(x)
	}
}

// some sets a value that is left out where it is empty.
func (v Values) some(name string, value any) {
	if s := fmt.Sprint(value); s != "" && s != "0" && s != "0s" && s != "false" {
		v.put(name, value)
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func key(format string, args ...any) string { return fmt.Sprintf(format, args...) }
