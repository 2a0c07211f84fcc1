package page

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

// Suite is one run as a test suite, for [JUnit].
type Suite struct{ suite junit.Testsuite }

// SuiteOf is the run as a test suite: a case for every workload, fault and seed, for every checker and
// claim, and one for the run itself. A violation is a failure, broken infrastructure an error, and
// what could not be done or judged is skipped, with its reason. The evidence of a violation is in the
// case of the checker that found it.
func SuiteOf(a *failover.Analysis) Suite {
	run := a.Run
	took := fmt.Sprintf("%.3f", run.Finished.Sub(run.Started).Seconds())
	if run.Finished.IsZero() {
		took = fmt.Sprintf("%.3f", a.End.Seconds())
	}
	suite := junit.Testsuite{Name: xmlText("faultline " + run.ID), Time: took, Package: "faultline"}
	if !run.Started.IsZero() {
		suite.SetTimestamp(run.Started.UTC())
	}
	for _, p := range [][2]string{{"seed", fmt.Sprint(run.Seed)}, {"runtime", run.Runtime}, {"system", run.System}, {"command", repeatCommand(run)}} {
		suite.AddProperty(p[0], xmlText(p[1]))
	}
	add := func(class, name string, d time.Duration, fill func(*junit.Testcase)) {
		c := junit.Testcase{Classname: "faultline." + class, Name: xmlText(name), Time: fmt.Sprintf("%.3f", d.Seconds())}
		fill(&c)
		suite.AddTestcase(c)
	}
	add("run", "infrastructure", 0, func(c *junit.Testcase) {
		if problem := strings.TrimSpace(run.Error + " " + run.HealProblem); problem != "" {
			c.Error = result("infrastructure", problem, "")
		}
	})
	for _, v := range run.Verdicts {
		add("checker", v.Checker, 0, func(c *junit.Testcase) {
			switch v.Validity {
			case history.Invalid:
				c.Failure = result("violation", v.Reason, evidenceText(a, v))
			case history.Unknown:
				c.Skipped = result("", "unknown: "+v.Reason, "")
			}
		})
	}
	for _, n := range run.NotAsked {
		add("checker", n.Checker, 0, func(c *junit.Testcase) { c.Skipped = result("", "not run: "+n.Reason, "") })
	}
	for _, k := range run.Claims {
		add("claim", k.Claim, k.Took, func(c *junit.Testcase) {
			switch {
			case k.Undecided != "":
				c.Skipped = result("", k.Undecided, "")
			case !k.Holds:
				c.Failure = result("claim", "does not hold: "+k.Measured, "done: "+k.Did+"\nmeasured: "+k.Measured)
			}
		})
	}
	for _, b := range a.Broken() {
		add("fault", caseName(run, b.Fault+" on "+b.Target), 0, func(c *junit.Testcase) {
			switch {
			case b.Landed == 0:
				c.Skipped = result("", fmt.Sprintf("tried %d times, but its effect was never confirmed: %s", b.Tried, faultError(a, b)), "")
			case b.Healed < b.Landed:
				c.Error = result("heal", fmt.Sprintf("healing was confirmed for %d of %d", b.Healed, b.Landed), "")
			default:
				judgeCase(c, run)
			}
		})
	}
	if len(a.Faults) == 0 && len(run.Claims) == 0 {
		add("fault", caseName(run, "no fault"), 0, func(c *junit.Testcase) { judgeCase(c, run) })
	}
	return Suite{suite}
}

// caseName names what was tried: workload, fault and seed.
func caseName(run results.Run, fault string) string {
	return fmt.Sprintf("%s, %s, seed %d", run.Workload, fault, run.Seed)
}

// judgeCase gives a fault's case the outcome of its run. Which of its faults led to a violation is not
// known, so a violation fails the cases of all faults.
func judgeCase(c *junit.Testcase, run results.Run) {
	switch {
	case run.Verdict == history.Invalid:
		c.Failure = result("violation", VerdictReason(run), "")
	case run.Error != "":
		c.Error = result("infrastructure", run.Error, "")
	case run.Verdict != history.Valid:
		c.Skipped = result("", "unknown: "+VerdictReason(run), "")
	}
}

// Refused is the suite of a run that was not started, because its runtime cannot do what it asks for.
func Refused(scenario, system, runtime string, seed uint64, why string) Suite {
	s := junit.Testsuite{Name: xmlText(fmt.Sprintf("faultline %s %s %s", scenario, system, runtime)), Time: "0.000", Package: "faultline"}
	s.AddTestcase(junit.Testcase{
		Classname: "faultline.run", Name: xmlText(fmt.Sprintf("%s on %s, %s, seed %d", scenario, system, runtime, seed)), Time: "0.000",
		Skipped: result("", why, ""),
	})
	return Suite{s}
}

// Failed is the suite of a run that left nothing else: it could not be started or judged.
func Failed(scenario, system, runtime string, seed uint64, why string) Suite {
	s := Refused(scenario, system, runtime, seed, "").suite
	s.Testcases[0].Skipped, s.Testcases[0].Error = nil, result("infrastructure", why, "")
	s.Skipped, s.Errors = 0, 1
	return Suite{s}
}

// JUnit is a file of suites: those of a night, or of a run that was repeated.
func JUnit(list []Suite) ([]byte, error) {
	suites := junit.Testsuites{Name: "faultline"}
	var took float64
	for i := range list {
		s := list[i].suite
		s.ID = i
		suites.AddSuite(s)
		if v, err := strconv.ParseFloat(s.Time, 64); err == nil { // always: it is ours
			took += v
		}
	}
	suites.Time = fmt.Sprintf("%.3f", took)
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if err := suites.WriteXML(&b); err != nil {
		return nil, fmt.Errorf("write %s: %w", results.JUnitFile, err)
	}
	return b.Bytes(), nil
}

func result(kind, message, data string) *junit.Result {
	return &junit.Result{Type: kind, Message: xmlText(message), Data: xmlText(data)}
}

func faultError(a *failover.Analysis, b failover.BrokenRow) string {
	for i := range a.Faults {
		if f := &a.Faults[i]; f.Fault == b.Fault && string(f.Target) == b.Target && f.Error != "" {
			return f.Error
		}
	}
	return "no reason was recorded"
}

func evidenceText(a *failover.Analysis, v history.Verdict) string {
	view := verdictViewOf(a, v)
	var b strings.Builder
	for _, l := range storyLines(v.Story) {
		fmt.Fprintln(&b, l)
	}
	if b.Len() > 0 {
		fmt.Fprintf(&b, "\nlines of %s:\n", results.HistoryFile)
	}
	for _, e := range view.Evidence {
		fmt.Fprintf(&b, "%d: %s\n", e.N, e.Line)
	}
	return strings.TrimSuffix(b.String()+view.Further, "\n")
}

// xmlText drops what XML 1.0 does not allow; the writer would pass it on.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return r
		case r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
}
