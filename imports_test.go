package faultline_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/faultline-chaos/faultline"

// layer is a row of the table of who may import whom.
type layer struct {
	pkg    string   // a package; with /... all below it, too
	may    []string // packages of ours, in the same form
	reason string
}

// layers is DESIGN's table. The first row that matches a package holds.
var layers = []layer{
	{"cmd/raftkv", []string{"store/server", "store/core"}, "the store's program must not be able to be what tests need, such as elections without a check of the quorum"},
	{"cmd/...", []string{"..."}, "programs know everything"},
	{"history", nil, "what a run leaves must be read by who knows nothing of how it was made"},
	{"history/raftlog", []string{"history"}, "what a line means needs nothing but the line"},
	{"harness", []string{"history"}, "the central types and the engine must not know what is built on them"},
	{"harness/realtime", []string{"harness"}, "an Env is a part of every runtime"},
	{"harness/agent/linux", []string{"history", "harness/agent"}, "mechanisms serve the agent's protocol"},
	{"harness/agent", []string{"history", "harness", "harness/realtime", "harness/agent/linux"}, "the agent carries out capabilities"},
	{"harness/local/...", []string{"history", "harness", "harness/agent/...", "harness/realtime"}, "a runtime does not know what it runs"},
	{"docker/...", []string{"history", "harness", "harness/agent/...", "harness/realtime"}, "the only part that knows Docker"},
	{"harness/sim", []string{"history", "harness"}, "a simulation does not know what it simulates"},
	{"harness/external", []string{"history", "harness", "harness/realtime"}, "a runtime does not know what it runs"},
	{"harness/harnesstest/...", []string{"history", "harness", "harness/harnesstest/..."}, "one suite for every runtime"},
	{"systems/etcdapi", []string{"history", "harness"}, "the client side of an API"},
	{"systems", []string{"history/...", "harness", "systems/etcdapi", "harness/sim", "store/..."}, "the only place where harness and store meet"},
	{"scripts", []string{"history/...", "harness", "nemesis", "internal/control"}, "scripts break things and call, as workloads do"},
	{"nemesis", []string{"history", "harness"}, "faults are made of capabilities"},
	{"checker/live", []string{"history"}, "a run is judged while it goes on by what is light: invariants, and no algorithm"},
	{"checker/...", []string{"history/...", "checker/...", "internal/control"}, "judging sees nothing but histories"},
	{"results", []string{"history/..."}, "the folder is what everything about a run is read from"},
	{"results/format", nil, "how numbers are written"},
	{"results/failover", []string{"history/...", "results", "results/format", "internal/statistics"}, "failovers are found before anything is drawn or said"},
	{"results/figure", []string{"history", "results", "results/format", "results/failover", "internal/statistics"}, "a figure shows what was found"},
	{"results/page", []string{"history/...", "results", "results/format", "results/failover", "results/figure"}, "the report is on top of all that one run has"},
	{"results/internal/...", []string{"history/...", "harness", "nemesis", "results"}, "made-up runs for the tests of the rooms above"},
	{"results/...", []string{"history/...", "harness", "results/...", "internal/statistics"}, "what shows many runs, or a run while it goes on, is on top of what shows one"},
	{"scenario/...", []string{"history/...", "harness/...", "docker", "nemesis", "systems", "scripts", "workloads", "checker", "checker/live", "results/...", "store/core", "scenario/..."}, "it puts a run together; nothing but commands is above it"},
	{"workloads", []string{"history", "harness", "checker"}, "a workload names its checkers"},
	{"store/server", []string{"store/core", "store/disk", "store/internal/..."}, "nothing that only tests need is in the store's server"},
	{"store/...", []string{"store/core", "store/disk", "store/mvcc", "store/internal/..."}, "the store is a system like any other, and knows nobody who tests it"},
	{"experiments/figure16/server", []string{"store/core", "store/disk"}, "the process that is measured is the core, its disk and nothing else"},
	{"experiments/figure16", []string{"history", "harness", "harness/sim", "harness/local", "systems", "scenario", "store/core", "results/...", "internal/statistics", "experiments/figure16/server"}, "an experiment whole; nothing but its command knows it"},
	{"internal/benchcheck", []string{"history", "checker/...", "results"}, "it measures faultline check from outside"},
	{"internal/recount", []string{"history"}, "it computes again from a run's files, and shares how one line is read"},
	{"internal/...", []string{"internal/..."}, "tools of the tests"},
}

// library is a row of the table of which packages may import what is large or belongs to one of them.
type library struct {
	prefix string
	may    []string // in the form of layer.may
	reason string
}

// libraries keep what few need out of what all build: with layers, neither the engine nor faults,
// workloads or checkers have any of these but porcupine.
var libraries = []library{
	{"github.com/anishathalye/porcupine", []string{"checker/..."}, "it is one of the judges"},
	{"github.com/testcontainers/", []string{"docker"}, "nobody else knows Docker"},
	{"github.com/moby/", []string{"docker"}, "nobody else knows Docker"},
	{"gonum.org/v1/plot", []string{"results/figure"}, "one package draws"},
	{"gonum.org/v1/gonum", []string{"internal/statistics"}, "mathext is enough: stat brings 20 packages of linear algebra"},
	{"charm.land/", []string{"results/..."}, "only reports and the live view paint a terminal"},
	{"github.com/charmbracelet/", []string{"results/..."}, "only reports and the live view paint a terminal"},
	{"github.com/cockroachdb/pebble", []string{"store/disk"}, "the only part of the store that knows its disk"},
	{"github.com/prometheus/", []string{"store/server"}, "metrics are the store's"},
	{"modernc.org/", nil, "SQLite was a quarter of the first build"},
}

// TestImports holds the table against every package of the module, tests excluded: they may build
// whole systems.
func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (strings.HasPrefix(name, ".") && path != "." || name == "testdata" || path == "tools" || path == "bin" || path == filepath.Join("results", "runs")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		checkFile(t, filepath.ToSlash(path))
		return nil
	})
	require.NoError(t, err)
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	require.NoError(t, err)
	pkg := strings.TrimSuffix(path[:strings.LastIndexByte("/"+path, '/')], "/")
	if pkg == "" {
		return
	}
	row, ok := rowOf(pkg)
	require.Truef(t, ok, "%s: package %s is in no row of the table: add it, with a reason", path, pkg)
	for _, spec := range f.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		ours, ok := strings.CutPrefix(imported, module+"/")
		if !ok {
			for _, l := range libraries {
				if strings.HasPrefix(imported, l.prefix) && !slices.ContainsFunc(l.may, func(p string) bool { return matches(p, pkg) }) {
					t.Errorf("%s imports %s: only %v may (%s)", path, imported, l.may, l.reason)
				}
			}
			continue
		}
		allowed := false
		for _, may := range row.may {
			allowed = allowed || matches(may, ours)
		}
		if !allowed {
			t.Errorf("%s: %s may import only %v of ours (%s), not %s", path, row.pkg, row.may, row.reason, ours)
		}
	}
}

func rowOf(pkg string) (layer, bool) {
	for _, l := range layers {
		if matches(l.pkg, pkg) {
			return l, true
		}
	}
	return layer{}, false
}

func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}
