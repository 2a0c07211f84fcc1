// Package seamlint finds what code must not do that runs in a simulation: what would block the whole
// simulation, read the machine's clock, or make two runs of one seed differ. Harness, nemesis and
// workloads block only in Env and in calls to a cluster or client ([Seam]); the store's core does not
// block at all ([Core]).
//
// A line is excused by a comment on it, with the reason:
//
//	for k := range m { //seam:ok only counts
//
// An excuse without a reason, or for a line with nothing wrong, is a finding itself.
package seamlint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Finding is one thing that must not be.
type Finding struct {
	File string // without its directory
	Line int
	Text string // what, and what to use instead
}

func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Check checks the package in dir, without its tests. The go command must be there, and the package
// must compile.
func Check(dir string, rules Rules) ([]Finding, error) {
	pkg, err := load(dir)
	if err != nil {
		return nil, fmt.Errorf("lint %s: %w", dir, err)
	}
	v := visitor{pkg: pkg, rules: rules}
	for _, f := range pkg.files {
		v.sorted = map[*ast.CallExpr]bool{}
		ast.Inspect(f, v.visit)
	}
	found := excuse(pkg, v.found)
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return found, nil
}

// pkg is a package with its types.
type pkg struct {
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
}

// listed is what the go command says about a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
}

// load parses and checks a package; the types of what it imports come from compiled packages.
func load(dir string) (*pkg, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", ".")
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
	} else if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var self listed
	exports := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		exports[l.ImportPath] = l.Export
		if !l.DepOnly {
			self = l
		}
	}
	p := &pkg{fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	for _, name := range self.GoFiles {
		f, err := parser.ParseFile(p.fset, filepath.Join(self.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	conf := types.Config{Importer: importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s has no compiled package", path)
		}
		return os.Open(exports[path])
	})}
	if _, err := conf.Check(self.ImportPath, p.fset, p.files, p.info); err != nil {
		return nil, fmt.Errorf("check types: %w", err)
	}
	return p, nil
}

func (p *pkg) finding(pos token.Pos, text string) Finding {
	at := p.fset.Position(pos)
	return Finding{filepath.Base(at.Filename), at.Line, text}
}

// excuse drops the findings on lines with an excuse, and adds the excuses that are wrong.
func excuse(p *pkg, found []Finding) []Finding {
	for _, f := range p.files {
		for _, g := range f.Comments {
			for _, c := range g.List {
				reason, ok := strings.CutPrefix(c.Text, "//seam:ok")
				if !ok {
					continue
				}
				at := p.finding(c.Pos(), "")
				n := len(found)
				found = slices.DeleteFunc(found, func(f Finding) bool { return f.File == at.File && f.Line == at.Line })
				switch {
				case n == len(found):
					at.Text = "seam:ok excuses nothing: remove it"
				case strings.TrimSpace(reason) == "":
					at.Text = "seam:ok needs a reason"
				default:
					continue
				}
				found = append(found, at)
			}
		}
	}
	return found
}

type visitor struct {
	pkg    *pkg
	rules  Rules
	sorted map[*ast.CallExpr]bool // calls whose order does not matter
	found  []Finding
}

func (v *visitor) report(n ast.Node, format string, args ...any) {
	v.found = append(v.found, v.pkg.finding(n.Pos(), fmt.Sprintf(format, args...)))
}

func (v *visitor) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		v.report(n, "go statement: use %s", v.rules.Tasks)
	case *ast.SelectStmt:
		v.report(n, "select: use %s", v.rules.Waiting)
	case *ast.SendStmt:
		v.report(n, "send on a channel: use %s", v.rules.Waiting)
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			v.report(n, "receive from a channel: use %s", v.rules.Waiting)
		}
	case *ast.RangeStmt:
		v.ranges(n)
	case *ast.CallExpr:
		v.call(n)
	case *ast.SelectorExpr:
		v.use(n)
	}
	return true
}

func (v *visitor) ranges(n *ast.RangeStmt) {
	t := v.pkg.info.TypeOf(n.X)
	if t == nil {
		return
	}
	switch t.Underlying().(type) {
	case *types.Map:
		v.report(n, "range over a map: sort the keys, as slices.Sorted(maps.Keys(m)) does")
	case *types.Chan:
		v.report(n, "receive from a channel: use %s", v.rules.Waiting)
	}
}

// call looks at built-in functions, and notes iterators over maps whose order does not matter.
func (v *visitor) call(n *ast.CallExpr) {
	if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "make" && len(n.Args) > 0 {
		if t := v.pkg.info.TypeOf(n.Args[0]); t != nil {
			if _, ok := t.Underlying().(*types.Chan); ok {
				v.report(n, "a channel: use %s", v.rules.Waiting)
			}
		}
	}
	if f := v.function(n.Fun); f == nil || !orderless[f.FullName()] {
		return
	}
	for _, a := range n.Args {
		if c, ok := a.(*ast.CallExpr); ok {
			v.sorted[c] = true
		}
	}
}

func (v *visitor) function(e ast.Expr) *types.Func {
	if s, ok := ast.Unparen(e).(*ast.SelectorExpr); ok {
		f, _ := v.pkg.info.Uses[s.Sel].(*types.Func)
		return f
	}
	return nil
}

// use looks at functions, variables and types of other packages.
func (v *visitor) use(n *ast.SelectorExpr) {
	obj := v.pkg.info.Uses[n.Sel]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	if f, ok := obj.(*types.Func); ok {
		if f.Signature().Recv() != nil {
			return
		}
		if mapIterators[f.FullName()] && !v.isSorted(n) {
			v.report(n, "%s has no order: sort it with slices.Sorted", f.FullName())
		}
	}
	if use, ok := v.rules.forbidden(obj.Pkg().Path(), obj.Name(), obj); ok {
		v.report(n, "%s.%s: use %s", obj.Pkg().Path(), obj.Name(), use)
	}
}

// isSorted says whether n is called right inside a function that does not mind the order.
func (v *visitor) isSorted(n *ast.SelectorExpr) bool {
	for c := range v.sorted { // any will do
		if c.Fun == n {
			return true
		}
	}
	return false
}

// mapIterators go over maps in no order, orderless functions take them nevertheless.
var (
	mapIterators = map[string]bool{"maps.Keys": true, "maps.Values": true, "maps.All": true}
	orderless    = map[string]bool{"slices.Sorted": true, "slices.SortedFunc": true, "maps.Collect": true, "maps.Insert": true}
)
