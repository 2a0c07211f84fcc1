package formats

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

func init() {
	seeds = append(seeds, ednPlain, ednRecords, ednKeys, ednAppend, ednSet, ednBank, oldLog, kvLog, robustPut, robustTxnLost, robustWatched)
}

const (
	ednPlain = `{:type :invoke, :f :write, :value 1, :process 0, :time 10, :index 0}
{:type :info, :f :kill, :value nil, :process :nemesis, :time 11, :index 1}
{:type :ok, :f :write, :value 1, :process 0, :time 12, :index 2}
{:type :invoke, :f :cas, :value [1 2], :process 1, :time 13, :index 3}
{:type :fail, :f :cas, :value [1 2], :process 1, :time 14, :index 4, :error "x"}
{:type :invoke, :f :read, :value nil, :process 0, :time 15, :index 5}
{:type :ok, :f :read, :value 1, :process 0, :time 16, :index 6}
`
	ednRecords = `[#jepsen.history.Op{:index 0, :time 1, :type :invoke, :process 0, :f :write, :value 7}
 #jepsen.history.Op{:index 1, :time 2, :type :info, :process 0, :f :write, :value :timed-out} ; unknown
 #jepsen.history.Op{"index" 2, :time 3, :type "invoke", :process 1, :f "read", :value nil}
 #jepsen.history.Op{:index 3, :time 4, :type :ok, :process 1, :f :read, :value 7}]`
	ednKeys = `{:type :invoke, :f :write, :value ["x" 1], :process 0}
{:type :ok, :f :write, :value ["x" 1], :process 0}
{:type :invoke, :f :cas, :value ["x" [1 2]], :process 0}
{:type :ok, :f :cas, :value ["x" [1 2]], :process 0}
{:type :invoke, :f :read, :value ["x" nil], :process 0}
{:type :ok, :f :read, :value ["x" 1], :process 0}
`
	ednAppend = `{:type :invoke, :f :txn, :value [[:append 3 1] [:r 3 nil]], :process 0}
{:type :ok, :f :txn, :value [[:append 3 1] [:r 3 [1]]], :process 0}
`
	ednSet = `{:type :invoke, :f :add, :value 5, :process 0}
{:type :ok, :f :add, :value 5, :process 0}
{:type :invoke, :f :read, :process 0}
{:type :ok, :f :read, :value #{5}, :process 0}
`
	ednBank = `{:type :invoke, :f :transfer, :value {:from 0, :to 1, :amount 3}, :process 0}
{:type :ok, :f :transfer, :value {:from 0, :to 1, :amount 3}, :process 0}
{:type :invoke, :f :read, :process 1}
{:type :ok, :f :read, :value {0 7, 1 13}, :process 1}
{:type :invoke, :f :read, :process 1}
{:type :ok, :f :read, :value {0 7, 1 13}, :process 1}
`
	oldLog = "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.core - ready\nINFO  jepsen.util - 0\t:ok\t:write\t3\n" +
		"INFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 1\t:invoke\t:cas\t[4 5]\nINFO  jepsen.util - 1\t:fail\t:cas\t[4 5]\n" +
		"INFO  jepsen.util - 2\t:invoke\t:read\tnil\nINFO  jepsen.util - 2\t:ok\t:read\t3\n"
	kvLog = `{:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}
{:process 9, :type :ok, :f :append, :key "0", :value "x 9 0 y"}
{:process 9, :type :invoke, :f :get, :key "0", :value nil}
{:process 9, :type :ok, :f :get, :key "0", :value "x 9 0 y"}
`
)

func TestForeign(t *testing.T) {
	for _, c := range []struct {
		name, text, format string
		want               history.Validity
	}{
		{"register", ednPlain, "edn", history.Valid},
		{"records in a vector, an unknown write", ednRecords, "edn", history.Valid},
		{"a vector with each op on its line", "[\n" + ednPlain + "]\n", "edn", history.Valid},
		{"a comment, a list, blanks in maps", "; from a test\n( " + strings.ReplaceAll(ednPlain, "{:", "{ :") + ")", "edn", history.Valid},
		{"independent keys, a stale read", ednKeys, "edn", history.Invalid},
		{"a log, a failed cas", oldLog, "jepsen-log", history.Valid},
		{"a log, a failed cas that should have worked", strings.ReplaceAll(oldLog, "[4 5]", "[3 5]"), "jepsen-log", history.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, text := range []string{c.text, compress(t, c.text)} {
				h, err := Read(write(t, text), "")
				require.NoError(t, err)
				require.Empty(t, h.Warning)
				require.Equal(t, c.format, h.Format)
				require.Equal(t, []string{"linearizable"}, h.Judges())
				vs, err := h.Check(t.Context(), h.Judges()...)
				require.NoError(t, err)
				require.Equal(t, c.want, vs[0].Validity, vs[0].Reason)
			}
		})
	}
}

