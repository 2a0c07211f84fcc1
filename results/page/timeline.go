package page

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/format"
)

// timelineMeta is what the page's script knows beside the columns of calls. Times are microseconds
// since the start of the run. web/data.js reads it.
type timelineMeta struct {
	End      int64         `json:"end"`
	Load     int64         `json:"load"` // when the final reads begin, which come all at once
	Calls    int           `json:"calls"`
	Probes   int           `json:"probes"`
	Bin      int64         `json:"bin"`
	Bins     int           `json:"bins"`
	Scale    scaleMeta     `json:"scale"`
	Lanes    []laneMeta    `json:"lanes"` // in the order of the run's nodes
	Faults   []faultMeta   `json:"faults"`
	Marks    []markMeta    `json:"marks"`
	Leaders  []leaderMeta  `json:"leaders"`
	Table    callTable     `json:"table"`
	ProbesOf callTable     `json:"probesTable"`
	Text     []excerptFile `json:"text"`
}

type (
	// scaleMeta is the range of the log scale of latencies, in decades of microseconds.
	scaleMeta struct {
		Lo int `json:"lo"`
		Hi int `json:"hi"`
	}
	laneMeta struct {
		Node     history.NodeID `json:"node"`
		Segments []segmentMeta  `json:"segments"`
		Cuts     [][2]int64     `json:"cuts"`
	}
	segmentMeta struct {
		From  int64          `json:"from"`
		To    int64          `json:"to"`
		State failover.State `json:"state"`
		Term  uint64         `json:"term,omitempty"`
		Ref   string         `json:"ref,omitempty"`
	}
	faultMeta struct {
		From   int64  `json:"from"`
		To     int64  `json:"to"`
		Label  string `json:"label"`
		Leader bool   `json:"leader"`
		Landed bool   `json:"landed"`
		Ref    string `json:"ref"`
	}
	markMeta struct {
		At    int64  `json:"at"`
		Label string `json:"label"`
	}
	leaderMeta struct {
		From int64          `json:"from"`
		To   int64          `json:"to"`
		Node history.NodeID `json:"node"`
		Term uint64         `json:"term"`
		Ref  string         `json:"ref"`
	}
)

// timelineSection is what the page's canvas and panel show.
type timelineSection struct {
	Timeline  timelineMeta // as JSON
	Calls     template.HTML
	Probes    template.HTML
	Bins      template.HTML
	Excerpts  excerpts
	EndMicros int64
	Jumps     []jump
}

type jump struct {
	From, To int64
	Label    string
}

// timeline fills in what the page's canvas and panel show.
func timeline(a *failover.Analysis, p *reportPage) error {
	width, bins := timeBins(a)
	m := &p.Timeline
	*m = timelineMeta{
		End: a.End.Microseconds(), Load: a.LoadEnd().Microseconds(), Calls: len(a.WorkloadCalls), Probes: len(a.ProbeCalls), Bin: width.Microseconds(), Bins: len(bins), Scale: scaleOf(a.WorkloadCalls, a.ProbeCalls),
		Lanes: laneMetas(a), Faults: faultMetas(a), Marks: markMetas(a), Leaders: []leaderMeta{},
		Table: callTable{Fs: []string{}, Errors: []string{}}, ProbesOf: callTable{Fs: []string{}, Errors: []string{}},
	}
	for _, l := range a.Leaderships {
		m.Leaders = append(m.Leaders, leaderMeta{l.From.Microseconds(), l.To.Microseconds(), l.Node, l.Term, l.Ref})
	}
	p.EndMicros = a.End.Microseconds()
	for i := range a.Episodes {
		e := &a.Episodes[i]
		from, to := e.Begin()-300*time.Millisecond, e.T0+2*time.Second
		if e.Writes.Back != nil {
			to = e.Writes.Back.At + 300*time.Millisecond
		}
		p.Jumps = append(p.Jumps, jump{from.Microseconds(), to.Microseconds(), e.ID + " " + e.Cause()})
	}
	var err error
	if p.Calls, err = packCalls(a, a.WorkloadCalls, &m.Table); err != nil {
		return err
	}
	if p.Probes, err = packCalls(a, a.ProbeCalls, &m.ProbesOf); err != nil {
		return err
	}
	if p.Bins, err = packBins(bins); err != nil {
		return err
	}
	// Words and figures come to less than what is set aside for them here.
	used := len(p.Calls) + len(p.Probes) + len(p.Bins) + 2<<20
	used += p.figureSection.size()
	if p.Excerpts, err = excerptsOf(a, max(0, min(maxExcerpts, maxPage-used))); err != nil {
		return err
	}
	m.Text = p.Excerpts.Have
	return nil
}

// scaleOf holds every latency.
func scaleOf(lists ...[]failover.Call) scaleMeta {
	fastest, slowest := int64(0), int64(1)
	for _, calls := range lists {
		for i := range calls {
			us := (calls[i].To - calls[i].From).Microseconds()
			if us > 0 && (fastest == 0 || us < fastest) {
				fastest = us
			}
			slowest = max(slowest, us)
		}
	}
	if fastest == 0 {
		return scaleMeta{Lo: 3, Hi: 6} // 1 ms to 1 s
	}
	lo := int(math.Floor(math.Log10(float64(fastest))))
	return scaleMeta{Lo: lo, Hi: max(lo+1, int(math.Ceil(math.Log10(float64(slowest)*1.01))))}
}

func laneMetas(a *failover.Analysis) []laneMeta {
	out := []laneMeta{}
	for i, l := range a.Lanes {
		d := laneMeta{Node: a.Run.Nodes[i], Segments: []segmentMeta{}, Cuts: [][2]int64{}}
		for _, s := range l {
			d.Segments = append(d.Segments, segmentMeta{s.From.Microseconds(), s.To.Microseconds(), s.State, s.Term, s.Ref})
		}
		for j := range a.Faults {
			if f := &a.Faults[j]; f.Landed() && f.Affects(d.Node) && f.Effect.Traits().Apart {
				d.Cuts = append(d.Cuts, [2]int64{f.EffectStart.Microseconds(), f.End(a.End).Microseconds()})
			}
		}
		out = append(out, d)
	}
	return out
}

func faultMetas(a *failover.Analysis) []faultMeta {
	out := []faultMeta{}
	for i := range a.Faults {
		if f := &a.Faults[i]; len(f.Nodes) > 0 {
			out = append(out, faultMeta{f.EffectStart.Microseconds(), f.End(a.End).Microseconds(), f.Label(), f.HitLeader, f.Landed(), failover.LineRef(f.Line)})
		}
	}
	return out
}

func markMetas(a *failover.Analysis) []markMeta {
	out := []markMeta{}
	mark := func(at time.Duration, label string) { out = append(out, markMeta{at.Microseconds(), label}) }
	for i := range a.Episodes {
		e := &a.Episodes[i]
		mark(e.T0, e.ID+" t0")
		add := func(m *failover.Mark, name string) {
			if m != nil {
				mark(m.At, fmt.Sprintf("%s %s +%s", e.ID, name, format.MS(m.At-e.T0)))
			}
		}
		add(e.Detected, "detected")
		add(e.Elected, "elected")
		if e.CommitBy == "log" {
			add(e.Committed, "first commit")
		}
		add(e.FirstPut, "first put")
		add(e.FirstGet, "first get")
	}
	return out
}
