package sweep

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/figure"
)

const milli = time.Millisecond

func millisOf(v ...int) (out []time.Duration) {
	for _, x := range v {
		out = append(out, time.Duration(x)*milli)
	}
	return out
}

func upTo(n int) (out []time.Duration) {
	for i := range n {
		out = append(out, time.Duration(i+1)*milli)
	}
	return out
}

func TestFigures(t *testing.T) {
	cases := []struct {
		name                string
		s                   Sample
		p10, p50, p90, high int
		mean                time.Duration
		open50, open90      bool
	}{
		{"one", Sample{Values: millisOf(7)}, 7, 7, 7, 7, 7 * milli, false, false},
		{"ten, in any order", Sample{Values: millisOf(10, 1, 9, 2, 8, 3, 7, 4, 6, 5)}, 1, 5, 9, 10, 5500 * time.Microsecond, false, false},
		{"hundred", Sample{Values: upTo(100)}, 10, 50, 90, 100, 50500 * time.Microsecond, false, false},
		{"censored last", Sample{Values: millisOf(1, 2, 3), Bounds: millisOf(10)}, 1, 2, 10, 10, 4 * milli, false, true},
		{"censored first weighs on the others", Sample{Values: millisOf(2, 3), Bounds: millisOf(1)}, 2, 2, 3, 3, 2 * milli, false, false},
		{"censored only", Sample{Bounds: millisOf(5, 6)}, 6, 6, 6, 6, 5500 * time.Microsecond, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := c.s.Figures()
			want := millisOf(c.p10, c.p50, c.p90, c.high)
			require.Equal(t, want, []time.Duration{f.P10, f.P50, f.P90, f.Max})
			require.Equal(t, c.mean, f.Mean)
			require.Equal(t, []bool{c.open50, c.open90}, []bool{f.Open50, f.Open90})
			require.Equal(t, len(c.s.Values), f.N)
			require.Equal(t, len(c.s.Bounds), f.Censored)
		})
	}
	require.Zero(t, Sample{}.Figures())
}

func TestMedianInterval(t *testing.T) {
	cases := []struct {
		name      string
		s         Sample
		low, high int
		ok        bool
	}{
		{"five are too few", Sample{Values: upTo(5)}, 0, 0, false},
		{"six: least and most", Sample{Values: upTo(6)}, 1, 6, true},
		{"ten", Sample{Values: upTo(10)}, 2, 9, true},
		{"twenty", Sample{Values: upTo(20)}, 6, 15, true},
		{"thousand", Sample{Values: upTo(1000)}, 469, 532, true},
		{"two thousand: no underflow", Sample{Values: upTo(2000)}, 956, 1045, true},
		{"one of eleven censored", Sample{Values: upTo(10), Bounds: upTo(1)}, 1, 10, true},
		{"half are censored", Sample{Values: upTo(10), Bounds: upTo(10)}, 3, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			low, high, ok := c.s.MedianInterval()
			require.Equal(t, c.ok, ok)
			want := millisOf(c.low, c.high)
			if !ok {
				return
			}
			require.Equal(t, want, []time.Duration{low, high})
		})
	}
}

func settings() Settings {
	return Settings{
		Systems: []string{"raftkv"}, Runtime: "sim", Timeouts: millisOf(250, 500), Heartbeats: millisOf(50, 100), Delays: millisOf(0, 5),
		Members: []int{3, 5}, Trials: 5, Stable: time.Minute, Seed: 1,
	}
}

func TestCells(t *testing.T) {
	cells, skipped := settings().Cells()
	require.Len(t, cells, 12)
	require.Len(t, skipped, 4)
	for _, c := range skipped {
		require.Equal(t, Cell{"raftkv", c.Members, c.Delay, 250 * milli, 100 * milli}, c)
	}
	require.Equal(t, "raftkv, 3 members, timeout 250ms, heartbeat 50ms", cells[0].String())
	require.Equal(t, "raftkv, 5 members, delay 5ms, timeout 500ms, heartbeat 100ms", cells[11].String())
}

