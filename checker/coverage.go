package checker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Coverage judges whether a run could have shown anything: a run that proved nothing must not count
// as passed. It is Unknown if a planned fault was not injected, if there was no fault, if no call
// overlapped a fault, or if clients got no answers during the faults or after them. It is
// never Invalid.
type Coverage struct {
	// NoFaultsAsked means that the run was planned without faults; otherwise their absence is Unknown.
	NoFaultsAsked bool
	// Overlapping says that the schedule lets faults overlap: then some cannot find whom to hit, as a
	// leader while the majority is gone, and it is enough that half of them land.
	Overlapping bool
	// MinKeys is how many keys must have been read; 0 means 2. It is not asked of reads whose values have a
	// form that is not known here: their keys are not known either.
	MinKeys int
	// Ops are the kinds of ops that the workload makes; nil: reads and writes. What it does not make is not
	// missed.
	Ops []history.OpKind
}

// Name is coverage.
func (Coverage) Name() string { return "coverage" }

// JudgesRun with a workload.
func (Coverage) JudgesRun(r RunFacts) history.Checker {
	if r.Script {
		return nil
	}
	return Coverage{NoFaultsAsked: len(r.Faults) == 0, Overlapping: r.overlap(), Ops: r.Ops}
}

// Check reads all ops.
func (c Coverage) Check(_ context.Context, h history.History) history.Verdict {
	list, err := faults(h.Ops)
	if err != nil {
		return malformed(err)
	}
	calls, err := attempts(h.Ops)
	if err != nil {
		return malformed(err)
	}
	begun, err := phases(h.Ops)
	if err != nil {
		return malformed(err)
	}
	s := survey{ops: h.Ops, faults: list, calls: calls, begun: begun}
	gaps := append(s.landing(c), s.answers(c)...)
	if n, all := s.keysRead(); all && c.makes(history.KindRead) && n < cmp.Or(c.MinKeys, 2) {
		gaps = append(gaps, fmt.Sprintf("clients read only %s", count(n, "key")))
	}
	if len(gaps) > 0 {
		return unknown("the run proves too little: %s", strings.Join(gaps, "; "))
	}
	return valid("%s", s.landed())
}

type survey struct {
	ops    []history.Op
	faults []*fault
	calls  []attempt
	begun  map[history.Phase]int
}

// landing lists the reasons why faults were no test.
func (s *survey) landing(c Coverage) (gaps []string) {
	landed := 0
	for _, f := range s.faults {
		switch {
		case f.landed():
			landed++
			if f.leaderTarget() && (f.Leader == "" || !slices.Contains(f.Nodes, f.Leader)) {
				gaps = append(gaps, fmt.Sprintf("fault %s did not hit a leader", f))
			}
			if f.failed != "" {
				gaps = append(gaps, fmt.Sprintf("fault %s failed while it lasted: %s", f, f.failed))
			}
		case len(f.Nodes) == 0:
			gaps = append(gaps, fmt.Sprintf("fault %s: no member matched the target: %s", f, f.why()))
		default:
			gaps = append(gaps, fmt.Sprintf("fault %s had no confirmed effect: %s", f, f.why()))
		}
	}
	if c.Overlapping && 2*landed >= len(s.faults) {
		gaps = nil
	}
	switch {
	case len(s.faults) == 0 && !c.NoFaultsAsked:
		gaps = append(gaps, "no fault was injected")
	case landed > 0 && s.overlapping() == 0:
		gaps = append(gaps, "no call overlapped a fault")
	}
	return gaps
}

func (f *fault) leaderTarget() bool {
	return slices.Contains(strings.Split(string(f.Target), "+"), string(history.TargetLeader))
}

func (f *fault) why() string {
	if f.problem == "" {
		return "the run ended first"
	}
	return f.problem
}

// makes reports whether the workload makes ops of this kind.
func (c Coverage) makes(kind history.Kind) bool {
	return c.Ops == nil || slices.ContainsFunc(c.Ops, func(o history.OpKind) bool { return o.Kind == kind })
}

// answers lists the kinds of answers that clients did not get in the phases that matter.
func (s *survey) answers(c Coverage) (gaps []string) {
	start, ok := s.begun[history.PhaseFaults]
	if !ok {
		return []string{"the run ended before its faults phase"}
	}
	healed, ok := s.begun[history.PhaseRecover]
	if !ok {
		return []string{"the run ended before everything was healed"}
	}
	for _, p := range []struct {
		name     string
		from, to int
	}{{"during the faults phase", start, healed}, {"after it", healed, len(s.ops)}} {
		reads, writes := s.answered(p.from, p.to)
		if reads == 0 && c.makes(history.KindRead) {
			gaps = append(gaps, "no read succeeded "+p.name)
		}
		if writes == 0 && c.makes(history.KindWrite) {
			gaps = append(gaps, "no write succeeded "+p.name)
		}
	}
	return gaps
}

