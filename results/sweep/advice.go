package sweep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/internal/statistics"
)

// Advice is which timeouts to choose for one number of members and one delay.
type Advice struct {
	Series string
	Best   *Result        // nil: none can be recommended
	Knee   *time.Duration // the shortest timeout whose cells saw no false election; nil: there is none
	Edge   bool           // the knee is the grid's shortest timeout: it may lie below
	Text   string
}

// Advise chooses for every series, in the order of rs: of the cells without a false election and with
// every outage measured, the one with the shortest median outage. Of those that cannot be told apart
// from it (within 5 %) it takes the longest timeout with the longest heartbeat interval: the most
// slack, and the least traffic.
func Advise(rs []Result) []Advice {
	var out []Advice
	for _, group := range seriesOf(rs) {
		a := Advice{Series: group[0].series()}
		a.Best = best(group)
		a.Knee, a.Edge = knee(group)
		a.Text = a.words(group)
		out = append(out, a)
	}
	return out
}

// seriesOf groups what was measured by members and delay.
func seriesOf(rs []Result) [][]Result {
	var out [][]Result
	at := map[string]int{}
	for _, r := range rs {
		if r.Problem != "" {
			continue
		}
		name := r.series()
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

func best(group []Result) *Result {
	var fit []Result
	for _, r := range group {
		if !r.Leaderless && r.Campaigns == 0 && len(r.Outages) > 0 && len(r.Censored) == 0 {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	median := func(r Result) time.Duration { return r.Sample().Figures().P50 }
	least := median(slices.MinFunc(fit, func(a, b Result) int { return int(median(a) - median(b)) }))
	fit = slices.DeleteFunc(fit, func(r Result) bool { return float64(median(r)) > 1.05*float64(least) })
	b := slices.MaxFunc(fit, func(a, b Result) int {
		if a.Timeout != b.Timeout {
			return int(a.Timeout - b.Timeout)
		}
		return int(a.Heartbeat - b.Heartbeat)
	})
	return &b
}

// knee is the shortest timeout from which on, with no heartbeat interval, a false election was seen.
func knee(group []Result) (t *time.Duration, edge bool) {
	var timeouts []time.Duration
	falsely := map[time.Duration]bool{}
	for _, r := range group {
		if !slices.Contains(timeouts, r.Timeout) {
			timeouts = append(timeouts, r.Timeout)
		}
		falsely[r.Timeout] = falsely[r.Timeout] || r.Leaderless || r.Campaigns > 0
	}
	slices.Sort(timeouts)
	for i := len(timeouts) - 1; i >= 0 && !falsely[timeouts[i]]; i-- {
		t, edge = &timeouts[i], i == 0
	}
	return t, edge
}

func (a *Advice) words(group []Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", a.Series)
	if a.Best == nil {
		b.WriteString("none of these timeouts can be recommended: in every cell a member stood for election although nothing was broken, or an outage was not measured to its end. Try longer timeouts.")
		return b.String()
	}
	r := a.Best
	f := r.Sample().Figures()
	fmt.Fprintf(&b, "choose --election-timeout %v --heartbeat-interval %v. The write outage was %s in the median%s, %s at p90 and %s at most (n = %d, %d censored)",
		r.Timeout, r.Heartbeat, Millis(f.P50), intervalText(r.Sample()), QuantileText(f.P90, f.Open90), Millis(f.Max), f.N, f.Censored)
	fmt.Fprintf(&b, ", and no member stood for election in %v without a fault (so with 95 %% it happens less than once in %v).", r.Stable, every(statistics.RateAtMost(0, r.Stable)))
	switch {
	case a.Knee == nil:
	case a.Edge:
		fmt.Fprintf(&b, " There is no knee in this grid: even %v, its shortest timeout, led to no false election.", *a.Knee)
	default:
		fmt.Fprintf(&b, " The knee is at %v: with shorter timeouts members elected without need (%s).", *a.Knee, falseText(group, *a.Knee))
	}
	if r.Late > r.Timeout/10 {
		fmt.Fprintf(&b, " But the machine was busy: a probe was sent up to %s late, so these outages may be the machine's and not the system's.", Millis(r.Late))
	}
	if f.N < statistics.FewestForMedian {
		fmt.Fprintf(&b, " But %d failovers are few: with fewer than %d not even the median has an interval of 95 %%.", f.N, statistics.FewestForMedian)
	}
	return b.String()
}

func intervalText(s Sample) string {
	if low, high, ok := s.MedianInterval(); ok {
		return fmt.Sprintf(" (95 %%: %s to %s)", Millis(low), Millis(high))
	}
	return ""
}

// every is the mean time between events of a rate, in round numbers.
func every(rate float64) time.Duration {
	d := time.Duration(float64(time.Second) / rate)
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(100 * time.Millisecond)
}

// falseText counts what was seen at timeouts below the knee.
func falseText(group []Result, knee time.Duration) string {
	campaigns, elections, stable := 0, 0, time.Duration(0)
	for _, r := range group {
		if r.Timeout < knee {
			campaigns, elections, stable = campaigns+r.Campaigns, elections+r.Elections, stable+r.Stable
		}
	}
	return fmt.Sprintf("%d campaigns and %d changes of the leader in %v", campaigns, elections, stable.Round(time.Second))
}

// Notes say what the numbers mean, on virtual time or on real.
func (s Settings) Notes(virtual bool) []string {
	out := []string{
		"Outage: from when the last acknowledged write before a leader was killed was due, to the first acknowledgement of five in a row, by open-loop probes through every member that was not killed.",
		"False elections: campaigns, pre-votes included, in a time without any fault.",
	}
	if virtual {
		out = append(out, "On sim nothing but the network's and disk's simulated delays can be late: real machines also pause, and need more slack than this shows.")
	}
	if slices.Contains(s.Systems, "etcd") {
		out = append(out, "etcd-shaped: etcd's timeouts are whole ticks of one heartbeat, T to 2 T, so ranges narrower than that do not exist there.")
	}
	return out
}

// Rows are the results as a table, its head first.
func Rows(rs []Result) [][]string {
	out := [][]string{{"system", "members", "delay", "timeout", "heartbeat", "n", "censored", "missed", "median", "p90", "max", "false campaigns", "leader changes", "in"}}
	for _, r := range rs {
		f := r.Sample().Figures()
		row := []string{r.System, fmt.Sprint(r.Members), r.Delay.String(), r.Timeout.String(), r.Heartbeat.String()}
		if r.Problem != "" {
			out = append(out, append(row, "broken: "+r.Problem))
			continue
		}
		median, p90, longest := "–", "–", "–"
		if r.Leaderless {
			median = "no leader was elected"
		}
		if f.N+f.Censored > 0 {
			median, p90, longest = QuantileText(f.P50, f.Open50), QuantileText(f.P90, f.Open90), Millis(f.Max)
		}
		out = append(out, append(row, fmt.Sprint(f.N), fmt.Sprint(f.Censored), fmt.Sprint(r.Missed), median, p90, longest,
			fmt.Sprint(r.Campaigns), fmt.Sprint(r.Elections), r.Stable.Round(time.Second).String()))
	}
	return out
}

// CSV is the same, with durations in milliseconds.
func CSV(rs []Result) ([]byte, error) {
	rows := [][]string{{"system", "members", "delay_ms", "election_timeout_ms", "heartbeat_ms", "seed", "n", "censored", "missed", "p10_ms", "p50_ms", "p90_ms", "max_ms", "mean_ms", "p50_open", "p90_open", "resolution_ms", "detection_p50_ms", "election_p50_ms", "first_commit_p50_ms", "campaigns", "elections", "stable_s", "campaigns_per_hour", "problem"}}
	for _, r := range rs {
		f := r.Sample().Figures()
		rows = append(rows, []string{
			r.System, fmt.Sprint(r.Members), CSVMillis(r.Delay), CSVMillis(r.Timeout), CSVMillis(r.Heartbeat), fmt.Sprint(r.Seed), fmt.Sprint(f.N), fmt.Sprint(f.Censored), fmt.Sprint(r.Missed),
			CSVMillis(f.P10), CSVMillis(f.P50), CSVMillis(f.P90), CSVMillis(f.Max), CSVMillis(f.Mean), fmt.Sprint(f.Open50), fmt.Sprint(f.Open90), CSVMillis(r.Resolution),
			CSVMillis(r.Detection.Figures().P50), CSVMillis(r.Election.Figures().P50), CSVMillis(r.WriteReady.Figures().P50),
			fmt.Sprint(r.Campaigns), fmt.Sprint(r.Elections), fmt.Sprint(r.Stable.Seconds()), fmt.Sprintf("%.3f", perHour(r)), r.Problem,
		})
	}
	return EncodeCSV(rows)
}