func TestForeignOps(t *testing.T) {
	for _, c := range []struct {
		name, text, f, value string // of the last line
		kind                 history.Kind
	}{
		{"list-append", ednAppend, "txn", `{"ops":[["append",3,1],["r",3,[1]]]}`, history.KindWrite},
		{"set", ednSet, "read", `{"elements":[5]}`, history.KindRead},
		{"key-value log", kvLog, "get", `{"key":"0","value":"x 9 0 y"}`, history.KindRead},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Read(write(t, c.text), "")
			require.NoError(t, err)
			last := h.Ops[len(h.Ops)-1]
			require.Equal(t, c.f, last.F)
			require.JSONEq(t, c.value, string(last.Value))
			require.Equal(t, c.kind, h.Ops[len(h.Ops)-2].Kind, "of its invocation")
		})
	}
}

func TestForeignDamage(t *testing.T) {
	const w = "{:type :invoke, :f :write, :value 1, :process 0, :time 5, :index 0}\n"
	for _, c := range []struct{ name, text, want string }{
		{"truncated first op", w[:30], "line 1, column 1: the file ends inside a form"},
		{"interleaved", w + "{:type :inv" + w, "line 2, column"},
		{"two open calls", w + "{:type :invoke, :f :read, :value nil, :process 0, :time 6, :index 1}\n", "line 2, column 1: process 0 invokes read while its write is open"},
		{"duplicated index", w + "{:type :ok, :f :write, :value 1, :process 0, :time 6, :index 0}\n", "line 2, column 1: index 0 comes after 0"},
		{"completion without invocation", w + "{:type :ok, :f :read, :value 1, :process 3, :time 6, :index 1}\n", "line 2, column 1: process 3 completes read without an invocation"},
		{"time goes back", w + "{:type :ok, :f :write, :value 1, :process 0, :time 4, :index 1}\n", "line 2, column 1: time 4 is before 5"},
		{"unknown type", w + "{:type :done, :f :write, :value 1, :process 0, :time 6, :index 1}\n", `line 2, column 1: unknown type "done"`},
		{"invalid UTF-8", w + "{:type :ok, :f \"\xff\"}", "line 2, column 17: not valid UTF-8"},
		{"an odd map", "{:type}", "line 1, column 1: a map of 1 forms"},
		{"no op", "{:type :ok}\n", "it has no :process"},
		{"nothing to close", w + "  ]", `line 2, column 3: ']' closes nothing`},
		{"too deep", w + deep, "nested more than 100 deep"},
		{"unknown op", w + "{:type :invoke, :f :swap, :value 1, :process 1}", `line 2, column 1: unknown op "swap" of a register`},
		{"a log with a foreign line", oldLog + "hello\n", "line 9, column 1: not a line of a Jepsen log"},
		{"a log line without its value", oldLog + "INFO  jepsen.util - 2\t:ok\n", "line 9, column 1: an op is process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(write(t, c.text), "")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	// From one process to another it may, where indexes tell the order.
	other := "{:type :invoke, :f :read, :value nil, :process 1, :time 4, :index 1}\n"
	h, err := Read(write(t, w+other), "")
	require.NoError(t, err)
	require.Equal(t, []time.Duration{5, 5}, []time.Duration{h.Ops[0].Time, h.Ops[1].Time})
	require.Contains(t, h.Warning, "times go back, 1 in all and by up to 1ns: the order of ops is that of their indexes")
	_, err = Read(write(t, strings.ReplaceAll(w+other, ", :index", ", :no")), "")
	require.ErrorContains(t, err, "line 2, column 1: time 4 is before 5")

	h, err = Read(write(t, w+w[:20]), "")
	require.NoError(t, err)
	require.Equal(t, "line 2: the op has no end and was left out", h.Warning)
}

var deep = func() string {
	b := make([]byte, 200)
	for i := range b {
		b[i] = '['
	}
	return string(b)
}()
