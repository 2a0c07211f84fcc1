package faultline_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// most is how many lines a file may have, so that a reader can hold it in mind.
var most = map[string]int{"README.md": 150, "ARCHITECTURE.md": 120}

// TestFilesFitAReader: one idea a file; the command only parses flags, calls and prints.
func TestFilesFitAReader(t *testing.T) {
	command := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || path == "bin" || path == filepath.Join("results", "runs") || path == filepath.Join("results", "sweeps")) {
			return filepath.SkipDir
		}
		limit, named := most[path]
		if !named && filepath.Ext(path) != ".go" {
			return nil
		}
		if !named {
			limit = 500
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := bytes.Count(b, []byte("\n"))
		if lines > limit && !bytes.Contains(b, []byte("// Code generated ")) {
			t.Errorf("%s has %d lines: at most %d are allowed; split it by its ideas", path, lines, limit)
		}
		if filepath.Dir(path) == filepath.Join("cmd", "faultline") && !strings.HasSuffix(path, "_test.go") {
			command += lines
		}
		return nil
	}))
	require.Less(t, command, 3000, "lines of cmd/faultline: what is more than flags, a call and a print belongs below it")
}
