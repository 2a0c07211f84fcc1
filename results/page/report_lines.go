package page

import (
	"strings"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

type refView struct{ Ref, File, Line string }

// refViewOf finds the line that a reference names.
func refViewOf(a *failover.Analysis, ref string) refView {
	ref, _, _ = strings.Cut(ref, " ")
	file, n, ok := splitRef(ref)
	v := refView{Ref: ref, File: file}
	if !ok {
		return v
	}
	if v.File == results.HistoryFile {
		if n <= len(a.History.Ops) {
			v.Line = strings.TrimSpace(string(a.History.Ops[n-1].AppendJSON(nil)))
		}
		return v
	}
	node := strings.TrimSuffix(strings.TrimPrefix(v.File, results.LogsDir+"/"), ".log")
	if lines := a.History.Logs[history.NodeID(node)]; n <= len(lines) {
		v.Line = lines[n-1].Text
	}
	return v
}

// Number is the line's number alone.
func (v refView) Number() string { return v.Ref[strings.LastIndexByte(v.Ref, ':')+1:] }

// lineViews refer to lines of the history; 0 is none.
func lineViews(a *failover.Analysis, lines ...int) []refView {
	var out []refView
	for _, l := range lines {
		if l > 0 {
			out = append(out, refViewOf(a, failover.LineRef(l)))
		}
	}
	return out
}