func TestSettingsCheck(t *testing.T) {
	require.NoError(t, settings().Check())
	cases := []struct {
		name, want string
		change     func(*Settings)
	}{
		{"no timeouts", "--election-timeouts is empty", func(s *Settings) { s.Timeouts = nil }},
		{"zero", "--heartbeats holds 0s: it must be positive", func(s *Settings) { s.Heartbeats = []time.Duration{0} }},
		{"negative", "--delays holds -5ms: it must be positive", func(s *Settings) { s.Delays = millisOf(-5) }},
		{"fractions", "must be whole milliseconds", func(s *Settings) { s.Timeouts = []time.Duration{1500 * time.Microsecond} }},
		{"too long", "at most 50s", func(s *Settings) { s.Timeouts = []time.Duration{time.Minute} }},
		{"twice", "holds 250ms twice", func(s *Settings) { s.Timeouts = millisOf(250, 250) }},
		{"one member", "--nodes holds 1", func(s *Settings) { s.Members = []int{1} }},
		{"no system", "--system is empty", func(s *Settings) { s.Systems = nil }},
		{"a system twice", "--system holds etcd twice", func(s *Settings) { s.Systems = []string{"etcd", "etcd"} }},
		{"members twice", "--nodes holds 3 twice", func(s *Settings) { s.Members = []int{3, 3} }},
		{"trials", "--trials is 0", func(s *Settings) { s.Trials = 0 }},
		{"stable", "--stable is -1s", func(s *Settings) { s.Stable = -time.Second }},
		{"nothing left", "nothing is left to measure", func(s *Settings) { s.Heartbeats = millisOf(200) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settings()
			c.change(&s)
			err := s.Check()
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestReadResults(t *testing.T) {
	line := func(r Result) string {
		b, err := json.Marshal(r)
		require.NoError(t, err)
		return string(b) + "\n"
	}
	a := Result{Cell: Cell{"raftkv", 3, 0, 250 * milli, 50 * milli}, Outages: millisOf(300), Problem: "broke"}
	b := Result{Cell: Cell{"raftkv", 3, 0, 500 * milli, 50 * milli}, Outages: millisOf(600)}
	again := a
	again.Problem = ""
	cases := []struct {
		name, data string
		want       []Result
	}{
		{"empty", "", nil},
		{"two", line(a) + line(b), []Result{a, b}},
		{"cut off", line(a) + line(b)[:20], []Result{a}},
		{"done again", line(a) + line(b) + line(again), []Result{again, b}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadResults([]byte(c.data))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := ReadResults([]byte(line(a) + "{\n"))
	require.ErrorContains(t, err, "line 2")
}

// measured is a cell with outages around median and so many false campaigns.
func measured(timeout, heartbeat, median, campaigns int) Result {
	r := Result{Cell: Cell{"raftkv", 3, 0, time.Duration(timeout) * milli, time.Duration(heartbeat) * milli}, Campaigns: campaigns, Stable: time.Minute}
	r.Outages = millisOf(median-20, median-10, median-5, median, median+5, median+10, median+20)
	return r
}

func TestAdvise(t *testing.T) {
	leaderless := Result{Cell: Cell{"raftkv", 3, 0, 50 * milli, 10 * milli}, Leaderless: true, Stable: 30 * time.Second}
	censored := measured(250, 50, 300, 0)
	censored.Censored = millisOf(1000)
	busy := measured(250, 50, 300, 0)
	busy.Late = 26 * milli
	broken := measured(100, 10, 100, 0)
	broken.Problem = "it broke"
	cases := []struct {
		name   string
		rs     []Result
		choose [2]int // timeout, heartbeat; 0: none
		knee   int    // 0: none
		edge   bool
		words  string
	}{
		{"the shortest without false elections", []Result{measured(100, 20, 150, 9), measured(250, 50, 300, 0), measured(500, 50, 600, 0)}, [2]int{250, 50}, 250, false, "The knee is at 250ms"},
		{"no knee", []Result{measured(250, 50, 300, 0), measured(500, 50, 600, 0)}, [2]int{250, 50}, 250, true, "There is no knee in this grid"},
		{"alike: the longer heartbeat", []Result{measured(500, 25, 600, 0), measured(500, 100, 605, 0)}, [2]int{500, 100}, 500, true, "heartbeat-interval 100ms"},
		{"a false election above hides what is below", []Result{measured(250, 50, 300, 0), measured(500, 50, 600, 1)}, [2]int{250, 50}, 0, false, "choose --election-timeout 250ms"},
		{"all false", []Result{measured(100, 20, 150, 9), measured(250, 50, 300, 1)}, [2]int{}, 0, false, "none of these timeouts can be recommended"},
		{"an outage that did not end", []Result{censored, measured(500, 50, 600, 0)}, [2]int{500, 50}, 250, true, "600 ms in the median"},
		{"nobody led", []Result{leaderless, measured(250, 50, 300, 0)}, [2]int{250, 50}, 250, false, "The knee is at 250ms"},
		{"a busy machine is told", []Result{busy}, [2]int{250, 50}, 250, true, "a probe was sent up to 26 ms late"},
		{"broken cells do not count", []Result{broken, measured(250, 50, 300, 0)}, [2]int{250, 50}, 250, true, "n = 7, 0 censored"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			advice := Advise(c.rs)
			require.Len(t, advice, 1)
			a := advice[0]
			if c.choose[0] == 0 {
				require.Nil(t, a.Best)
			} else {
				want := millisOf(c.choose[:]...)
				require.Equal(t, want, []time.Duration{a.Best.Timeout, a.Best.Heartbeat})
			}
			if c.knee == 0 {
				require.Nil(t, a.Knee)
			} else {
				require.Equal(t, time.Duration(c.knee)*milli, *a.Knee)
			}
			require.Equal(t, c.edge, a.Edge)
			require.Contains(t, a.Text, c.words)
			require.True(t, strings.HasPrefix(a.Text, "raftkv, 3 members: "))
		})
	}
	require.Empty(t, Advise(nil))
}

func TestGridFiles(t *testing.T) {
	s := settings()
	s.Members, s.Delays = []int{3}, millisOf(0)
	broken := Result{Cell: Cell{"raftkv", 3, 0, 500 * milli, 50 * milli}, Problem: "a | b\nc"}
	rs := []Result{measured(500, 100, 600, 0), measured(250, 50, 300, 2), broken}
	figures, err := GridFigures(s, rs)
	require.NoError(t, err)
	require.Len(t, figures, 1)
	f := figures[0]
	require.Equal(t, "sweep", f.Name)
	for _, want := range []string{"raftkv, 3 members on sim", "knee: 500ms", "heartbeat 100ms"} {
		require.Contains(t, string(f.SVG), want)
	}
	none, err := GridFigures(s, rs[2:])
	require.NoError(t, err)
	require.Empty(t, none)
	require.Contains(t, Markdown(Rows(rs)), "| broken: a / b c |")
	p := Page{Title: "Which <timeouts>", Lead: "seed 1", Says: []string{"choose"}, Figures: []figure.Figure{f}, Rows: Rows(rs), Notes: s.Notes(true)}
	page, err := p.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "Which &lt;timeouts&gt;")
	require.Contains(t, string(page), "<svg")
	require.NotContains(t, string(page), "<?xml")
	require.NotRegexp(t, `(src|href)="https?:`, string(page), "nothing is loaded")
	require.Contains(t, string(p.Markdown()), "![sweep](sweep.svg)")
	table, err := CSV(s.Order(rs))
	require.NoError(t, err)
	lines := strings.Split(string(table), "\n")
	require.True(t, strings.HasPrefix(lines[1], "raftkv,3,0.000,250.000,50.000"), "in the grid's order")
}

// TestRead: what is counted lies in the stable time before the faults.
func TestRead(t *testing.T) {
	d := func(v int) *time.Duration { x := time.Duration(v) * milli; return &x }
	event := func(at time.Duration, k raftlog.Kind) raftlog.Event { return raftlog.Event{At: at, Kind: k} }
	kill := &failover.Injected{}
	a := failover.Analysis{
		End:    90 * time.Second,
		Phases: []failover.PhaseMark{{Phase: history.PhaseWarmup}, {Phase: history.PhaseFaults, At: 62 * time.Second}},
		Events: []raftlog.Event{
			event(time.Second, raftlog.Campaign), event(1500*milli, raftlog.BecameLeader), // the start
			event(30*time.Second, raftlog.Campaign), event(31*time.Second, raftlog.Campaign), event(32*time.Second, raftlog.BecameLeader),
			event(62*time.Second, raftlog.Campaign), event(70*time.Second, raftlog.Campaign), // faults
		},
		Faults: make([]failover.Injected, 4),
		Episodes: []failover.Episode{
			{Fault: kill, Writes: failover.Outage{Took: d(300), Resolution: d(3)}},
			{Fault: kill, Writes: failover.Outage{AtLeast: d(900)}},
			{Writes: failover.Outage{Took: d(50)}}, // nobody was killed
			{Fault: kill},
		},
	}
	r := Result{Stable: time.Minute}
	require.NoError(t, r.Read(a, false))
	require.Equal(t, Result{Stable: time.Minute, Outages: millisOf(300), Censored: millisOf(900), Missed: 2, Campaigns: 2, Elections: 1, Resolution: 3 * milli}, r)

	a.Phases = a.Phases[:1]
	require.ErrorContains(t, (&Result{}).Read(a, false), "did not come to its faults")
	a.Faults, a.Episodes = nil, nil
	r = Result{Stable: time.Minute}
	require.NoError(t, r.Read(a, true))
	require.True(t, r.Leaderless)
	require.Equal(t, 5, r.Campaigns)
	require.Equal(t, a.End, r.Stable)
}

func TestNotes(t *testing.T) {
	s := settings()
	require.True(t, slices.ContainsFunc(s.Notes(true), func(n string) bool { return strings.Contains(n, "On sim") }))
	s.Systems, s.Runtime = []string{"raftkv", "etcd"}, "local"
	require.True(t, slices.ContainsFunc(s.Notes(false), func(n string) bool { return strings.Contains(n, "etcd-shaped") }))
}
