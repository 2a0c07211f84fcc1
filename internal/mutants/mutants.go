// Package mutants proves that tests notice: it changes one line of a package at a time, as if somebody
// had forgotten a rule, and asks whether a test fails. The changed packages exist only for the compiler
// (go test -overlay), so nothing of them can get into what is released.
package mutants

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
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
	// Spare says why neither verdicts nor work can change, where that is so: other rules do what this one
	// does. No test may notice; where one does, the reason is wrong.
	Spare string
}

// Suite is the mutants of the package in the test's directory.
type Suite struct {
	Package  string // its import path
	Mutants  []Mutant
	Verdicts string // the test that must notice; of a Work mutant it must pass
	Work     string // the test that must notice a Work mutant
	// Files are what the rules and the two tests are made of. Each mutant is a package of its own, with
	// the tests in it, and all are linked to one program: they must compile fast, import little and have
	// no flags.
	Files []string
	Few   string // a statement after which Verdicts tries a fraction of the histories: most are noticed then
	Only  string // a pattern of the names of the mutants to try; "" stands for the first mutant
	Shard string // "2/5": the second of five parts of them
}

// limit of processor time for one test of one mutant: many times what it takes. A mutant that never ends
// is noticed by that, before it takes all memory.
func limit(test string) time.Duration {
	if test == few {
		return 6 * time.Second
	}
	return 2 * time.Minute
}

