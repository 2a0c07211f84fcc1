package recipes

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// untouched judges that what nobody wrote is not there: a checker that a workload names.
type untouched struct{}

func (untouched) Name() string { return "untouched" }

func (untouched) Check(_ context.Context, h history.History) history.Verdict {
	answered := 0
	for i, op := range h.Ops {
		if op.F != "look" || op.Type != history.OK {
			continue
		}
		var v look
		if err := json.Unmarshal(op.Value, &v); err != nil {
			return history.Verdict{Reason: fmt.Sprintf("line %d: %v", i+1, err)}
		}
		if v.Found {
			return history.Verdict{Validity: history.Invalid, Reason: v.Key + " is there, and nobody wrote it", Evidence: []int{i}}
		}
		answered++
	}
	if answered == 0 {
		return history.Verdict{Reason: "no read was answered"}
	}
	return history.Verdict{Validity: history.Valid, Reason: fmt.Sprintf("%d reads found nothing", answered)}
}

// campaigned judges runs whatever their workload is, and reads what not every system offers.
type campaigned struct{ untouched }

func (campaigned) Name() string { return "campaigned" }

func (campaigned) Needs() []checker.Need { return []checker.Need{checker.RaftLog} }

// JudgesRun says no where nothing would tell it anything.
func (c campaigned) JudgesRun(r checker.RunFacts) history.Checker {
	if len(r.Faults) == 0 {
		return nil
	}
	return c
}

func (campaigned) Check(_ context.Context, h history.History) history.Verdict {
	for _, lines := range h.Logs {
		if len(lines) > 0 {
			return history.Verdict{Validity: history.Valid, Reason: "the members wrote logs"}
		}
	}
	return history.Verdict{Reason: "no member wrote a log"}
}

func TestChecker(t *testing.T) {
	line := func(value string) history.Op {
		return history.Op{Type: history.OK, F: "look", Value: json.RawMessage(value)}
	}
	for name, c := range map[string]struct {
		ops  []history.Op
		want history.Validity
	}{
		"valid":   {[]history.Op{line(`{"key":"k","found":false}`)}, history.Valid},
		"invalid": {[]history.Op{line(`{"key":"k","found":true}`)}, history.Invalid},
		"unknown": {nil, history.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			v := checker.Run(t.Context(), []history.Checker{untouched{}}, history.History{Ops: c.ops})
			require.Equal(t, c.want, v[0].Validity)
			require.Equal(t, "untouched", v[0].Checker)
		})
	}
	s := onSim()
	s.Faults = []string{"kill"}
	entry := checker.Entry{Name: "campaigned", Doc: "members wrote logs", New: func() history.Checker { return campaigned{} }}
	out := perform(t, s, scenario.Options{Checkers: []checker.Entry{entry}})
	require.Equal(t, history.Valid, verdictOf(t, out.Analysis.Run, "campaigned").Validity)
	for _, name := range []string{results.SummaryFile, results.ReportFile, results.JUnitFile} {
		require.Contains(t, file(t, out, name), "campaigned", name)
	}
}
