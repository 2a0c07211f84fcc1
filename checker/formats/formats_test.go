package formats

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func compress(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

const (
	put    = `{"index":0,"time":1,"process":0,"type":"invoke","f":"put","value":{"key":"a","value":"1"}}` + "\n"
	putOK  = `{"index":1,"time":2,"process":0,"type":"ok","f":"put","value":{"key":"a","value":"1"}}` + "\n"
	get    = `{"index":2,"time":3,"process":0,"type":"invoke","f":"get","value":{"key":"a"}}` + "\n"
	getOK  = `{"index":3,"time":4,"process":0,"type":"ok","f":"get","value":{"key":"a","value":"1"}}` + "\n"
	getBad = `{"index":3,"time":4,"process":0,"type":"ok","f":"get","value":{"key":"a","value":null}}` + "\n"
)

// TestJSONL: the compact way, the way by lines, and a compressed file judge alike.
func TestJSONL(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       history.Validity
	}{
		{"valid", put + putOK + get + getOK, history.Valid},
		{"invalid", put + putOK + get + getBad, history.Invalid},
		{"nothing read", put + putOK, history.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			var reasons []string
			for _, text := range []string{c.text, compress(t, c.text), "{ " + c.text[1:]} {
				h, err := Read(write(t, text), "")
				require.NoError(t, err)
				require.Equal(t, "jsonl", h.Format)
				require.Empty(t, h.Warning)
				require.Equal(t, []string{"linearizable"}, h.Judges())
				vs, err := h.Check(t.Context(), "linearizable")
				require.NoError(t, err)
				require.Equal(t, c.want, vs[0].Validity, vs[0].Reason)
				reasons = append(reasons, vs[0].Reason)
				vs, err = h.Check(t.Context(), "linearizable", "durable") // by lines
				require.NoError(t, err)
				require.Equal(t, c.want, vs[0].Validity, vs[0].Reason)
				reasons = append(reasons, vs[0].Reason)
			}
			for _, r := range reasons {
				require.Equal(t, reasons[0], r)
			}
		})
	}
}

// TestDamage is issue 5's table of corrupt input: one clear error with its line.
func TestDamage(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"truncated inside", put + putOK[:40] + "\n" + get, "line 2, column 41: not an op: the line ends in the middle"},
		{"interleaved lines", put[:30] + putOK + get, "line 1, column"},
		{"interleaved calls", put + strings.Replace(get, `"index":2`, `"index":1`, 1), "line 2, column 31: process 0 invokes get while its put is open"},
		{"duplicated index", put + putOK + putOK, "line 3, column 10: index 1, want 2: lines are missing or doubled"},
		{"completion without invocation", strings.Replace(putOK, `"index":1`, `"index":0`, 1), "line 1, column 31: process 0 completes put without an invocation"},
		{"time goes back", put + strings.Replace(putOK, `"time":2`, `"time":0`, 1), "line 2, column 19: time 0 is before 1, that of the line above"},
		{"unknown type", put + strings.Replace(putOK, `"ok"`, `"done"`, 1), `line 2, column 40: unknown type "done": allowed are invoke, ok, fail, info`},
		{"invalid UTF-8", put + strings.Replace(putOK, `"1"`, "\"\xff\"", 1), "line 2, column 83: not valid UTF-8"},
		{"a line of 20 MB", put + strings.Repeat("x", 20<<20) + "\n", "line 2: it is longer than 16 MiB"},
		{"a value of another shape", put + strings.Replace(putOK, `"value":"1"`, `"value":1`, 1), "line 2: value of a put: json: cannot unmarshal number"},
		{"no known format", "hello\n", "no known format: allowed are jsonl"},
		{"zstd of nothing known", compress(t, "hello"), "no known format"},
		{"not really zstd", "\x28\xb5\x2f\xfdxxxxxxxxxxxxx", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(write(t, c.text), "")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func TestCutFilesAreReadUpToThere(t *testing.T) {
	whole := put + putOK + get + getOK
	h, err := Read(write(t, whole[:len(whole)-5]), "")
	require.NoError(t, err)
	require.Equal(t, "line 4 has no end and was left out", h.Warning)

	var long strings.Builder
	for i := range 20_000 { // several blocks of zstd
		fmt.Fprintf(&long, `{"index":%d,"time":%d,"process":0,"type":"invoke","f":"put","value":{"key":"a","value":"%d"}}`+"\n", 2*i, i, i*7919)
		fmt.Fprintf(&long, `{"index":%d,"time":%d,"process":0,"type":"ok","f":"put","value":{"key":"a","value":"%d"}}`+"\n", 2*i+1, i, i*7919)
	}
	packed := compress(t, long.String())
	h, err = Read(write(t, packed[:len(packed)*2/3]), "")
	require.NoError(t, err)
	require.Contains(t, h.Warning, "its compressed stream ends early")
}

func TestUnknownNamesSayWhatIsAllowed(t *testing.T) {
	path := write(t, put+putOK+get+getOK)
	_, err := Read(path, "xml")
	require.ErrorContains(t, err, `unknown format "xml": allowed are jsonl`)
	h, err := Read(path, "jsonl")
	require.NoError(t, err)
	_, err = h.Check(t.Context(), "linear")
	require.ErrorContains(t, err, `unknown checker "linear": allowed are linearizable, `)
}

// Whatever a file holds, it is read or refused in one line. Each format has a fuzzer of its own, so that
// none has to guess another's first bytes.

func FuzzRead(f *testing.F) {
	fuzz(f, "", append(slices.Clone(seeds), put+putOK+get+getOK, compress(f, put+putOK+get))...)
}
func FuzzJSONL(f *testing.F) { fuzz(f, "jsonl", put+putOK+get+getOK, compress(f, put+putOK)) }
func FuzzEDN(f *testing.F) {
	fuzz(f, "edn", ednPlain, ednRecords, ednKeys, ednAppend, ednSet, ednBank, kvLog)
}
func FuzzLog(f *testing.F) { fuzz(f, "jepsen-log", oldLog) }
func FuzzRobustness(f *testing.F) {
	fuzz(f, "robustness", robustPut+robustRead, robustTxnLost, robustWatched)
}

func fuzz(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "history")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		h, err := Read(path, format)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NotNil(t, h)
		if bytes.Count(b, []byte{'\n'}) < 20 {
			_, err = h.Check(t.Context(), h.Judges()...)
			require.NoError(t, err)
		}
	})
}

var seeds []string
