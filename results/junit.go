package results

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/faultline-chaos/faultline/harness"
)

// JUnit is the run as JUnit XML: a case for every checker, claim, and kind of fault, and one for the
// run itself. A violation is a failure, broken infrastructure an error, and what could not be judged
// is skipped, with its reason.
func (a *Analysis) JUnit() ([]byte, error) {
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
			case harness.Invalid:
				c.Failure = result("violation", v.Reason, a.evidenceText(v))
			case harness.Unknown:
				c.Skipped = result("", "unknown: "+v.Reason, "")
			}
		})
	}
	for _, k := range run.Claims {
		add("claim", k.Claim, k.Took, func(c *junit.Testcase) {
			switch {
			case k.Skipped != "":
				c.Skipped = result("", k.Skipped, "")
			case !k.Holds:
				c.Failure = result("claim", "does not hold: "+k.Measured, "done: "+k.Did+"\nmeasured: "+k.Measured)
			}
		})
	}
	for _, b := range a.broken() {
		add("fault", b.Fault+" on "+b.Target, 0, func(c *junit.Testcase) {
			switch {
			case b.Landed == 0:
				c.Skipped = result("", fmt.Sprintf("tried %d times, and its effect was never confirmed: %s", b.Tried, a.faultError(b)), "")
			case b.Healed < b.Landed:
				c.Error = result("heal", fmt.Sprintf("healing was confirmed for %d of %d", b.Healed, b.Landed), "")
			}
		})
	}
	suites := junit.Testsuites{Name: "faultline", Time: took}
	suites.AddSuite(suite)
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if err := suites.WriteXML(&b); err != nil {
		return nil, fmt.Errorf("write %s: %w", JUnitFile, err)
	}
	return b.Bytes(), nil
}

func result(kind, message, data string) *junit.Result {
	return &junit.Result{Type: kind, Message: xmlText(message), Data: xmlText(data)}
}

func (a *Analysis) faultError(b brokenRow) string {
	for i := range a.Faults {
		if f := &a.Faults[i]; f.Fault == b.Fault && string(f.Target) == b.Target && f.Error != "" {
			return f.Error
		}
	}
	return "no reason is recorded"
}

func (a *Analysis) evidenceText(v harness.Verdict) string {
	view := a.verdictView(v)
	var b strings.Builder
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
