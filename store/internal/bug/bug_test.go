package bug

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryBugIsPlanted: each name is in Names, and marks a branch of the core.
func TestEveryBugIsPlanted(t *testing.T) {
	files, err := filepath.Glob("../../core/*.go")
	require.NoError(t, err)
	var core strings.Builder
	for _, path := range files {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		core.Write(b)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "bug.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok != token.CONST {
			return false
		}
		if v, ok := n.(*ast.ValueSpec); ok {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			names = append(names, name)
			require.Contains(t, core.String(), "bug("+"bug."+v.Names[0].Name+")", "store/core has no branch for %s", name)
		}
		return true
	})
	require.Equal(t, Names, names, "Names lists all constants, in their order")
}
