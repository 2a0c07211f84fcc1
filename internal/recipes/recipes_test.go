// Package recipes has one example for each recipe of CONTRIBUTING.md, one file each, written as the recipe
// says and as somebody else would: over exported names. A test lets the real engine use it and shows
// that what the example says of itself is all that had to be said.
package recipes

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/agent/linux"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// The test binary is also the agent of runtime local.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		if err := linux.Main(context.Background(), os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestRecipesAreTrue: what CONTRIBUTING names in the tree is there.
func TestRecipesAreTrue(t *testing.T) {
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	require.NoError(t, err)
	tree := os.DirFS("../..")
	paths := regexp.MustCompile("`([a-z0-9]+(?:/[a-z0-9_.]+)+)(?:/NAME[a-z.]*)?`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(paths), 20)
	for _, p := range paths {
		_, err := fs.Stat(tree, p[1])
		require.NoError(t, err)
	}
	for _, name := range regexp.MustCompile("`([a-z]+)\\.(All|Options|Settings|Runtimes|Capabilities)`").FindAllStringSubmatch(string(text), -1) {
		files, err := fs.Glob(tree, name[1]+"/*.go")
		require.NoError(t, err)
		found := false
		for _, path := range files {
			b, err := fs.ReadFile(tree, path)
			require.NoError(t, err)
			found = found || regexp.MustCompile("(?m)^(func|type) "+name[2]+`\b`).Match(b)
		}
		require.True(t, found, name[0])
	}
}

// onSim are settings of a short run on virtual time.
func onSim() scenario.Settings {
	s := scenario.Default()
	s.Runtime, s.Seed, s.Time, s.Hash = "sim", 7, 10*time.Second, 0
	return s
}

// perform does a run that must be valid.
func perform(t *testing.T, s scenario.Settings, o scenario.Options) scenario.Outcome {
	t.Helper()
	o.Out = t.TempDir()
	out, err := scenario.Perform(t.Context(), s, o)
	require.NoError(t, err)
	run := out.Analysis.Run
	for _, v := range run.Verdicts {
		require.Equal(t, history.Valid, v.Validity, "%s: %s", v.Checker, v.Reason)
	}
	require.Equal(t, history.Valid, run.Verdict, run.Error)
	return out
}

// verdictOf is that of one checker.
func verdictOf(t *testing.T, run results.Run, checker string) history.Verdict {
	t.Helper()
	for _, v := range run.Verdicts {
		if v.Checker == checker {
			return v
		}
	}
	require.Failf(t, "not asked", "checker %s: asked were %v", checker, run.Verdicts)
	return history.Verdict{}
}

// file is a file of a run's folder.
func file(t *testing.T, out scenario.Outcome, name string) string {
	t.Helper()
	b, err := fs.ReadFile(os.DirFS(out.Folder.Dir()), name)
	require.NoError(t, err)
	return string(b)
}
