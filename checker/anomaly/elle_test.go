package anomaly

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// elleCase is a history that Elle's tests, README or paper give with what Elle finds in it. Here are the
// facts of https://github.com/jepsen-io/elle at ccdee6f: test/elle/list_append_test.clj (L),
// test/elle/rw_register_test.clj (R), histories/, README.markdown, paper/elle.pdf.
//
// A transaction is a word for its process, of 0 where it is left out, one for its outcome, where that is
// not ok, and its ops: a:x:1 appends 1 to x, w:x:1 writes it, r:x:1,2 reads the list [1 2], r:x:1 also
// the value 1, r:x: what was never written.
type elleCase struct {
	from  string
	txns  []string
	when  string // calls and returns in their order, as "1 2 2' 1'"; "": one transaction after the other
	level string // that was asked for
	opt   Options
	want  string // the names, in alphabetical order
	only  string // the name that was asked for instead of a level
	// also are names that Elle does not give there, and why.
	also, why string
}

const (
	wfr     = "here a transaction's write always follows what it read of the key, in Elle where wfr-keys? says so"
	nowhere = "here a value from nowhere has a name"
)

var elleLists = []elleCase{
	{from: "L checker-test G0", txns: []string{"a:x:1 a:y:1", "a:x:2 a:y:2", "r:x:1,2 r:y:2,1"}, level: "read-uncommitted", want: "G0"},
	{from: "L checker-test G1a", txns: []string{"fail a:x:1", "r:x:1"}, level: "read-uncommitted"},
	{from: "L checker-test G1a", txns: []string{"fail a:x:1", "r:x:1"}, level: "read-committed", want: "G1a"},
	{from: "L checker-test G1a", txns: []string{"fail a:x:1", "r:x:1"}, level: "repeatable-read", want: "G1a"},
	{from: "L checker-test G1b", txns: []string{"a:x:1 a:x:2", "r:x:1"}, level: "read-committed", want: "G1b"},
	{from: "L checker-test G1b", txns: []string{"a:x:1 a:x:2", "r:x:1"}, level: "strict-serializable", want: "G-single-item G1b"},
	{from: "L checker-test G1c", txns: []string{"a:x:1 r:y:1", "a:x:2 a:y:1", "r:x:1,2 r:y:1"}, level: "read-uncommitted"},
	{from: "L checker-test G1c", txns: []string{"a:x:1 r:y:1", "a:x:2 a:y:1", "r:x:1,2 r:y:1"}, level: "read-committed", want: "G1c"},
	{from: "L checker-test G-single", txns: []string{"a:x:1 a:y:1", "a:x:2 r:y:", "r:x:1,2"}, level: "read-committed"},
	{from: "L checker-test G-single", txns: []string{"a:x:1 a:y:1", "a:x:2 r:y:", "r:x:1,2"}, level: "serializable", want: "G-single-item"},
	{from: "L checker-test G2", txns: []string{"a:x:1 r:y:", "a:y:1 r:x:"}, level: "read-committed"},
	{from: "L checker-test G2", txns: []string{"a:x:1 r:y:", "a:y:1 r:x:"}, level: "repeatable-read", want: "G2-item"},
	{from: "L checker-test G2", txns: []string{"a:x:1 r:y:", "a:y:1 r:x:"}, level: "serializable", want: "G2-item"},
	{from: "L checker-test Strong SI violation", txns: []string{"0 a:x:1", "1 a:x:2", "2 r:x:1", "3 r:x:1,2"}, level: "serializable"},
	{from: "L checker-test Strong SI violation", txns: []string{"0 a:x:1", "1 a:x:2", "2 r:x:1", "3 r:x:1,2"}, level: "strict-serializable", want: "G-single-item-realtime"},
	{from: "L checker-test Strong Session SI violation", txns: []string{"0 a:x:1", "1 a:x:2", "1 r:x:1", "2 r:x:1,2"}, level: "serializable"},
	{from: "L checker-test Strong Session SI violation", txns: []string{"0 a:x:1", "1 a:x:2", "1 r:x:1", "2 r:x:1,2"}, level: "strong-session-snapshot-isolation", want: "G-single-item-process"},
	{from: "L checker-test G-nonadjacent-process", txns: []string{"0 r:x: r:z:1", "1 a:x:1", "1 r:z:", "2 a:z:1"}, level: "serializable"},
	{from: "L checker-test G-nonadjacent-process", txns: []string{"0 r:x: r:z:1", "1 a:x:1", "1 r:z:", "2 a:z:1"}, level: "strong-session-snapshot-isolation", want: "G-nonadjacent-item-process"},
	{from: "L checker-test contradictory read orders", txns: []string{"a:x:1 r:y:1", "a:x:2", "a:x:3 a:y:1", "r:x:1,3", "r:x:1,2,3"}, level: "read-committed", want: "G1c incompatible-order"},
	{from: "L checker-test dirty update none", txns: []string{"fail a:x:1"}, only: "dirty-update"},
	{from: "L checker-test dirty update direct", txns: []string{"0 fail a:x:1", "1 a:x:2", "2 r:x:1,2"}, only: "dirty-update", want: "dirty-update"},
	{from: "L checker-test dirty update indirect", txns: []string{"0 fail a:x:1", "1 info a:x:2", "2 a:x:3", "3 r:x:1,2,3"}, only: "dirty-update", want: "dirty-update"},
	{from: "L checker-test duplicated elements", txns: []string{"a:x:1 r:y:1", "a:x:2 a:y:1", "r:x:1,2,1"}, level: "read-committed", want: "G1c duplicate-elements"},
	{from: "L checker-test internal consistency violation", txns: []string{"a:x:1 a:x:2 a:x:4", "a:x:3 r:x:1,2,3,4"}, only: "internal", want: "internal"},
	{from: "L g1a-cases-test", txns: []string{"r:x:1 a:x:2", "r:x:1,2 r:y:3", "fail a:x:1"}, only: "G1a", want: "G1a"},
	{from: "L g1b-cases-test", txns: []string{"r:x:1", "r:x:1,2 r:y:3", "a:x:1 a:x:2", "r:x:1,2,3"}, only: "G1b", want: "G1b"},
	{from: "L g1b-cases-test internal reads", txns: []string{"a:x:1 r:x:1 a:x:2"}, only: "G1b"},
	{from: "L internal-cases-test good", txns: []string{"r:y:5,6 a:x:3 r:x:1,2,3 a:x:4 r:x:1,2,3,4"}, only: "internal"},
	{from: "L internal-cases-test read nil, then something", txns: []string{"r:x: r:x:2"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test stale", txns: []string{"r:x:1,2 a:x:3 r:x:1,2"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test bad prefix", txns: []string{"r:x:1,2 a:x:3 r:x:0,2,3"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test extension", txns: []string{"r:x:1,2 a:x:3 r:x:1,2,3,4"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test short read", txns: []string{"r:x:1,2 a:x:3 r:x:1"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test append, disagreement", txns: []string{"a:x:3 r:x:1,2,3,4"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test append, short read", txns: []string{"a:x:3 r:x:"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test FaunaDB, and the paper, 7", txns: []string{"a:0:6 r:0:"}, only: "internal", want: "internal"},
	{from: "L internal-cases-test future read external", txns: []string{"r:x:0,1,2 a:x:1"}, only: "future-read", want: "future-read"},
	{from: "L internal-cases-test future read internal", txns: []string{"a:x:1 r:x:0,1 a:x:0 a:x:3"}, only: "future-read", want: "future-read"},
	{from: "L future-read-test", txns: []string{"r:x:1 a:x:1"}, level: "read-committed", want: "future-read"},
	{from: "L unobserved-write-test", txns: []string{"a:x:1 a:y:1", "a:x:2 a:y:2", "a:x:3 a:y:3", "r:x:1,2", "r:y:2"}, when: "1 2 3 4 5 1' 2' 3' 4' 5'", level: "serializable", want: "G-single-item G0"},
	{from: "L repeatable-read-test", txns: []string{"r:x: a:y:1", "r:y: a:x:1"}, level: "read-committed"},
	{from: "L repeatable-read-test", txns: []string{"r:x: a:y:1", "r:y: a:x:1"}, level: "repeatable-read", want: "G2-item"},
	{from: "L G-nonadjacent-test", txns: []string{"a:x:1", "r:x:1 r:y:", "a:y:1", "r:y:1 r:x:"}, level: "serializable", want: "G-nonadjacent-item"},
	{from: "L G-nonadjacent-test, adjacent rw", txns: []string{"r:x:5 a:y:1", "r:y: a:z:2", "r:z: a:t:3", "r:t:3 a:u:4", "r:u: a:x:5"}, level: "snapshot-isolation"},
	{from: "L lost-update-test", txns: []string{"a:x:0", "r:x:0 a:x:1", "r:x:0 a:x:2"}, level: "serializable", want: "G2-item lost-update"},
	{from: "L lost-update-test one txn, double write", txns: []string{"r:x: a:x:1 a:x:2", "r:x:1,2"}, level: "strict-serializable"},
	{from: "L wr-process-test", txns: []string{"1 r:x:1 a:y:1", "2 r:y:1", "2 a:x:1"}, level: "strong-session-snapshot-isolation", want: "G1c-process"},
	{from: "L rr-g-single-item-test", txns: []string{"a:x:1 a:y:1", "r:x:1 r:y:"}, level: "repeatable-read", want: "G-single-item"},
	{from: "L rr-g-nonadjacent-item-test", txns: []string{"a:x:1 a:t:1", "r:x:1 r:y:", "a:y:1 a:z:2", "r:z:2 r:t:"}, level: "repeatable-read", want: "G-nonadjacent-item"},
	{from: "L intermediate-sequential-extension-test, histories/si-without-g-single.edn", txns: []string{"2 a:9:2", "4 a:8:1 r:9:", "7 r:6: r:8: a:9:5", "9 a:6:2 r:9:2"}, level: "snapshot-isolation"},
	{from: "L intermediate-sequential-extension-test, histories/si-without-g-single.edn", txns: []string{"2 a:9:2", "4 a:8:1 r:9:", "7 r:6: r:8: a:9:5", "9 a:6:2 r:9:2"}, level: "repeatable-read", want: "G2-item"},
	{from: "L graph-test Adya, Liskov and O'Neil, figure 3", txns: []string{"a:z:1 a:x:1 a:y:1", "r:x:1 a:y:2", "r:y:1,2 a:z:3", "r:z:1,3"}, level: "serializable"},
	{from: "L graph-test info reads", txns: []string{"info a:x:2 r:y:", "a:x:1 a:y:1", "r:x:1,2 r:y:1"}, level: "serializable"},
	{from: "README", txns: []string{"0 a:x:1 r:y:1", "1 a:x:2 a:y:1", "2 r:x:1,2"}, level: "serializable", want: "G1c"},
	{from: "histories/paper-example.edn, the paper, 1", txns: []string{
		"a:253:1 a:253:3 a:253:4 a:255:2 a:255:3 a:255:4 a:255:5 a:256:1 a:256:2", "a:255:8 r:253:1,3,4",
		"a:256:4 r:255:2,3,4,5,8 r:256:1,2,4 r:253:1,3,4", "a:250:10 r:253:1,3,4 r:255:2,3,4,5 a:256:3",
	}, level: "serializable", want: "G2-item"},
	// The three transactions that the paper shows; who appended 2 and 1 before is left out there.
	{from: "the paper, 7: TiDB", txns: []string{"a:34:2", "a:34:1", "r:34:2,1 a:36:5 a:34:4", "a:34:5", "r:34:2,1,5,4"}, level: "snapshot-isolation", want: "G-single-item"},
	// The same: both lists are cut off at their begin, and end with these.
	{from: "the paper, 7: YugaByte DB", txns: []string{"a:4:874 a:4:877 a:4:883 a:3:831 a:3:833 a:3:836", "a:3:837 r:4:874,877,883", "a:4:885 r:3:831,833,836"}, level: "snapshot-isolation"},
	{from: "the paper, 7: YugaByte DB", txns: []string{"a:4:874 a:4:877 a:4:883 a:3:831 a:3:833 a:3:836", "a:3:837 r:4:874,877,883", "a:4:885 r:3:831,833,836"}, level: "serializable", want: "G2-item"},
}

var elleRegisters = []elleCase{
	{from: "R checker-test Read read returns what was just been written", txns: []string{"w:x:1", "r:x:2", "r:x:1"}, level: "strict-serializable", opt: Options{LinearizableKeys: true}, want: "cyclic-versions", also: "unwritten", why: nowhere},
	{from: "R checker-test G0 naively", txns: []string{"0 w:x:1 w:y:2", "1 w:x:2 w:y:1"}, only: "G0"},
	{from: "R checker-test G0", txns: []string{"0 w:x:1 w:y:2", "1 w:x:2 w:y:1", "0 r:x:2", "1 r:y:2"}, opt: Options{SequentialKeys: true}, only: "G0", want: "G0"},
	{from: "R checker-test G1a", txns: []string{"r:x:1", "fail w:x:1"}, level: "read-committed", want: "G1a"},
	{from: "R checker-test G1b", txns: []string{"w:x:1 w:x:2", "r:x:1"}, level: "repeatable-read", want: "G1b"},
	{from: "R checker-test G-single transaction-order, without one", txns: []string{"r:x: w:y:2", "w:x:3 w:y:4"}, level: "serializable"},
	{from: "R checker-test G2-item transaction-order, without one", txns: []string{"w:x:1 w:y:2 w:z:3", "r:x:1 w:y:5", "r:z:3 w:x:4", "w:z:7 w:y:8"}, level: "serializable"},
	{from: "R checker-test G1c", txns: []string{"w:x:1 r:y:1", "w:y:1 r:x:1"}, level: "read-uncommitted"},
	{from: "R checker-test G1c", txns: []string{"w:x:1 r:y:1", "w:y:1 r:x:1"}, level: "read-committed", want: "G1c"},
	{from: "R checker-test G1c", txns: []string{"w:x:1 r:y:1", "w:y:1 r:x:1"}, level: "serializable", want: "G1c"},
	{from: "R checker-test G2-item", txns: []string{"0 r:x:1 r:y:1", "1 r:x:1 w:y:2", "2 r:y:1 w:x:2"}, when: "1 1' 2 3 3' 2'", level: "read-committed", opt: Options{LinearizableKeys: true}, also: "unwritten", why: nowhere},
	{from: "R checker-test G2-item", txns: []string{"0 r:x:1 r:y:1", "1 r:x:1 w:y:2", "2 r:y:1 w:x:2"}, when: "1 1' 2 3 3' 2'", level: "repeatable-read", opt: Options{LinearizableKeys: true}, want: "G2-item", also: "unwritten", why: nowhere},
	{from: "R checker-test internal", txns: []string{"r:x:1 r:x:2"}, only: "internal", want: "internal"},
	{from: "R checker-test initial state", txns: []string{"r:x: r:y:1", "w:y:1 w:x:2"}, when: "1 2 2' 1'", level: "serializable", want: "G-single-item"},
	{from: "R checker-test wfr", txns: []string{"0 r:y:1 w:x:1 w:y:2", "1 r:x:1 r:y:1"}, level: "serializable", want: "G-single-item", also: "unwritten", why: nowhere},
	{from: "R checker-test cyclic version order", txns: []string{"w:x:1", "w:x:2", "r:x:1"}, level: "strict-serializable", opt: Options{SequentialKeys: true}, want: "cyclic-versions"},
	{from: "R lost-update-test", txns: []string{"0 r:x:0 w:x:1", "1 r:x:0 w:x:2"}, level: "serializable", want: "lost-update", also: "G2-item unwritten", why: wfr + "; " + nowhere},
	// Elle says G1c-realtime, since it does not look at processes where it looks at real time. It is in one process.
	{from: "R scc-sort-bug-test", txns: []string{"r:x:1", "r:x:", "r:x:4 w:x:3", "w:x:4"}, level: "strict-serializable", opt: Options{LinearizableKeys: true}, want: "G1c-process cyclic-versions", also: "unwritten", why: nowhere},
	{from: "R cyclic-versions-bug-test", txns: []string{"0 r:1:", "1 w:1:4", "0 r:1:4"}, when: "1 2 1' 2' 3 3'", level: "serializable", opt: Options{LinearizableKeys: true}},
	{from: "R internal-cases-test good", txns: []string{"r:y:2 w:x:2 r:x:2 w:x:1 r:x:1"}, only: "internal"},
	{from: "R internal-cases-test stale", txns: []string{"r:x:1 w:x:2 r:x:1"}, only: "internal", want: "internal"},
	{from: "R internal-cases-test nil read", txns: []string{"r:x: r:x:2"}, only: "internal", want: "internal"},
	{from: "R g1a-cases-test good", txns: []string{"w:x:1", "r:x:1"}, only: "G1a"},
	{from: "R g1a-cases-test bad", txns: []string{"r:x:2", "fail w:x:2"}, only: "G1a", want: "G1a"},
	{from: "R g1b-cases-test good", txns: []string{"w:x:1 w:x:2", "r:x: r:x:2"}, only: "G1b"},
	{from: "R g1b-cases-test bad", txns: []string{"r:x:2", "w:x:2 w:x:1"}, only: "G1b", want: "G1b"},
	{from: "R wr-graph-test chain on one register", txns: []string{"r:x:0 w:x:1", "r:x:1 w:x:0"}, only: "G1c", want: "G1c"},
	{from: "R wr-graph-test chain across two registers", txns: []string{"r:x:0 w:y:1", "r:y:1 w:x:0"}, only: "G1c", want: "G1c"},
	{from: "R wr-graph-test write skew", txns: []string{"r:x:0 r:y:0 w:x:1", "r:x:0 r:y:0 w:y:1"}, only: "G1c"},
	{from: "the paper, 7: Dgraph, internal", txns: []string{"w:10:2 r:10:1"}, only: "internal", want: "internal"},
	{from: "the paper, 7: Dgraph, cyclic versions", txns: []string{"0 r:541: w:540:2", "1 r:540: w:544:1"}, level: "snapshot-isolation", opt: Options{LinearizableKeys: true}, want: "cyclic-versions"},
	{from: "the paper, 7: Dgraph, read skew", txns: []string{"0 r:2432:10 r:2434:", "1 w:2434:10", "2 w:2432:10 r:2434:10"}, when: "1 2 3 3' 2' 1'", level: "snapshot-isolation", want: "G-single-item"},
}

// TestElle: names agree with Elle's on what Elle publishes.
func TestElle(t *testing.T) {
	for _, c := range append(slices.Clone(elleLists), elleRegisters...) {
		lists := strings.Contains(strings.Join(c.txns, " "), "a:")
		t.Run(c.from+" "+c.level+c.only, func(t *testing.T) {
			level := Level{Forbids: []string{c.only}}
			if c.only == "" {
				var ok bool
				level, ok = LevelNamed(c.level)
				require.True(t, ok)
			}
			c.opt.Realtime, c.opt.Process = level.Realtime, level.Process
			got := Check(elleTxns(t, c.txns, c.when, lists), c.opt, names)
			require.Empty(t, got.Problem)
			forbidden := level.Forbidden()
			found := slices.DeleteFunc(got.Names(), func(n string) bool { return !forbidden[n] })
			want := append(strings.Fields(c.want), strings.Fields(c.also)...)
			slices.Sort(want)
			require.Equal(t, want, append([]string{}, found...), "%+v", got.Anomalies)
			require.Equal(t, c.also == "", c.why == "")
		})
	}
}

// elleTxns reads transactions. Keys and values are numbered as they come.
func elleTxns(t *testing.T, words []string, when string, lists bool) []Txn {
	keys := map[string]int32{}
	of := func(s string) int32 {
		if _, ok := keys[s]; !ok {
			keys[s] = int32(len(keys))
		}
		return keys[s]
	}
	value := func(s string) int32 {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		return int32(n)
	}
	txns := make([]Txn, len(words))
	for i, w := range words {
		for _, f := range strings.Fields(w) {
			part := strings.Split(f, ":")
			switch {
			case len(part) == 1 && f == "fail":
				txns[i].Outcome = Aborted
			case len(part) == 1 && f == "info":
				txns[i].Outcome = Unknown
			case len(part) == 1:
				txns[i].Process = int(value(f))
			default:
				o := Op{Key: of(part[1])}
				switch {
				case part[0] == "a":
					o.Kind, o.Value = Append, value(part[2])
				case part[0] == "w":
					o.Kind, o.Value = Write, value(part[2])
				case !lists && part[2] == "":
					o.Kind, o.Value = Read, None
				case !lists && !strings.Contains(part[2], ","):
					o.Kind, o.Value = Read, value(part[2])
				default:
					o.Kind = ReadList
					for _, v := range strings.FieldsFunc(part[2], func(r rune) bool { return r == ',' }) {
						o.List = append(o.List, value(v))
					}
				}
				txns[i].Ops = append(txns[i].Ops, o)
			}
		}
	}
	if when == "" {
		for i := range txns {
			when += fmt.Sprintf("%d %d' ", i+1, i+1)
		}
	}
	for at, f := range strings.Fields(when) {
		if n, ok := strings.CutSuffix(f, "'"); ok {
			txns[value(n)-1].Return = int64(at)
		} else {
			txns[value(f)-1].Call = int64(at)
		}
	}
	for i := range txns {
		if txns[i].Outcome == Unknown {
			txns[i].Return = Never
		}
	}
	return txns
}
