package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/scenario"
)

// TestPaperSweep: what is printed, what is written and the exit code agree.
func TestPaperSweep(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run([]string{"sweep", "--paper", "--trials", "10", "--seed", "3", "--out", dir}, nil, &stdout, &stderr)
	require.Empty(t, stderr.String())
	out := stdout.String()
	require.Equal(t, strings.Contains(out, "paper: NOT within"), code == scenario.ExitInvalid)
	require.Equal(t, code == scenario.ExitInvalid, strings.Contains(out, "NOT every line"))
	require.Equal(t, code == scenario.ExitUnknown, strings.Contains(out, "some could not be judged"))
	require.Contains(t, out, "With 10 crashes a line and not the paper's 1000")
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	for _, name := range []string{"paper.svg", "paper.png", "paper.csv", "paper-curves.csv", "paper.json", "paper.md", "paper.html", "trials.jsonl"} {
		require.FileExists(t, filepath.Join(found[0], name))
	}
	raw, err := os.ReadFile(filepath.Join(found[0], "trials.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 10*10, bytes.Count(raw, []byte("\n")))
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
	require.ErrorContains(t, err, "interrupted after 0 of 66 cells; continue with: faultline sweep --resume "+s.out)
}

func TestBar(t *testing.T) {
	var unlike bytes.Buffer // pieces that are not alike
	x := newBar(&unlike, false, "crashes", 0)
	x.Expect(4, 100)
	x.begun, x.drawn = x.begun.Add(-10*time.Second), x.drawn.Add(-10*time.Second)
	x.Advance(2, 20)
	require.Contains(t, unlike.String(), "2 of 4 crashes, about 40s left")
	var out bytes.Buffer
	b := newBar(&out, false, "cells", 4)
	b.begun, b.drawn = b.begun.Add(-30*time.Second), b.drawn.Add(-30*time.Second)
	b.step()
	require.Equal(t, "[#######-----------------------] 1 of 4 cells, about 1m30s left\n", out.String())
	b.step()
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "not more than a line in ten seconds")
}
