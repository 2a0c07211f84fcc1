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
	ownsNames  = "the codec, and its table for histories from before lines said more"
	foreign    = "reads or writes other people's names"
	oracle     = "an oracle reads the lines by itself"
	otherWords = "no op and no fault: words that are the same by chance"
)

// mayDecideByName are the files that may decide by the name of an op or a fault, and do. None is to join:
// what an op does Op.Form says, whether it reads or writes Op.Kind, what a fault does its Effect.
var mayDecideByName = map[string]string{
	"checker/formats/jepsen.go":             foreign,
	"checker/formats/robustnessrequests.go": foreign,
	"harness/harnesstest/toykv/main.go":     otherWords,
	"history/oldfaults.go":                  ownsNames,
	"history/opline.go":                     ownsNames,
	"history/opscan.go":                     ownsNames,
	"history/opsequence.go":                 ownsNames,
	"history/values.go":                     ownsNames,
	"internal/recount/clients.go":           oracle,
	"internal/recount/episodes.go":          oracle,
	"internal/recount/files.go":             oracle,
	"internal/recount/numbers.go":           oracle,
	"internal/recount/probes.go":            oracle,
	"internal/recount/raft.go":              oracle,
	"results/internal/synthetic/kinds.go":   oracle,
	"results/internal/synthetic/runs.go":    oracle,
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
	decide := map[string]bool{}
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
				if decide[path] = true; mayDecideByName[path] == "" {
					t.Errorf("%s decides by the name of an op or a fault: ask what it says itself (Op.Form, Op.Kind, Effect), or its owner", files.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	}))
	for path := range mayDecideByName {
		require.True(t, decide[path], "%s decides nothing by name any more: take it from the list", path)
	}
}

// decidesByName says whether a node is a switch over the name of an op or a fault, a comparison with one, a
// search for one, or a case or a key that is one. The lines of the harness and the nemesis are the harness's own:
// their names say which of its values they hold.
func decidesByName(n ast.Node, names map[string]bool) bool {
	isName := func(e ast.Expr) bool {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			return err == nil && names[s]
		}
		return isCallName(e)
	}
	switch n := n.(type) {
	case *ast.SwitchStmt:
		return n.Tag != nil && isF(n.Tag)
	case *ast.BinaryExpr:
		return (n.Op == token.EQL || n.Op == token.NEQ) && (isF(n.X) && !ownLine(n.Y) || isF(n.Y) && !ownLine(n.X) || isName(n.X) || isName(n.Y))
	case *ast.CallExpr:
		return searches(n) && slices.ContainsFunc(n.Args, func(e ast.Expr) bool { return isF(e) || field(e, "Fault") })
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

// isCallName says whether an expression is a constant that names calls of clients.
func isCallName(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && slices.Contains([]string{"FTxn", "FProbePut", "FProbeGet", "FWatch"}, id.Name)
}

// searches says whether a call looks for a string in a list that stands there, or into a string.
func searches(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	_, list := call.Args[0].(*ast.CompositeLit)
	return ok && (pkg.Name == "strings" || pkg.Name == "slices" && list) &&
		slices.Contains([]string{"Contains", "Index", "HasPrefix", "HasSuffix", "CutPrefix", "CutSuffix", "TrimPrefix", "EqualFold"}, f.Sel.Name)
}

// ownLine says whether an expression names a line of the harness or the nemesis.
func ownLine(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && slices.Contains([]string{"FInject", "FHeal", "FHold", "FPhase", "FStatus", "FHash", "FLogDigest", "FProbes"}, id.Name)
}

// isF says whether an expression is the F of something, or that as a string.
func isF(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
		return isF(call.Args[0])
	}
	return field(e, "F")
}

func field(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == name
}
