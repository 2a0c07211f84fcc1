package faultline_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/workloads"
)

// Why a file may decide by the name of an op or a fault.
const (
	ownsNames   = "the codec, and its table for histories from before lines said more"
	foreign     = "reads or writes other people's names"
	oracle      = "an oracle reads the lines by itself"
	untypedForm = "still finds the form of a value by the op's name: to become a typed form beside the codec"
	otherWords  = "no op and no fault: words that are the same by chance"
)

// mayDecideByName are the files that may decide by the name of an op or a fault. Untyped ones are to leave
// it, and none is to join. Whether an op reads or writes, Op.Kind says.
var mayDecideByName = map[string]string{
	"checker/appends.go":                            untypedForm,
	"checker/appendscore.go":                        untypedForm,
	"checker/bank.go":                               untypedForm,
	"checker/coverage.go":                           untypedForm,
	"checker/durable.go":                            untypedForm,
	"checker/formats/formats.go":                    untypedForm,
	"checker/formats/forms.go":                      untypedForm,
	"checker/formats/jepsen.go":                     foreign,
	"checker/formats/jsonl.go":                      untypedForm,
	"checker/formats/robustness.go":                 foreign,
	"checker/generate/write.go":                     untypedForm,
	"checker/keys.go":                               untypedForm,
	"checker/lease.go":                              untypedForm,
	"checker/livetxn.go":                            untypedForm,
	"checker/lock.go":                               untypedForm,
	"checker/monitor.go":                            untypedForm,
	"checker/porcupine.go":                          untypedForm,
	"checker/replicas.go":                           untypedForm,
	"checker/revisioncalls.go":                      untypedForm,
	"checker/serializable.go":                       untypedForm,
	"checker/set.go":                                untypedForm,
	"checker/story.go":                              untypedForm,
	"checker/txns.go":                               untypedForm,
	"checker/watch.go":                              untypedForm,
	"harness/harnesstest/toykv/main.go":             otherWords,
	"history/oldfaults.go":                          ownsNames,
	"history/opkind.go":                             ownsNames,
	"history/opline.go":                             ownsNames,
	"history/opscan.go":                             ownsNames,
	"history/opsequence.go":                         ownsNames,
	"history/values.go":                             ownsNames,
	"results/internal/synthetic/kinds.go": oracle,
	"internal/recount/clients.go":                   oracle,
	"internal/recount/episodes.go":                  oracle,
	"internal/recount/files.go":                     oracle,
	"internal/recount/numbers.go":                   oracle,
	"internal/recount/probes.go":                    oracle,
	"internal/recount/raft.go":                      oracle,
}

// TestNobodyDecidesByName: the meaning of an op or a fault is what it says itself. nemesis and workloads own
// the names.
func TestNobodyDecidesByName(t *testing.T) {
	names := map[string]bool{}
	for _, e := range workloads.All() {
		for _, op := range e.New(workloads.Options{}).Ops() {
			names[op.Name] = true
		}
	}
	for _, e := range nemesis.All() {
		names[e.Name()] = true
	}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && (strings.HasPrefix(base, ".") && path != "." || base == "testdata" || path == "tools" || path == "bin" ||
			path == "store" || path == "nemesis" || path == "workloads" || path == filepath.Join("results", "runs")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil && decidesByName(n, names) {
				if mayDecideByName[path] == "" {
					t.Errorf("%s decides by the name of an op or a fault: ask what it says itself (Op.Kind), or its owner", files.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	}))
}

// decidesByName says whether a node is a switch over an op's name, a comparison with one, or a case or a
// key that is the name of an op or a fault. The lines of the harness and the nemesis are the harness's own:
// their names say which of its values they hold.
func decidesByName(n ast.Node, names map[string]bool) bool {
	isName := func(e ast.Expr) bool {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			return err == nil && names[s]
		}
		return false
	}
	switch n := n.(type) {
	case *ast.SwitchStmt:
		return n.Tag != nil && isF(n.Tag)
	case *ast.BinaryExpr:
		return (n.Op == token.EQL || n.Op == token.NEQ) && (isF(n.X) && !ownLine(n.Y) || isF(n.Y) && !ownLine(n.X) || isName(n.X) || isName(n.Y))
	case *ast.CaseClause:
		for _, e := range n.List {
			if isName(e) {
				return true
			}
		}
	case *ast.CompositeLit:
		if _, ok := n.Type.(*ast.MapType); ok {
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && isName(kv.Key) {
					return true
				}
			}
		}
	}
	return false
}

// ownLine says whether an expression names a line of the harness or the nemesis.
func ownLine(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && slices.Contains([]string{"FInject", "FHeal", "FHold", "FPhase", "FStatus", "FHash", "FProbes"}, id.Name)
}

// isF says whether an expression is the F of something, or that as a string.
func isF(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
		return isF(call.Args[0])
	}
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "F"
}