// answered counts the calls that began and succeeded between two positions.
func (s *survey) answered(from, to int) (reads, writes int) {
	for _, a := range s.calls {
		if a.outcome != history.OK || a.invoke < from || a.done >= to {
			continue
		}
		t := s.touched(a)
		if len(t.read) > 0 || t.unknown {
			reads++
		}
		if t.wrote {
			writes++
		}
	}
	return reads, writes
}

// touch is what an answered call read, and whether it changed something.
type touch struct {
	read    []string // keys; of a set or a bank, which are read whole, elements or accounts
	unknown bool     // it read keys, and which is not known here
	wrote   bool
}

// touched knows the forms of some values. Of others it knows what the workload says: that they read, or
// write.
func (s *survey) touched(a attempt) (t touch) {
	switch op := &s.ops[a.done]; op.Form() {
	case history.FormGet:
		if v, err := op.Register(); err == nil {
			t.read = []string{v.Key}
		}
	case history.FormCAS:
		v, err := op.Register()
		t.wrote = err == nil && v.DidSwap()
	case history.FormTxn:
		t.read, t.wrote = touchedByTxn(op)
	case history.FormRead:
		v, _ := history.Decode[history.SetValue](op) // what is damaged is for others to tell
		for _, e := range v.Elements {
			t.read = append(t.read, string(e))
		}
	case history.FormBalances:
		v, _ := history.Decode[history.BankValue](op)
		t.read, _ = v.Accounts()
	case history.FormTransfer:
		v, err := history.Decode[history.BankValue](op)
		t.wrote = err == nil && (v.Done == nil || *v.Done)
	default:
		t.unknown = s.ops[a.invoke].Kind == history.KindRead
		t.wrote = !t.unknown
	}
	return t
}

func touchedByTxn(op *history.Op) (read []string, wrote bool) {
	v, err := op.Txn()
	if err != nil {
		return nil, false
	}
	for _, o := range v.Ran() {
		if len(o) < 2 {
			continue
		}
		text, _ := history.JSONText(o[0])
		switch kind := history.TxnKind(text); {
		case kind == history.TxnGet:
			read = append(read, string(o[1]))
		case kind == history.TxnRange && len(o) > 3:
			var rows [][]json.RawMessage
			_ = json.Unmarshal(o[3], &rows) // what is damaged is for others to tell
			for _, row := range rows {
				if len(row) > 0 {
					read = append(read, string(row[0]))
				}
			}
		default:
			wrote = wrote || kind != history.TxnRange
		}
	}
	return read, wrote
}

// keysRead counts the keys that were read; all: there are no others that are not known.
func (s *survey) keysRead() (n int, all bool) {
	keys := map[string]bool{}
	all = true
	for _, a := range s.calls {
		if a.outcome == history.OK {
			t := s.touched(a)
			all = all && !t.unknown
			for _, k := range t.read {
				keys[k] = true
			}
		}
	}
	return len(keys), all
}

// overlapping counts the calls that were open at some time while a fault had its effect.
func (s *survey) overlapping() (n int) {
	for _, a := range s.calls {
		if slices.ContainsFunc(s.faults, func(f *fault) bool {
			return f.landed() && a.done > f.landedAt && a.invoke < f.until(s.ops)
		}) {
			n++
		}
	}
	return n
}

// landed is what the run showed.
func (s *survey) landed() string {
	if len(s.faults) == 0 {
		return fmt.Sprintf("no faults were scheduled; %s of clients", count(len(s.calls), "call"))
	}
	landed, leaders := 0, 0
	for _, f := range s.faults {
		if !f.landed() {
			continue
		}
		landed++
		if f.Leader != "" && slices.Contains(f.Nodes, f.Leader) {
			leaders++
		}
	}
	missed := ""
	if n := len(s.faults) - landed; n > 0 {
		missed = fmt.Sprintf(" (%d without effect)", n)
	}
	return fmt.Sprintf("%s injected%s, %d on the leader and %d not; another leader took over %s; %d of %s overlapped a fault",
		count(landed, "fault"), missed, leaders, landed-leaders, count(s.successions(), "time"), s.overlapping(), count(len(s.calls), "call"))
}

// successions counts how often the poller saw a leader other than the one before, in a higher term.
func (s *survey) successions() (n int) {
	var leader history.NodeID
	var term uint64
	for i := range s.ops {
		v, ok := status(&s.ops[i])
		if !ok || v.Role != history.Leader || v.Term <= term {
			continue
		}
		if leader != "" && leader != s.ops[i].Node {
			n++
		}
		leader, term = s.ops[i].Node, v.Term
	}
	return n
}
