package faultline_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
	"github.com/faultline-chaos/faultline/results/trends"
)

var update = flag.Bool("update", false, "write the tables in docs/ anew")

// documented are the JSON formats of which docs/ holds a table, between two comments that name them.
var documented = []struct {
	file, name string
	value      any
}{
	{"docs/failovers.md", "failovers.jsonl", failover.Episode{}},
	{"docs/files.md", "history.jsonl", history.Op{}},
	{"docs/files.md", "inject and heal", history.FaultValue{}},
	{"docs/files.md", "phase", history.PhaseValue{}},
	{"docs/files.md", "status", history.StatusValue{}},
	{"docs/files.md", "hash", history.HashValue{}},
	{"docs/files.md", "probes", history.ProbesValue{}},
	{"docs/files.md", "run.json", results.Run{}},
	{"docs/files.md", "trends.jsonl", trends.Row{}},
	{"docs/files.md", "calibration.json", results.Calibration{}},
}

// TestDocsHoldEveryField: each JSON field, nested ones too, is in its table with type, unit, meaning and
// whether it may be left out, in the words of the source's own comments; and no field that does not
// exist is. After a change: go test . -run TestDocs -update.
func TestDocsHoldEveryField(t *testing.T) {
	words := comments(t, "history", "results", "results/failover", "results/trends")
	for _, d := range documented {
		t.Run(d.name, func(t *testing.T) {
			var table strings.Builder
			table.WriteString("| field | type | | meaning |\n|---|---|---|---|\n")
			for _, row := range (&tables{t, words, map[reflect.Type]string{}}).rows(reflect.TypeOf(d.value), "", nil) {
				table.WriteString(row)
			}
			holdTable(t, d.file, d.name, table.String())
		})
	}
}

// holdTable compares the table between two comments that name it, or writes it with -update.
func holdTable(t *testing.T, file, name, table string) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	begin, end := fmt.Sprintf("<!-- fields of %s -->\n", name), fmt.Sprintf("<!-- end of %s -->", name)
	head, rest, ok := strings.Cut(string(b), begin)
	require.Truef(t, ok, "%s has no %q", file, begin)
	old, tail, ok := strings.Cut(rest, end)
	require.Truef(t, ok, "%s has no %q", file, end)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644))
		return
	}
	require.Equal(t, table, old, "go test . -run TestDocs -update")
}

// TestDocsHoldEveryFigure: docs/files.md says what each kind of figure shows, in the words of its table.
func TestDocsHoldEveryFigure(t *testing.T) {
	var table strings.Builder
	table.WriteString("| file | what it shows |\n|---|---|\n")
	for _, d := range figure.Docs() {
		require.NotEmpty(t, d[1], d[0])
		fmt.Fprintf(&table, "| `%s.svg`, `.png`, `.csv` | %s |\n", d[0], d[1])
	}
	holdTable(t, "docs/files.md", "figures", table.String())
}

// tables makes tables of types.
type tables struct {
	t     *testing.T
	words map[string]string       // what the source says of Type.Field
	seen  map[reflect.Type]string // objects whose fields a table has already, and where
}

// rows are those of a type's fields, with those of fields within fields after them. names are JSON's, by
// the source's, of the fields around.
func (d *tables) rows(typ reflect.Type, path string, around map[string]string) (rows []string) {
	names := maps.Clone(around)
	if names == nil {
		names = map[string]string{}
	}
	for f := range fields(typ) {
		names[f.Name] = jsonName(f)
	}
	for f := range fields(typ) {
		if f.Anonymous {
			rows = append(rows, d.rows(f.Type, path, names)...)
			continue
		}
		name := path + jsonName(f)
		text := d.words[owner(typ)+"."+f.Name]
		if text == "" {
			d.t.Errorf("the source says nothing about %s.%s", owner(typ), f.Name)
		}
		inner, kind, unit := describe(f.Type)
		before := d.seen[inner]
		if before != "" {
			kind += ", as `" + before + "`"
		}
		notes := unit
		if strings.Contains(f.Tag.Get("json"), ",omitempty") {
			notes = strings.TrimPrefix(notes+"; may be left out", "; ")
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kind, notes, prose(text, f.Name, names)))
		if inner != nil && before == "" {
			d.seen[inner] = name
			rows = append(rows, d.rows(inner, name+nested(f.Type), names)...)
		}
	}
	return rows
}

// fields are those that JSON shows.
func fields(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Tag.Get("json") != "-" && !yield(f) {
				return
			}
		}
	}
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

func nested(typ reflect.Type) string {
	if typ.Kind() == reflect.Slice {
		return "[]."
	}
	return "."
}

func owner(typ reflect.Type) string { return filepath.Base(typ.PkgPath()) + "." + typ.Name() }

// describe says what JSON has for a type; inner are the fields of an object.
func describe(typ reflect.Type) (inner reflect.Type, kind, unit string) {
	switch typ {
	case reflect.TypeFor[time.Duration]():
		return nil, "integer", "ns"
	case reflect.TypeFor[time.Time]():
		return nil, "string", "RFC 3339"
	case reflect.TypeFor[history.Validity]():
		return nil, "string", ""
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return describe(typ.Elem())
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return nil, "any", ""
		}
		inner, kind, unit = describe(typ.Elem())
		return inner, "list of " + kind + "s", unit
	case reflect.Map:
		_, kind, unit = describe(typ.Elem())
		return nil, "object of " + kind + "s", unit
	case reflect.Struct:
		return typ, "object", ""
	case reflect.String:
		return nil, "string", ""
	case reflect.Bool:
		return nil, "boolean", ""
	case reflect.Float64:
		return nil, "number", ""
	}
	return nil, "integer", ""
}

var identifier = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]+\b(\.[A-Z]\w+)?`)

// prose is a comment for who reads JSON: fields by the names that they have there.
func prose(text, field string, names map[string]string) string {
	text = strings.TrimPrefix(text, field+" ")
	for _, verb := range []string{"is ", "are ", "says "} {
		text = strings.TrimPrefix(text, verb)
	}
	return strings.ReplaceAll(identifier.ReplaceAllStringFunc(text, func(word string) string {
		name, ok := names[word]
		// A field's name that is a word as well begins sentences.
		if ok && (!strings.HasPrefix(text, word) || strings.ContainsAny(word[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")) {
			return "`" + name + "`"
		}
		if word == "Sustained" {
			return fmt.Sprint(failover.Sustained)
		}
		return word
	}), "|", `\|`)
}

// comments are what packages say about the fields of their types.
func comments(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				s, ok := spec.Type.(*ast.StructType)
				if !ok {
					return false
				}
				for _, field := range s.Fields.List {
					text := strings.TrimSpace(field.Doc.Text())
					if line := strings.TrimSpace(field.Comment.Text()); line != "" {
						text = strings.TrimSpace(text + " " + line)
					}
					for _, name := range field.Names {
						out[filepath.Base(dir)+"."+spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
					}
				}
				return false
			})
		}
	}
	return out
}
