package page

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// shape is what the common JUnit schema (Jenkins' and windyroad's XSD, as GitHub's and GitLab's readers
// take it) allows of an element: attributes with those that must be there, and children in order.
type shape struct {
	required, optional string
	children           string
}

var junitShapes = map[string]shape{
	"testsuites": {"", "name time tests failures errors skipped disabled", "testsuite"},
	"testsuite":  {"name tests failures errors time", "id package timestamp hostname skipped disabled file", "properties testcase system-out system-err"},
	"properties": {"", "", "property"},
	"property":   {"name value", "", ""},
	"testcase":   {"name classname", "time status", "skipped error failure system-out system-err"},
	"skipped":    {"", "message type", ""},
	"error":      {"", "message type", ""},
	"failure":    {"", "message type", ""},
}

type counts struct{ tests, failures, errors, skipped int }

// validJUnit reads a file as a schema's validator does, and counts its cases against what it says.
func validJUnit(b []byte) error {
	d := xml.NewDecoder(strings.NewReader(string(b)))
	type open struct {
		name  string
		at    int // the child that was last, in the order allowed
		said  map[string]string
		cases counts
	}
	var path []open
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			name := e.Name.Local
			s, ok := junitShapes[name]
			if !ok || len(path) == 0 && name != "testsuites" {
				return fmt.Errorf("element %s is not allowed", name)
			}
			if len(path) > 0 {
				parent := &path[len(path)-1]
				at := slices.Index(strings.Fields(junitShapes[parent.name].children), name)
				if at < parent.at {
					return fmt.Errorf("%s is not allowed there in %s", name, parent.name)
				}
				parent.at = at
			}
			said := map[string]string{}
			for _, a := range e.Attr {
				said[a.Name.Local] = a.Value
				if !slices.Contains(strings.Fields(s.required+" "+s.optional), a.Name.Local) {
					return fmt.Errorf("%s has no attribute %s", name, a.Name.Local)
				}
			}
			for _, a := range strings.Fields(s.required) {
				if _, ok := said[a]; !ok {
					return fmt.Errorf("%s lacks %s", name, a)
				}
			}
			if at, ok := said["timestamp"]; ok {
				if _, err := time.Parse(time.RFC3339, at); err != nil {
					return err
				}
			}
			if took, ok := said["time"]; ok {
				if v, err := strconv.ParseFloat(took, 64); err != nil || v < 0 {
					return fmt.Errorf("time %q", took)
				}
			}
			path = append(path, open{name: name, said: said})
		case xml.EndElement:
			last := path[len(path)-1]
			path = path[:len(path)-1]
			switch last.name {
			case "testcase":
				last.cases.tests = 1
			case "failure":
				last.cases.failures = 1
			case "error":
				last.cases.errors = 1
			case "skipped":
				last.cases.skipped = 1
			}
			for attr, n := range map[string]int{"tests": last.cases.tests, "failures": last.cases.failures, "errors": last.cases.errors, "skipped": last.cases.skipped} {
				if strings.HasPrefix(last.name, "testsuite") && last.said[attr] != strconv.Itoa(n) && !(n == 0 && last.said[attr] == "") {
					return fmt.Errorf("%s says %s=%q, and there are %d", last.name, attr, last.said[attr], n)
				}
			}
			if len(path) > 0 {
				p := &path[len(path)-1].cases
				p.tests, p.failures, p.errors, p.skipped = p.tests+last.cases.tests, p.failures+last.cases.failures, p.errors+last.cases.errors, p.skipped+last.cases.skipped
			}
		}
	}
}

func TestJUnitIsAsTheSchemaWants(t *testing.T) {
	golden := func() failover.Analysis { run, h := synthetic.GoldenRun(); return failover.Analyze(run, h) }
	evil := golden()
	evil.Run.Verdicts[0].Validity, evil.Run.Verdicts[0].Reason = history.Invalid, "]]> \x00\x1b <a> & \"'"
	evil.Run.Workload, evil.Run.Error = "a\x00<b>", "broke ]]>"
	for name, list := range map[string][]Suite{
		"a run":     {func() Suite { a := golden(); return SuiteOf(&a) }()},
		"an empty":  {SuiteOf(&failover.Analysis{})},
		"evil":      {SuiteOf(&evil)},
		"a night":   {SuiteOf(&evil), Refused("chaos", "etcd", "local", 7, "powerfail"), Failed("x", "y", "z", 1, "no\x00Docker"), SuiteOf(&failover.Analysis{})},
		"no suites": nil,
	} {
		t.Run(name, func(t *testing.T) {
			b, err := JUnit(list)
			require.NoError(t, err)
			require.NoError(t, validJUnit(b), string(b))
		})
	}
	for _, wrong := range []string{
		`<testsuite/>`, `<testsuites><testcase/></testsuites>`, `<testsuites tests="1"></testsuites>`,
		`<testsuites><testsuite name="x" tests="0" failures="0" errors="0" time="x"/></testsuites>`,
	} {
		require.Error(t, validJUnit([]byte(wrong)), "the validator can fail")
	}
}

func TestCasesOfARunThatDidNotEndWell(t *testing.T) {
	for name, c := range map[string]struct {
		run  results.Run
		want string
	}{
		"violation": {results.Run{Verdict: history.Invalid}, "failure"},
		"broke":     {results.Run{Error: "no Docker"}, "error"},
		"unknown":   {results.Run{}, "skipped"},
		"both":      {results.Run{Verdict: history.Invalid, Error: "no Docker"}, "failure"},
	} {
		t.Run(name, func(t *testing.T) {
			a := failover.Analysis{Run: c.run}
			s := SuiteOf(&a).suite
			last := s.Testcases[len(s.Testcases)-1]
			got := "ok"
			switch {
			case last.Failure != nil:
				got = "failure"
			case last.Error != nil:
				got = "error"
			case last.Skipped != nil:
				got = "skipped"
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestMonstrousSummaries: whatever a run or a night holds, its summary is under GitHub's limit.
func TestMonstrousSummaries(t *testing.T) {
	run, h := synthetic.GoldenRun()
	long := strings.Repeat("`|\n*<ä\x00>]", 3000)
	run.Command, run.Error, run.HealProblem, run.System, run.Runtime = []string{long}, long, long, long, long
	for i := range 400 {
		run.Verdicts = append(run.Verdicts, history.Verdict{Checker: long, Validity: history.Invalid, Reason: long})
		run.Claims = append(run.Claims, results.Claim{Claim: fmt.Sprint(i, long), Measured: long})
	}
	a := failover.Analyze(run, h)
	for range 8_000 {
		a.Episodes = append(a.Episodes, a.Episodes[0])
	}
	rows := make([]SummaryRow, 5_000)
	for i := range rows {
		rows[i] = SummaryRow{Scenario: long[:100], System: "raftkv", Ended: "INVALID", Why: long, Run: long[:200]}
	}
	for name, b := range map[string][]byte{"a run": JobSummary(&a), "a night": SummaryOf(long[:300], rows, "./")} {
		require.Less(t, len(b), 1<<20, name)
		require.Greater(t, len(b), 1<<19, name)
		require.True(t, utf8.Valid(b), name)
	}
	require.Contains(t, string(SummaryOf("x", rows, "./")), "more\n")
}
