package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

func lineNamed(t *testing.T, name string) sweep.PaperLine {
	t.Helper()
	lines := sweep.PaperLines()
	i := slices.IndexFunc(lines, func(l sweep.PaperLine) bool { return l.Name() == name })
	require.GreaterOrEqual(t, i, 0)
	return lines[i]
}

// paperRun does the trials of some lines on sim in a folder.
func paperRun(t *testing.T, ctx context.Context, dir string, trials int, lines ...string) (*paperSweep, error) {
	t.Helper()
	s := defaultSweep()
	s.Settings = sweep.Settings{Paper: true, Runtime: "sim", Lines: lines, Trials: trials, Seed: 1}
	p, err := s.openPaper(sweep.Folder(dir))
	require.NoError(t, err)
	return p, (&app{stdout: &bytes.Buffer{}}).crash(ctx, p, sweep.Folder(dir), p.todo())
}

// TestPaperLine: a short line of figure 16 comes near the paper's. The tolerance is wider than the
// sweep's own, since 50 trials move a median by themselves; the seed is fixed.
func TestPaperLine(t *testing.T) {
	for _, c := range []struct {
		name      string
		tolerance float64
	}{{"150-300", 0.2}, {"50-100", 0.2}, {"150-155", 0.5}} {
		t.Run(c.name, func(t *testing.T) {
			p, err := paperRun(t, t.Context(), t.TempDir(), 50, c.name)
			require.NoError(t, err)
			again, err := paperRun(t, t.Context(), t.TempDir(), 50, c.name)
			require.NoError(t, err)
			require.Equal(t, p.trials(), again.trials(), "cores do not matter")
			p.lines[0].Tolerance = c.tolerance
			rs, err := p.judge()
			require.NoError(t, err)
			require.InDelta(t, 0, rs[0].Checks[0].Off, c.tolerance, "%v", rs[0])
			require.Equal(t, 50, rs[0].Measured.N)
		})
	}
}

// TestPaperSweep: what is printed, what is written and the exit code agree.
func TestPaperSweep(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run([]string{"sweep", "--paper", "--trials", "10", "--seed", "3", "--out", dir}, nil, &stdout, &stderr)
	require.Empty(t, stderr.String())
	out := stdout.String()
	require.Equal(t, strings.Contains(out, "paper: NOT within"), code == scenario.ExitInvalid)
	require.Equal(t, code == scenario.ExitInvalid, strings.Contains(out, "NOT every line"))
	require.Equal(t, code == scenario.ExitUnknown, strings.Contains(out, "of some it cannot be told"))
	require.Contains(t, out, "With 10 crashes a line and not the paper's 1000")
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	for _, name := range []string{"paper.svg", "paper.png", "paper.csv", "paper-curves.csv", "paper.json", "paper.md", "paper.html", "trials.jsonl"} {
		require.FileExists(t, filepath.Join(found[0], name))
	}
	raw, err := os.ReadFile(filepath.Join(found[0], "trials.jsonl"))
	require.NoError(t, err)
	var line paperTrial
	require.NoError(t, json.Unmarshal(raw[:bytes.IndexByte(raw, '\n')], &line))
	one, err := paperSetup(lineNamed(t, line.Line)).Trial(t.Context(), line.Seed)
	require.NoError(t, err)
	require.Equal(t, line.Majority, one.Majority, "a trial repeats from its seed")
}

// TestPaperIsInterrupted: every trial that was done is kept, and the others yield what they would have.
func TestPaperIsInterrupted(t *testing.T) {
	whole, err := paperRun(t, t.Context(), t.TempDir(), 60, "150-300", "150-155")
	require.NoError(t, err)
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	p, err := paperRun(t, ctx, dir, 60, "150-300", "150-155")
	var status *scenario.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, scenario.ExitUnknown, status.Code)
	require.ErrorContains(t, err, "of 120 crashes; go on with: faultline sweep --resume "+dir)
	require.Less(t, len(p.trials()), 120)
	var lines bytes.Buffer // some of the trials, out of order, the last one cut off
	for _, i := range []int{70, 3, 119, 4} {
		b, err := json.Marshal(whole.trials()[i])
		require.NoError(t, err)
		lines.Write(append(b, '\n'))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, paperTrialsFile), lines.Bytes()[:lines.Len()-9], 0o600))
	p, err = paperRun(t, t.Context(), dir, 60, "150-300", "150-155")
	require.NoError(t, err)
	require.Equal(t, whole.trials(), p.trials())
}

// TestPaperWork: the estimate of what is left knows that lines differ.
func TestPaperWork(t *testing.T) {
	short, long := paperTodo{line: lineNamed(t, "12-24")}, paperTodo{line: lineNamed(t, "150-151")}
	for _, runtime := range []string{"sim", "local"} {
		require.Greater(t, long.work(runtime), 2*short.work(runtime))
	}
	var out bytes.Buffer
	b := newBar(&out, false, "crashes", 4)
	b.work = 100
	b.begun, b.drawn = b.begun.Add(-10*time.Second), b.drawn.Add(-10*time.Second)
	b.advance(2, 20)
	require.Contains(t, out.String(), "2 of 4 crashes, about 40s left")
}

// TestSweepIsInterrupted: what was measured stays, and how to go on is said.
func TestSweepIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	s := defaultSweep()
	s.out, s.Seed = t.TempDir(), 1
	a := &app{stdout: &bytes.Buffer{}}
	dir, err := s.openSweep(newSweepCmd(a).Flags())
	require.NoError(t, err)
	err = a.sweepGrid(ctx, &s, dir)
	var status *scenario.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, scenario.ExitUnknown, status.Code)
	require.ErrorContains(t, err, "interrupted after 0 of 66 cells; go on with: faultline sweep --resume "+s.out)
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := newBar(&out, false, "cells", 4)
	b.begun, b.drawn = b.begun.Add(-30*time.Second), b.drawn.Add(-30*time.Second)
	b.step()
	require.Equal(t, "[#######-----------------------] 1 of 4 cells, about 1m30s left\n", out.String())
	b.step()
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "not more than a line in ten seconds")
}
