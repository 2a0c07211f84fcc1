package results

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

func TestParseHistoryToleratesOnlyACutEnd(t *testing.T) {
	whole := `{"index":0,"time":1,"process":0,"type":"invoke","f":"get","value":{"key":"a"},"node":"n1"}` + "\n" +
		`{"index":1,"time":2,"process":0,"type":"ok","f":"get","value":{"key":"a","value":null},"node":"n1"}` + "\n"
	for n := len(whole) - 1; n > 0; n-- {
		ops, cut, err := ParseHistory([]byte(whole[:n]))
		require.NoError(t, err, whole[:n])
		if cut != "" {
			require.Contains(t, cut, "has no end")
		}
		require.LessOrEqual(t, len(ops), 2)
	}
}

func TestParseHistoryNamesTheDamage(t *testing.T) {
	const invoke = `{"index":0,"time":5,"process":0,"type":"invoke","f":"get"}` + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"index jumps", invoke + `{"index":2,"time":6,"process":0,"type":"ok","f":"get"}` + "\n", "line 2, column 10: index 2, want 1"},
		{"unknown type", `{"index":0,"time":5,"process":0,"type":"done","f":"get"}` + "\n", `line 1, column 40: unknown type "done"`},
		{"time goes back", invoke + `{"index":1,"time":4,"process":0,"type":"ok","f":"get"}` + "\n", "line 2, column 19: time 4 is before 5"},
		{"negative time", `{"index":0,"time":-5,"process":0,"type":"invoke","f":"get"}` + "\n", "line 1, column 19: time -5 is negative"},
		{"no invocation", `{"index":0,"time":5,"process":0,"type":"ok","f":"get"}` + "\n", "line 1, column 31: process 0 completes get without an invocation"},
		{"another call", invoke + `{"index":1,"time":6,"process":0,"type":"ok","f":"put"}` + "\n", "completes put without"},
		{"two open calls", invoke + `{"index":1,"time":6,"process":0,"type":"invoke","f":"put"}` + "\n", "invokes put while its get is open"},
		{"a retired process", invoke + `{"index":1,"time":6,"process":0,"type":"info","f":"get"}` + "\n" + `{"index":2,"time":6,"process":0,"type":"invoke","f":"get"}` + "\n", "after a call of unknown outcome"},
		{"invalid UTF-8", `{"index":0,"time":5,"process":0,"type":"invoke","f":"g` + "\xff" + `"}` + "\n", "line 1, column 55: not valid UTF-8"},
		{"no JSON", invoke + "hello\n", "line 2, column 1: not an op"},
		{"an empty line", invoke + "\n", "line 2: it is empty"},
		{"a foreign field", `{"index":0,"time":5,"process":0,"type":"invoke","f":"get","colour":1}` + "\n", "unknown field"},
		{"two on a line", `{"index":0,"time":5,"process":0,"type":"invoke","f":"get"} 7` + "\n", "something follows"},
		{"a strange process", `{"index":0,"time":5,"process":-7,"type":"invoke","f":"get"}` + "\n", "process -7"},
		{"a heal without begin", `{"index":0,"time":5,"process":-1,"type":"ok","f":"heal","value":{"id":"f1"}}` + "\n", `completes heal of "f1" without`},
		{"a fault of the future", `{"index":0,"time":5,"process":-1,"type":"invoke","f":"inject","value":{"id":"f1","issued":6}}` + "\n", "not before it was recorded"},
		{"an endless run", `{"index":0,"time":9000000000000000000,"process":0,"type":"invoke","f":"get"}` + "\n", "the longest run that is read"},
		{"no f", `{"index":0,"time":5,"process":0,"type":"invoke"}` + "\n", "f is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := ParseHistory([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestParseHistoryTakesOtherJSONToo(t *testing.T) {
	ops, _, err := ParseHistory([]byte(`{ "f": "get", "process": 3, "type": "invoke", "time": 7, "index": 0, "value": {"key" : "a"} }` + "\n"))
	require.NoError(t, err)
	require.Equal(t, history.Op{Time: 7, Process: 3, Type: history.Invoke, F: "get", Kind: history.KindRead, Value: []byte(`{"key" : "a"}`)}, ops[0])
}

// FuzzParseHistory: it never panics, and what it reads is in order.

func TestFolder(t *testing.T) {
	root := t.TempDir()
	_, err := Create(root, "../evil")
	require.ErrorContains(t, err, "is not allowed")
	f, err := Create(root, "one")
	require.NoError(t, err)
	_, err = Create(root, "one")
	require.ErrorContains(t, err, "exist")
	_, err = Open(f.Dir())
	require.ErrorContains(t, err, "no run.json")
	require.NoError(t, f.WriteRun(Run{ID: "one", Verdicts: []history.Verdict{{Checker: "c", Artifacts: map[string][]byte{"history.html": []byte("x")}}}}))
	require.FileExists(t, f.Path("history.html"))
	g, err := Open(filepath.Join(root, Latest))
	require.NoError(t, err)
	run, err := g.ReadRun()
	require.NoError(t, err)
	require.Equal(t, []string{"history.html"}, run.Verdicts[0].ArtifactNames)
	require.ErrorContains(t, f.WriteRun(Run{Verdicts: []history.Verdict{{Artifacts: map[string][]byte{"../x": nil}}}}), "not allowed")
	require.ErrorContains(t, f.WriteRun(Run{Verdicts: []history.Verdict{{Artifacts: map[string][]byte{HistoryFile: nil}}}}), "not allowed")
	_, err = Create(root, "two")
	require.NoError(t, err)
	link, err := os.Readlink(filepath.Join(root, Latest))
	require.NoError(t, err)
	require.Equal(t, "two", link)
	for _, c := range []struct{ name, content, want string }{
		{"foreign", `{"format":99}`, "its format is 99"},
		{"broken", `{`, "unexpected end"},
	} {
		dir := filepath.Join(root, c.name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, RunFile), []byte(c.content), 0o644))
		_, err := Open(dir)
		require.ErrorContains(t, err, c.want)
	}
	_, err = Open(filepath.Join(root, "nowhere"))
	require.ErrorContains(t, err, "there is no such folder")
	left, err := filepath.Glob(filepath.Join(root, "*", ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