// Run tries the mutants. That each can be made is checked of all of them, whichever are tried.
func (s Suite) Run(t *testing.T) {
	var shard, shards int
	_, err := fmt.Sscanf(s.Shard, "%d/%d", &shard, &shards)
	require.True(t, err == nil && 1 <= shard && shard <= shards, "a shard is like 2/5, and not %q", s.Shard)
	only, err := regexp.Compile(s.Only)
	require.NoError(t, err)
	names := map[string]bool{}
	b := newBuilder(t, s)
	var tried []int // numbers of mutants: what each is compiled to stays in Go's cache
	for i, m := range s.Mutants {
		require.False(t, names[m.Name], "two mutants are called %q", m.Name)
		names[m.Name] = true
		text, err := m.text()
		require.NoError(t, err, "mutant %q", m.Name)
		if s.Only == "" && i == 0 || s.Only != "" && only.MatchString(m.Name) && i%shards == shard-1 {
			b.add(t, i, m.File, text)
			tried = append(tried, i)
		}
	}
	same, err := os.ReadFile(s.Files[0])
	require.NoError(t, err)
	b.add(t, len(s.Mutants), s.Files[0], string(same))
	p := b.program(t)
	t.Run("the package as it is", func(t *testing.T) { // a test that fails of itself notices nothing
		for _, test := range []string{work, few} {
			failed, said := p.fails(t, test, len(s.Mutants))
			require.False(t, failed, "%s fails without a change:\n%s", test, said)
		}
	})
	for _, i := range tried {
		t.Run(s.Mutants[i].Name, func(t *testing.T) {
			t.Parallel()
			p.try(t, i, s.Mutants[i])
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

// The tests of one mutant in the program of all.
const (
	few  = "Few"  // Verdicts, on few histories
	all  = "All"  // Verdicts
	work = "Work" // Work
)

// program is the path of the compiled tests of all mutants.
type program string

// try runs the tests of one mutant: first what is cheap.
func (p program) try(t *testing.T, i int, m Mutant) {
	switch {
	case m.Spare != "":
		for _, test := range []string{work, all} {
			noticed, said := p.fails(t, test, i)
			require.False(t, noticed, "it matters after all:\n%s", said)
		}
		t.Log("not noticed, as it must be")
	case m.Work:
		noticed, said := p.fails(t, work, i)
		require.True(t, noticed, "the test of work does not notice:\n%s", said)
		noticed, said = p.fails(t, all, i)
		require.False(t, noticed, "it changes verdicts, and not only work:\n%s", said)
		t.Log("noticed by the test of work")
	default:
		if noticed, _ := p.fails(t, few, i); noticed {
			t.Log("noticed by few histories")
			return
		}
		noticed, said := p.fails(t, all, i)
		require.True(t, noticed, "the test of verdicts does not notice:\n%s", said)
		t.Log("noticed by the test of verdicts")
	}
}

// fails runs one test and says whether it fails, panics or does not end, and what it printed.
func (p program) fails(t *testing.T, test string, i int) (failed bool, said string) {
	most := limit(test)
	limited := fmt.Sprintf(`ulimit -t %d && exec "$0" "$@"`, int(most.Seconds()))
	test = fmt.Sprintf("Test%s%d", test, i)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", limited, string(p), "-test.run", "^"+test+"$", "-test.timeout", "0")
	cmd.Env = append(os.Environ(), "GOGC=400") // small histories leave much garbage
	out, err := cmd.CombinedOutput()
	said = string(out)
	require.NotContains(t, said, "no tests to run")
	if err == nil {
		return false, said
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", said)
	endless := cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime() > most*9/10
	known := strings.Contains(said, "--- FAIL: "+test) || strings.Contains(said, "panic: ") || endless
	require.True(t, known, "it ends with %v:\n%s", err, said)
	return true, said
}

// builder makes the program. Its packages are in a directory that exists for the compiler alone.
type builder struct {
	suite   Suite
	temp    string
	here    string
	replace map[string]string // files for the compiler, by path
	imports strings.Builder
	tests   strings.Builder
}

const home = "mutants" // below the package's directory

func newBuilder(t *testing.T, s Suite) *builder {
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	return &builder{suite: s, temp: t.TempDir(), here: here, replace: map[string]string{}}
}

// add makes a package with another text of one of its files.
func (b *builder) add(t *testing.T, i int, file, text string) {
	dir := fmt.Sprintf("%s/m%d", home, i)
	for _, f := range b.suite.Files {
		b.replace[filepath.Join(b.here, dir, strings.Replace(f, "_test.go", ".go", 1))] = filepath.Join(b.here, f)
	}
	b.write(t, filepath.Join(dir, file), text)
	b.write(t, filepath.Join(dir, "few.go"), fmt.Sprintf("package %s\n\nfunc Few() { %s }\n", path.Base(b.suite.Package), b.suite.Few))
	fmt.Fprintf(&b.imports, "import m%d %q\n", i, b.suite.Package+"/"+dir)
	fmt.Fprintf(&b.tests, "func Test%s%d(t *testing.T) { m%[2]d.%s(t) }\n", work, i, b.suite.Work)
	fmt.Fprintf(&b.tests, "func Test%s%d(t *testing.T) { m%[2]d.%s(t) }\n", all, i, b.suite.Verdicts)
	fmt.Fprintf(&b.tests, "func Test%s%d(t *testing.T) { m%[2]d.Few(); m%[2]d.%s(t) }\n", few, i, b.suite.Verdicts)
}

// write gives the compiler a file.
func (b *builder) write(t *testing.T, name, text string) {
	at := filepath.Join(b.temp, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
	require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
	b.replace[filepath.Join(b.here, name)] = at
}

// program compiles the tests of all packages.
func (b *builder) program(t *testing.T) program {
	b.write(t, filepath.Join(home, "all_test.go"), "package mutants\n\nimport \"testing\"\n"+b.imports.String()+b.tests.String())
	overlay, err := json.Marshal(map[string]any{"Replace": b.replace})
	require.NoError(t, err)
	list := filepath.Join(b.temp, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	out := filepath.Join(b.temp, "mutants.test")
	said, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", out, "-overlay", list, "-vet=off", "-ldflags=-s -w", "./"+home).CombinedOutput()
	require.NoError(t, err, "a mutant does not compile:\n%s", said)
	return program(out)
}
