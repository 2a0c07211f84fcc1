package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/scenario"
	"github.com/faultline-chaos/faultline/workloads"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"faultline": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts are the program's contracts as shell sessions. `code N` says which exit code the last
// command must have had: it runs it again as its arguments.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error { // names of tables, as messages list them
			for name, list := range tables() {
				e.Setenv(name, strings.Join(list, ", "))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// chop FILE: without its last line end, as a crash leaves it.
			"chop": func(ts *testscript.TestScript, _ bool, args []string) {
				path := ts.MkAbs(args[0])
				data, err := os.ReadFile(path)
				ts.Check(err)
				ts.Check(os.WriteFile(path, data[:len(data)-1], 0o600))
			},
			// awaitlines ROOT NAME N: until file NAME of the one sweep's folder in ROOT has N lines.
			"awaitlines": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[2])
				ts.Check(err)
				for pattern := filepath.Join(ts.MkAbs(args[0]), "*", args[1]); ; time.Sleep(time.Millisecond) {
					found, err := filepath.Glob(pattern)
					ts.Check(err)
					if len(found) == 1 && countLines(ts.ReadFile(found[0])) >= n {
						return
					}
				}
			},
			// movesweep ROOT NAME: the one sweep's folder in ROOT, under a name that does not differ.
			"movesweep": func(ts *testscript.TestScript, _ bool, args []string) {
				found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*"))
				ts.Check(err)
				if len(found) != 1 {
					ts.Fatalf("%d folders in %s: %v", len(found), args[0], found)
				}
				ts.Check(os.Rename(found[0], ts.MkAbs(args[1])))
			},
			// judged COMMAND...: the command ends with a verdict, whatever it is.
			"judged": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(args[0], args[1:]...)
				if e, ok := err.(interface{ ExitCode() int }); err != nil && (!ok || e.ExitCode() > scenario.ExitUnknown) {
					ts.Fatalf("exit: %v, want a verdict", err)
				}
			},
			// fails CODE COMMAND...: the command ends with that code and one line on stderr.
			"fails": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				err = ts.Exec(args[1], args[2:]...)
				if err == nil {
					ts.Fatalf("it succeeded")
				}
				var exit interface{ ExitCode() int }
				if e, ok := err.(interface{ ExitCode() int }); ok {
					exit = e
				}
				if exit == nil || exit.ExitCode() != want {
					ts.Fatalf("exit: %v, want code %d", err, want)
				}
				if out := ts.ReadFile("stderr"); countLines(out) != 1 {
					ts.Fatalf("stderr is not one line: %q", out)
				}
			},
		},
	})
}

// tables are the names of what exists.
func tables() map[string][]string {
	t := map[string][]string{"RUNTIMES": scenario.RuntimeNames(), "SYSTEMS": scenario.SystemNames(), "SCENARIOS": scenario.Names()}
	for _, e := range nemesis.All() {
		t["FAULTS"] = append(t["FAULTS"], e.Name())
	}
	for _, e := range workloads.All() {
		t["WORKLOADS"] = append(t["WORKLOADS"], e.Name)
	}
	for _, l := range lists() {
		t["LISTS"] = append(t["LISTS"], l.name)
	}
	return t
}

func countLines(s string) (n int) {
	for _, c := range s {
		if c == '\n' {
			n++
		}
	}
	return n
}

func TestNightlyShardsAreTheWholeMatrix(t *testing.T) {
	whole, err := nightlyMatrix([]string{"raftkv", "etcd"}, "1/1")
	require.NoError(t, err)
	require.Len(t, whole, 2*len(scenario.Names()))
	var parts []night
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		part, err := nightlyMatrix([]string{"raftkv", "etcd"}, shard)
		require.NoError(t, err)
		parts = append(parts, part...)
	}
	require.ElementsMatch(t, whole, parts)
}
