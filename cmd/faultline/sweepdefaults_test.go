package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// TestSweepDefaults: the store's simulation detects, elects and commits as raft itself does with default
// timeouts. Everything is drawn from the seed, so this cannot fail by chance.
func TestSweepDefaults(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run([]string{"sweep", "--defaults", "--trials", "150", "--stable", "2s", "--seed", "1", "--out", dir}, nil, &stdout, &stderr)
	require.Equal(t, scenario.ExitValid, code, stdout.String())
	require.Empty(t, stderr.String())
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	for _, name := range []string{"defaults.svg", "defaults.png", "defaults.csv", "defaults.json", "defaults.md", "defaults.html", "cells.jsonl"} {
		require.FileExists(t, filepath.Join(found[0], name))
	}
	raw, err := os.ReadFile(filepath.Join(found[0], "defaults.json"))
	require.NoError(t, err)
	var ds []sweep.DefaultResult
	require.NoError(t, json.Unmarshal(raw, &ds))
	require.Len(t, ds, 2)
	for _, d := range ds {
		require.Len(t, d.WriteReady.Values, 150)
		require.Equal(t, "log", d.CommitBy)
		again, ok := sweep.JudgeDefaults(d.Result)
		require.True(t, ok)
		require.Equal(t, again.Checks, d.Checks, "the verdict follows from what was measured")
	}
}
