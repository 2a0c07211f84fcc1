package page

import (
	"encoding/csv"
	"errors"
	"html/template"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
)

// maxBins bounds the bins of the longest runs: eleven hours have bins of 100 ms, longer runs wider
// ones.
const maxBins = 400_000

// timeBin is what calls saw in one bin of time. Ended counts calls of the workload by when they
// ended; the rest is about those that were due in the bin.
type timeBin struct {
	ended         failover.Counts
	due           failover.Counts
	p50, p99, max time.Duration // latency of those that ended ok; 0: none did
	probes        failover.Counts
	probeP50      time.Duration
	probeMax      time.Duration
}

// timeBins are without gaps from 0.
func timeBins(a *failover.Analysis) (width time.Duration, bins []timeBin) {
	width = failover.Bin
	for a.End/width >= maxBins {
		width *= 2
	}
	bins = make([]timeBin, int(a.End/width)+1)
	for i := range a.WorkloadCalls {
		if c := &a.WorkloadCalls[i]; c.Done > 0 && c.To <= a.End {
			bins[c.To/width].ended.Add(c)
		}
	}
	eachBin(a.WorkloadCalls, width, len(bins), func(n int, all failover.Counts, ok []time.Duration) {
		b := &bins[n]
		b.due = all
		if len(ok) > 0 {
			b.p50, b.p99, b.max = rank(ok, 0.5), rank(ok, 0.99), ok[len(ok)-1]
		}
	})
	eachBin(a.ProbeCalls, width, len(bins), func(n int, all failover.Counts, ok []time.Duration) {
		b := &bins[n]
		b.probes = all
		if len(ok) > 0 {
			b.probeP50, b.probeMax = rank(ok, 0.5), ok[len(ok)-1]
		}
	})
	return width, bins
}

// eachBin visits the bins in which calls were due, with the sorted latencies of those that ended ok.
// Calls are in the order in which they were due.
func eachBin(calls []failover.Call, width time.Duration, bins int, visit func(n int, all failover.Counts, ok []time.Duration)) {
	var ok []time.Duration
	for i := 0; i < len(calls); {
		n := min(int(calls[i].From/width), bins-1)
		var all failover.Counts
		ok = ok[:0]
		for ; i < len(calls) && min(int(calls[i].From/width), bins-1) == n; i++ {
			all.Add(&calls[i])
			if calls[i].Type == history.OK {
				ok = append(ok, calls[i].To-calls[i].From)
			}
		}
		slices.Sort(ok)
		visit(n, all, ok)
	}
}

// rank is the nearest-rank quantile of sorted values.
func rank(v []time.Duration, q float64) time.Duration {
	return v[max(0, min(len(v)-1, int(q*float64(len(v))+0.999999)-1))]
}

// packBins makes the columns of the page's rates and latencies: ended ok, failed and unknown, p50,
// p99 and the longest in µs.
func packBins(bins []timeBin) (template.HTML, error) {
	var c columns
	for _, get := range []func(*timeBin) int64{
		func(b *timeBin) int64 { return int64(b.ended.OK) },
		func(b *timeBin) int64 { return int64(b.ended.Failed) },
		func(b *timeBin) int64 { return int64(b.ended.Unknown) },
		func(b *timeBin) int64 { return b.p50.Microseconds() },
		func(b *timeBin) int64 { return b.p99.Microseconds() },
		func(b *timeBin) int64 { return b.max.Microseconds() },
	} {
		c.add(len(bins), func(i int) uint32 { return uint32(min(get(&bins[i]), 1<<32-1)) })
	}
	return c.pack()
}

// writeTables writes the data of the timeline's charts. Times are in seconds since the start of the
// run, latencies in milliseconds; an empty cell was not seen.
func writeTables(f *results.Folder, a *failover.Analysis) error {
	width, bins := timeBins(a)
	return errors.Join(
		writeTable(f, results.RatesCSV, []string{"from_s", "to_s", "ok", "failed", "unknown", "probes_ok", "probes_failed", "probes_unknown"}, func(row func(...string)) {
			for i := range bins {
				b := &bins[i]
				row(at(width*time.Duration(i)), at(width*time.Duration(i+1)), num(b.ended.OK), num(b.ended.Failed), num(b.ended.Unknown), num(b.probes.OK), num(b.probes.Failed), num(b.probes.Unknown))
			}
		}),
		writeTable(f, results.LatencyCSV, []string{"from_s", "to_s", "due", "ok", "p50_ms", "p99_ms", "max_ms", "probes_due", "probes_ok", "probes_p50_ms", "probes_max_ms"}, func(row func(...string)) {
			for i := range bins {
				b := &bins[i]
				row(at(width*time.Duration(i)), at(width*time.Duration(i+1)), num(b.due.All()), num(b.due.OK), took(b.p50), took(b.p99), took(b.max), num(b.probes.All()), num(b.probes.OK), took(b.probeP50), took(b.probeMax))
			}
		}),
		writeTable(f, results.RolesCSV, []string{"member", "from_s", "to_s", "role", "term", "line"}, func(row func(...string)) {
			for _, lane := range a.Lanes {
				for _, s := range lane {
					term := ""
					if s.Term > 0 {
						term = strconv.FormatUint(s.Term, 10)
					}
					row(string(s.Node), at(s.From), at(s.To), string(s.State), term, s.Ref)
				}
			}
		}),
		writeTable(f, results.FaultsCSV, []string{"id", "fault", "target", "members", "issued_s", "effect_s", "end_s", "landed", "hit_leader", "line"}, func(row func(...string)) {
			for i := range a.Faults {
				x := &a.Faults[i]
				row(x.ID, x.Fault, string(x.Target), failover.JoinNodes(x.Nodes), at(x.Issued), at(x.EffectStart), at(x.End(a.End)), strconv.FormatBool(x.Landed()), strconv.FormatBool(x.HitLeader), failover.LineRef(x.Line))
			}
		}),
		writeTable(f, results.CallsCSV, []string{"due_s", "took_ms", "kind", "f", "member", "process", "call", "outcome", "error", "line", "done_line"}, func(row func(...string)) {
			callRows(a, "call", a.WorkloadCalls, row)
			callRows(a, "probe", a.ProbeCalls, row)
		}),
	)
}

func callRows(a *failover.Analysis, kind string, calls []failover.Call, row func(...string)) {
	for i := range calls {
		c := &calls[i]
		op := &a.History.Ops[c.Line-1]
		call, done := "", ""
		if op.Call > 0 {
			call = num(op.Call)
		}
		if c.Done > 0 {
			done = num(c.Done)
		}
		row(at(c.From), took(max(1, c.To-c.From)), kind, c.F, string(c.Node), num(op.Process), call, string(c.Type), c.Err, num(c.Line), done)
	}
}

func writeTable(f *results.Folder, name string, head []string, rows func(row func(...string))) error {
	return f.Stream(name, func(to io.Writer) error {
		w := csv.NewWriter(to)
		err := w.Write(head)
		rows(func(cells ...string) {
			if err == nil {
				err = w.Write(cells)
			}
		})
		w.Flush()
		return errors.Join(err, w.Error())
	})
}

func num(n int) string { return strconv.Itoa(n) }

// at is a moment in seconds, to the nanosecond.
func at(t time.Duration) string { return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) }

// took is a latency in milliseconds; empty for none.
func took(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatFloat(figure.Milliseconds(d), 'f', -1, 64)
}
