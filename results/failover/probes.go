package failover

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
)

// Probing is what the open-loop probes of a run saw, and how exactly they measure outages.
type Probing struct {
	Every     time.Duration  `json:"every"`    // harness.Probe.Every: the longest time between probes of one kind through any majority
	Timeout   time.Duration  `json:"timeout"`  // of a probe, from when it was due; 0: not recorded
	Step      time.Duration  `json:"step"`     // from one probe of one kind to the next, through another member
	Period    time.Duration  `json:"period"`   // from one probe of one kind to the next through the same member
	Calls     Counts         `json:"calls"`    // by how they ended
	Unsent    *int           `json:"unsent"`   // probes that were due but skipped; null: the run ended before it was recorded
	LateMax   *time.Duration `json:"late_max"` // the latest that one was sent; null as Unsent
	PerSecond float64        `json:"per_second"`

	// Latency from when a probe was due, while no fault was active or had ended within two election
	// timeouts: what the probes' own work costs shows here first.
	Quiet int           `json:"quiet"` // how many probes these are
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`

	WriteDebt time.Duration `json:"write_debt"` // from the first acknowledged probe on: probes without timely success times Step
	ReadDebt  time.Duration `json:"read_debt"`
	Gaps      []Gap         `json:"gaps,omitempty"`  // every time without service, explained by an episode or not
	Holes     []Hole        `json:"holes,omitempty"` // times in which none was sent, in the order of time
}

// Gap is a time in which probes of one kind failed through unaffected members: from when the
// last that succeeded before was due to the first success of Sustained in a row.
type Gap struct {
	Reads bool           `json:"reads"`
	From  time.Duration  `json:"from"`
	To    time.Duration  `json:"to"`
	Took  time.Duration  `json:"took"`
	Slack *time.Duration `json:"slack,omitempty"` // as Outage.Slack
	Open  bool           `json:"open,omitempty"`  // it had not ended when probing did: Took is a bound
	// Episode is the failover in which it falls, by its id; empty: it has another reason.
	Episode string `json:"episode,omitempty"`
	LastRef string `json:"last_ref"`           // FILE:LINE of the last success before
	BackRef string `json:"back_ref,omitempty"` // FILE:LINE of the first success after
}

// probing is nil where the run had no probes. Probes are in the order in which they were due.
func probing(run results.Run, ops []history.Op, probes []Call, faults []Injected, end time.Duration) *Probing {
	if len(probes) == 0 {
		return nil
	}
	p := &Probing{Every: run.ProbeEvery, Timeout: run.ProbeTimeout}
	n := time.Duration(max(1, len(run.Nodes)))
	if p.Step = history.ProbeStep(p.Every, int(n)); p.Every <= 0 {
		p.Step = max(spacing(probes)/n, time.Microsecond)
		p.Every = p.Step * ((n-1)/2 + 1)
	}
	p.Period = p.Step * n
	for i := len(ops) - 1; i >= 0; i-- {
		var v history.ProbesValue
		if op := &ops[i]; op.Process == history.HarnessProcess && op.F == history.FProbes && json.Unmarshal(op.Value, &v) == nil {
			p.Unsent, p.LateMax = &v.Unsent, &v.LateMax
			break
		}
	}
	for i := range probes {
		p.Calls.Add(&probes[i])
	}
	first, last := probes[0].From, probes[len(probes)-1].From
	if span := last - first; span > 0 {
		p.PerSecond = float64(len(probes)-1) / span.Seconds()
	}
	p.latency(run, probes, faults, end)
	p.WriteDebt, p.ReadDebt = p.debt(probes, false, 0, last+1), p.debt(probes, true, 0, last+1)
	p.Gaps = append(gaps(probes, false), gaps(probes, true)...)
	p.Holes = p.holes(probes)
	slices.SortStableFunc(p.Gaps, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return p
}

// spacing is the shortest time between two probes of one kind through one member.
func spacing(probes []Call) time.Duration {
	type lane struct {
		node history.NodeID
		read bool
	}
	last := map[lane]time.Duration{}
	least := time.Duration(0)
	for i := range probes {
		k := lane{probes[i].Node, probes[i].Is(true)}
		if t, ok := last[k]; ok && (least == 0 || probes[i].From-t < least) {
			least = probes[i].From - t
		}
		last[k] = probes[i].From
	}
	return least
}

func (p *Probing) latency(run results.Run, probes []Call, faults []Injected, end time.Duration) {
	timeout := run.ElectionTimeout
	if timeout <= 0 {
		timeout = time.Second
	}
	served := false
	var took []time.Duration
	for i := range probes {
		c := &probes[i]
		served = served || c.Type == history.OK
		if served && !slices.ContainsFunc(faults, func(f Injected) bool {
			return len(f.Nodes) > 0 && f.Issued <= c.To && c.From < f.End(end)+2*timeout
		}) {
			took = append(took, c.To-c.From)
		}
	}
	slices.Sort(took)
	if p.Quiet = len(took); p.Quiet > 0 {
		p.P50, p.P99 = took[(p.Quiet-1)/2], took[(99*p.Quiet+99)/100-1]
	}
}

// debt is the time that probes of one kind, due in [from, until) and after the first success, were
// without timely success: those due less those that succeeded, times Step. Unsent ones were due.
func (p *Probing) debt(probes []Call, reads bool, from, until time.Duration) time.Duration {
	ok := 0
	begin, last := time.Duration(-1), time.Duration(0)
	for i := range probes {
		c := &probes[i]
		if !c.Is(reads) {
			continue
		}
		good := c.Type == history.OK
		if begin < 0 && good {
			begin = max(from, c.From)
		}
		if begin < 0 || c.From < from || c.From >= until {
			continue
		}
		last = c.From
		if good {
			ok++
		}
	}
	if begin < 0 || last < begin {
		return 0
	}
	due := int((last-begin)/p.Step) + 1
	return time.Duration(max(0, due-ok)) * p.Step
}

// gaps finds every time without service of one kind.
func gaps(probes []Call, reads bool) []Gap {
	var out []Gap
	var good, bad *Call // the last success before, and the first failure since
	row, back := 0, 0
	for i := range probes {
		c := &probes[i]
		if !c.Is(reads) || !c.Unharmed {
			continue
		}
		switch {
		case c.Type != history.OK:
			if row = 0; bad == nil && good != nil {
				bad = c
			}
		case bad == nil:
			good = c
		default:
			if row++; row == 1 || c.To < probes[back].To {
				back = i
			}
			if row == Sustained {
				back = earliest(probes, i, back)
				b := &probes[back]
				out = append(out, Gap{Reads: reads, From: good.From, To: b.To, Took: b.To - good.From, Slack: probeSlack(probes, back), LastRef: LineRef(good.Line), BackRef: LineRef(b.Done)})
				good, bad, row = c, nil, 0
			}
		}
	}
	if bad != nil {
		last := &probes[len(probes)-1]
		out = append(out, Gap{Reads: reads, From: good.From, To: last.From, Took: last.From - good.From, Open: true, LastRef: LineRef(good.Line)})
	}
	return out
}

// explain names the failover in which each gap falls: from its begin until clients were served again
// and the old leader had been back for two election timeouts.
func (p *Probing) explain(eps []Episode, timeout time.Duration) {
	for i := range p.Gaps {
		g := &p.Gaps[i]
		for j := range eps {
			if e := &eps[j]; g.To >= e.Begin() && g.From < e.over(timeout) {
				g.Episode = e.ID
				break
			}
		}
	}
}

// Outside are the gaps that no failover explains.
func (p *Probing) Outside() []Gap {
	return slices.DeleteFunc(slices.Clone(p.Gaps), func(g Gap) bool { return g.Episode != "" })
}

// probeSlack is from when the newest probe that had no answer before probes[back] had one was due to
// that answer: service may have been back that much earlier.
func probeSlack(probes []Call, back int) *time.Duration {
	b := &probes[back]
	for i := len(probes) - 1; i >= 0; i-- {
		c := &probes[i]
		if i == back || c.kind != b.kind || !c.Unharmed || c.From >= b.To || c.Type == history.OK && c.To < b.To {
			continue
		}
		d := b.To - c.From
		return &d
	}
	return nil
}

// partial is the time in which one member failed or kept waiting all its probes while another
// answered, in steps of Period. A probe that had to wait longer than a step asked in the step in which
// it was due, and was answered in that of its answer.
func (p *Probing) partial(probes []Call, from, until time.Duration) time.Duration {
	type members uint64
	ok, asked := map[time.Duration]members{}, map[time.Duration]members{} // by step
	bits := map[history.NodeID]members{}
	for i := range probes {
		c := &probes[i]
		if c.From < from || c.From >= until {
			continue
		}
		if _, known := bits[c.Node]; !known {
			bits[c.Node] = 1 << len(bits)
		}
		asked[(c.From-from)/p.Period] |= bits[c.Node]
		at := c.From
		if c.To-c.From > p.Period {
			at = c.To
		}
		if c.Type == history.OK && at < until {
			ok[(at-from)/p.Period] |= bits[c.Node]
		}
	}
	var sum time.Duration
	for step, who := range asked {
		if ok[step] != 0 && who&^ok[step] != 0 {
			sum += p.Period
		}
	}
	return sum
}

// Slack is the largest of all outages.
func (a *Analysis) Slack() (d time.Duration) {
	for i := range a.Episodes {
		for _, o := range []Outage{a.Episodes[i].Writes, a.Episodes[i].Reads} {
			if o.Slack != nil {
				d = max(d, *o.Slack)
			}
		}
	}
	return d
}

// LongestWait is the longest that a probe of one kind that succeeded and was due in [from, until) took,
// from when it was due.
func (a *Analysis) LongestWait(reads bool, from, until time.Duration) (d time.Duration) {
	for i := range a.ProbeCalls {
		if c := &a.ProbeCalls[i]; c.Is(reads) && c.Type == history.OK && c.From >= from && c.From < until {
			d = max(d, c.To-c.From)
		}
	}
	return d
}
