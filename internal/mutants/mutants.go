// Package mutants proves that tests notice: it changes one line of a package at a time, as if somebody
// had forgotten a rule, and asks whether a test fails. The changed file exists only for the compiler
// (go test -overlay), so nothing of it can get into what is released.
package mutants

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutant is a package with one rule switched off.
type Mutant struct {
	Name string
	File string // in the package's directory
	Old  string // occurs there once
	New  string
	// Work says that the rule only spares work: verdicts stay right without it, and the test of work
	// must notice instead.
	Work bool
	// Spare says that no test is known to notice, though the rule was meant to matter: what it does seems
	// to be done by others. It must stay so; where one notices after all, it is a rule like others.
	Spare bool
}

// Suite is the mutants of the package in the test's directory.
type Suite struct {
	Mutants  []Mutant
	Verdicts string   // the test that must notice; of a Work mutant it must pass
	Work     string   // the test that must notice a Work mutant
	Args     []string // for the test binary
	Sample   int      // without All, every how manieth mutant is tried
	All      bool
}

const limit = 5 * time.Minute // for building and testing one mutant

// Run tries the mutants. That each can be made is checked of all of them, whichever are tried.
func (s Suite) Run(t *testing.T) {
	names := map[string]bool{}
	for i, m := range s.Mutants {
		require.False(t, names[m.Name], "two mutants are called %q", m.Name)
		names[m.Name] = true
		text, err := m.text()
		require.NoError(t, err, "mutant %q", m.Name)
		if !s.All && i%s.Sample != 0 {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			s.try(t, m, text)
		})
	}
}

// text is the file with the change.
func (m Mutant) text() (string, error) {
	b, err := os.ReadFile(m.File)
	if err != nil {
		return "", err
	}
	switch n := strings.Count(string(b), m.Old); n {
	case 1:
		return strings.Replace(string(b), m.Old, m.New, 1), nil
	case 0:
		return "", errors.New(m.File + " does not have the text that it changes: " + m.Old)
	default:
		return "", errors.New(m.File + " has the text that it changes more than once: " + m.Old)
	}
}

func (s Suite) try(t *testing.T, m Mutant, text string) {
	dir := t.TempDir()
	changed := filepath.Join(dir, m.File)
	require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
	original, err := filepath.Abs(m.File)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))

	tests := "^" + s.Verdicts + "$"
	if m.Work {
		tests = "^(" + s.Verdicts + "|" + s.Work + ")$"
	}
	args := append([]string{"test", "-overlay", list, "-vet=off", "-ldflags=-s -w", "-count=1", "-timeout", limit.String(), "-run", tests, "."}, s.Args...)
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	said := string(out)
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "%s", said)
	}
	require.NotContains(t, said, "[build failed]", "it does not compile:\n%s", said)
	require.NotContains(t, said, "no tests to run")
	verdicts := strings.Contains(said, "--- FAIL: "+s.Verdicts) || strings.Contains(said, "panic: ")
	switch {
	case m.Spare:
		require.NoError(t, err, "it matters after all:\n%s", said)
		return
	case !m.Work:
		require.True(t, verdicts, "%s does not notice:\n%s", s.Verdicts, said)
		return
	}
	require.False(t, verdicts, "it changes verdicts, and not only work:\n%s", said)
	require.Contains(t, said, "--- FAIL: "+s.Work, "%s does not notice:\n%s", s.Work, said)
}
