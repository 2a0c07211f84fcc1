package checker

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// TestGolden judges the histories of testdata, a file a checker. Each file has histories of every
// verdict that the checker can give. Rewrite with: go test ./checker -run TestGolden -rewrite
func TestGolden(t *testing.T) {
	never := map[string][]history.Validity{ // verdicts that a checker never gives
		"coverage":   {history.Invalid},
		"all-healed": {history.Invalid},
	}
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			seen := map[history.Validity]bool{}
			datadriven.RunTest(t, filepath.Join("testdata", e.Name), func(t *testing.T, d *datadriven.TestData) string {
				h, err := runScript(d.Input)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				c := e.New()
				if d.HasArg("no-faults-asked") {
					c = Coverage{NoFaultsAsked: true}
				}
				if d.HasArg("overlapping") {
					c = Coverage{Overlapping: true}
				}
				if d.HasArg("reads-only") {
					c = Coverage{Ops: []history.OpKind{{Name: "get-serializable", Kind: history.KindRead}}}
				}
				if d.HasArg("stale") {
					c = SetFull{Stale: true}
				}
				if d.HasArg("no-negative") {
					c = Bank{NoNegative: true}
				}
				if _, ok := c.(Anomalies); ok {
					a := Anomalies{}
					d.MaybeScanArgs(t, "level", &a.Level)
					a.LinearizableKeys, a.SequentialKeys = d.HasArg("linearizable-keys"), d.HasArg("sequential-keys")
					c = a
				}
				v := Run(t.Context(), []history.Checker{c}, h)[0]
				require.Equal(t, d.Cmd, v.Validity.String(), "%s: %s", d.Pos, v.Reason)
				seen[v.Validity] = true
				return render(v)
			})
			for _, v := range []history.Validity{history.Valid, history.Invalid, history.Unknown} {
				require.NotEqual(t, seen[v], slices.Contains(never[e.Name], v), "histories that are %s", v)
			}
		})
	}
}

func render(v history.Verdict) string {
	var b strings.Builder
	fmt.Fprintln(&b, v.Reason)
	if len(v.Evidence) > 0 {
		fmt.Fprintln(&b, "evidence:", strings.Trim(fmt.Sprint(v.Evidence), "[]"))
	}
	for _, m := range v.Story {
		fmt.Fprintf(&b, "  %s %s %v\n", seconds(m.At), m.Text, m.Ops)
	}
	for name, page := range v.Artifacts {
		fmt.Fprintf(&b, "artifact: %s, %t\n", name, strings.Contains(string(page), "<html"))
	}
	return b.String()
}
