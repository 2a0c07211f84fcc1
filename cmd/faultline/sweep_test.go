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
)

func lineNamed(t *testing.T, name string) sweep.PaperLine {
	t.Helper()
	lines := sweep.PaperLines()
	i := slices.IndexFunc(lines, func(l sweep.PaperLine) bool { return l.Name() == name })
	require.GreaterOrEqual(t, i, 0)
	return lines[i]
}

// TestPaperLine: a short line of figure 16 comes near the paper's. The tolerance is wider than the
// sweep's own, since 50 trials move a median by themselves; the seed is fixed.
func TestPaperLine(t *testing.T) {
	for _, c := range []struct {
		name      string
		tolerance float64
	}{{"150-300", 0.2}, {"50-100", 0.2}, {"150-155", 0.5}} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			l := lineNamed(t, c.name)
			trials, err := (&app{stdout: &out}).paperLine(t.Context(), l, 50, 1)
			require.NoError(t, err)
			again, err := (&app{stdout: &out}).paperLine(t.Context(), l, 50, 1)
			require.NoError(t, err)
			require.Equal(t, trials, again, "cores do not matter")
			l.Tolerance = c.tolerance
			r := l.Judge(sampleOf(trials))
			require.InDelta(t, 0, r.Checks[0].Off, c.tolerance, "%v", r)
			require.Equal(t, 50, r.Measured.N)
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
	require.Equal(t, map[bool]int{true: exitInvalid, false: exitValid}[strings.Contains(out, "NOT within")], code)
	require.Equal(t, code == exitInvalid, strings.Contains(out, "NOT every line"))
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

func TestPaperIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	_, err := (&app{stdout: &bytes.Buffer{}}).paperLine(ctx, lineNamed(t, "150-300"), 50, 1)
	var status *statusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, exitUnknown, status.code)
	require.ErrorContains(t, err, "interrupted at line 150-300: signal")
}

// TestSweepIsInterrupted: what was measured stays, and how to go on is said.
func TestSweepIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	s := defaultSweep()
	s.out, s.Seed = t.TempDir(), 1
	a := &app{stdout: &bytes.Buffer{}}
	err := a.sweepGrid(ctx, &s, newSweepCmd(a).Flags())
	var status *statusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, exitUnknown, status.code)
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
