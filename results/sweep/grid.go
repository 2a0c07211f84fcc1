package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Settings are what a sweep was asked to do: sweep.json. Durations are nanoseconds.
type Settings struct {
	Systems    []string        `json:"systems"`
	Runtime    string          `json:"runtime"`
	Timeouts   []time.Duration `json:"election_timeouts"`
	Heartbeats []time.Duration `json:"heartbeats"`
	Delays     []time.Duration `json:"delays"` // of the network, one way, in the mean; 0: the runtime's own
	Members    []int           `json:"members"`
	Trials     int             `json:"trials"` // leaders killed in a cell
	Stable     time.Duration   `json:"stable"` // without a fault, in each cell
	Seed       uint64          `json:"seed"`
	Defaults   bool            `json:"defaults,omitempty"` // the cells are held against what is expected of default timeouts
}

// partTrials is how many leaders are killed by one run where a cell is measured in parts, so that an
// interruption loses little.
const partTrials = 10

// Part is a run of a cell: a share of its trials and of its time without a fault.
type Part struct {
	Cell
	Number, Trials int
	Stable         time.Duration
}

// Parts are the runs in which a cell is measured: one, but for default timeouts, whose cells are few
// and long.
func (s Settings) Parts(c Cell) []Part {
	n := 1
	if s.Defaults {
		n = max(1, (s.Trials+partTrials-1)/partTrials)
	}
	out := make([]Part, n)
	for i := range out {
		out[i] = Part{Cell: c, Number: i, Trials: s.Trials*(i+1)/n - s.Trials*i/n, Stable: s.Stable / time.Duration(n)}
	}
	return out
}

// Cell is one point of the grid.
type Cell struct {
	System    string        `json:"system"`
	Members   int           `json:"members"`
	Delay     time.Duration `json:"delay"`
	Timeout   time.Duration `json:"election_timeout"`
	Heartbeat time.Duration `json:"heartbeat"`
}

func (c Cell) String() string {
	return fmt.Sprintf("%s, timeout %v, heartbeat %v", c.series(), c.Timeout, c.Heartbeat)
}

// series names what a recommendation cannot choose.
func (c Cell) series() string {
	if c.Delay == 0 {
		return fmt.Sprintf("%s, %d members", c.System, c.Members)
	}
	return fmt.Sprintf("%s, %d members, delay %v", c.System, c.Members, c.Delay)
}

// minHeartbeats is how many heartbeat intervals an election timeout must hold, as etcd demands.
const minHeartbeats = 5

// Cells lists the grid, and what is left out of it because a timeout is shorter than five heartbeats.
func (s Settings) Cells() (cells, skipped []Cell) {
	for _, p := range s.panels() {
		for _, t := range s.Timeouts {
			for _, h := range s.Heartbeats {
				c := p
				c.Timeout, c.Heartbeat = t, h
				if t < minHeartbeats*h {
					skipped = append(skipped, c)
				} else {
					cells = append(cells, c)
				}
			}
		}
	}
	return cells, skipped
}

// panels are the combinations of what a recommendation cannot choose.
func (s Settings) panels() (out []Cell) {
	for _, d := range s.Delays {
		for _, system := range s.Systems {
			for _, m := range s.Members {
				out = append(out, Cell{System: system, Members: m, Delay: d})
			}
		}
	}
	return out
}

// Check finds what is wrong, in terms of the program's flags.
func (s Settings) Check() error {
	lists := []struct {
		flag string
		of   []time.Duration
		zero bool
	}{{"election-timeouts", s.Timeouts, false}, {"heartbeats", s.Heartbeats, false}, {"delays", s.Delays, true}}
	for _, l := range lists {
		if len(l.of) == 0 {
			return fmt.Errorf("--%s is empty: name at least one", l.flag)
		}
		for i, d := range l.of {
			switch {
			case d < 0 || d == 0 && !l.zero:
				return fmt.Errorf("--%s holds %v: it must be positive", l.flag, d)
			case d%time.Millisecond != 0:
				return fmt.Errorf("--%s holds %v: it must be whole milliseconds", l.flag, d)
			case d > 50*time.Second:
				return fmt.Errorf("--%s holds %v: at most 50s are allowed", l.flag, d)
			case slices.Contains(l.of[:i], d):
				return fmt.Errorf("--%s holds %v twice", l.flag, d)
			}
		}
	}
	if len(s.Systems) == 0 {
		return fmt.Errorf("--system is empty: name at least one")
	}
	for i, name := range s.Systems {
		if slices.Contains(s.Systems[:i], name) {
			return fmt.Errorf("--system holds %s twice", name)
		}
	}
	if len(s.Members) == 0 {
		return fmt.Errorf("--nodes is empty: name at least one number")
	}
	for i, m := range s.Members {
		if m < 3 || m > 7 {
			return fmt.Errorf("--nodes holds %d: allowed are 3 to 7, since fewer do not survive the loss of their leader", m)
		}
		if slices.Contains(s.Members[:i], m) {
			return fmt.Errorf("--nodes holds %d twice", m)
		}
	}
	switch {
	case s.Trials < 1 || s.Trials > 10_000:
		return fmt.Errorf("--trials is %d: allowed are 1 to 10000 in a cell", s.Trials)
	case s.Stable <= 0 || s.Stable > 24*time.Hour:
		return fmt.Errorf("--stable is %v: it must be positive and at most 24h", s.Stable)
	}
	if cells, _ := s.Cells(); len(cells) == 0 {
		return fmt.Errorf("no election timeout of %v is five of any heartbeat interval of %v: nothing is left to measure", s.Timeouts, s.Heartbeats)
	}
	return nil
}

// Result is what was measured in one cell: a line of cells.jsonl. Durations are nanoseconds.
type Result struct {
	Cell
	Part     int             `json:"part,omitempty"` // of the cell: see Parts
	Seed     uint64          `json:"seed"`           // of the cell's run
	Outages  []time.Duration `json:"outages"`        // of writes, one a failover; see failover.Outage
	Censored []time.Duration `json:"censored"`       // lower bounds of those that had not ended when watching ended
	Missed   int             `json:"missed"`         // kills without a measured outage: nobody led, or no write came before
	// The phases of the same failovers, from when the kill was confirmed: see failover.Episode.
	Detection  Sample `json:"detection"`
	Election   Sample `json:"election"`
	WriteReady Sample `json:"write_ready"`
	CommitBy   string `json:"commit_by,omitempty"` // who told the first commit: "log", "client", or "both"
	// Campaigns are how often a member stood for election in the stable time, pre-votes included,
	// although nothing was broken; Elections how often the leader really changed.
	Campaigns  int           `json:"campaigns"`
	Elections  int           `json:"elections"`
	Stable     time.Duration `json:"stable"`
	Leaderless bool          `json:"leaderless,omitempty"` // nobody came to lead at all, and nothing was broken
	Resolution time.Duration `json:"resolution"`           // median of the outages' own: nothing shorter can be told apart
	Late       time.Duration `json:"late,omitempty"`       // a probe was sent this late at most: more than a little means that the machine was too busy to measure on
	Took       time.Duration `json:"took"`                 // on the wall
	Problem    string        `json:"problem,omitempty"`    // why the run broke; then nothing above counts, and a resumed sweep does the cell again
}

// Sample is the cell's outages.
func (r *Result) Sample() Sample { return Sample{Values: r.Outages, Bounds: r.Censored} }

// ReadResults reads cells.jsonl: a result a part. A last line without its end, as a crash leaves it, is
// dropped; of two lines of one part the later holds.
func ReadResults(data []byte) ([]Result, error) {
	type key struct {
		Cell
		part int
	}
	var out []Result
	at := map[key]int{}
	sc := bufio.NewScanner(bytes.NewReader(data[:bytes.LastIndexByte(data, '\n')+1]))
	sc.Buffer(nil, 64<<20)
	for n := 1; sc.Scan(); n++ {
		var r Result
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read line %d of the measured cells: %w", n, err)
		}
		k := key{r.Cell, r.Part}
		if i, ok := at[k]; ok {
			out[i] = r
			continue
		}
		at[k] = len(out)
		out = append(out, r)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read the measured cells: %w", err)
	}
	return out, nil
}

// Whole joins the parts of every cell of which all are there, in the order of the grid. A cell with a
// part that broke is broken.
func (s Settings) Whole(parts []Result) (out []Result) {
	cells, _ := s.Cells()
	for _, c := range cells {
		var of []Result
		for _, r := range parts {
			if r.Cell == c {
				of = append(of, r)
			}
		}
		if len(of) == 0 || len(of) < len(s.Parts(c)) && !slices.ContainsFunc(of, func(r Result) bool { return r.Problem != "" }) {
			continue
		}
		slices.SortFunc(of, func(a, b Result) int { return a.Part - b.Part })
		whole := of[0]
		for _, r := range of[1:] {
			whole.join(r)
		}
		out = append(out, whole)
	}
	return out
}

// join adds another part of the cell.
func (r *Result) join(o Result) {
	r.Outages, r.Censored, r.Missed = slices.Concat(r.Outages, o.Outages), slices.Concat(r.Censored, o.Censored), r.Missed+o.Missed
	for _, s := range []struct {
		to  *Sample
		add Sample
	}{{&r.Detection, o.Detection}, {&r.Election, o.Election}, {&r.WriteReady, o.WriteReady}} {
		s.to.Values, s.to.Bounds = slices.Concat(s.to.Values, s.add.Values), slices.Concat(s.to.Bounds, s.add.Bounds)
	}
	switch {
	case r.CommitBy == "":
		r.CommitBy = o.CommitBy
	case o.CommitBy != "" && o.CommitBy != r.CommitBy:
		r.CommitBy = "both"
	}
	r.Campaigns, r.Elections, r.Stable, r.Took = r.Campaigns+o.Campaigns, r.Elections+o.Elections, r.Stable+o.Stable, r.Took+o.Took
	r.Leaderless = r.Leaderless || o.Leaderless
	r.Resolution, r.Late = max(r.Resolution, o.Resolution), max(r.Late, o.Late)
	if r.Problem == "" {
		r.Problem = o.Problem
	}
}

// Order puts results in the order of the grid.
func (s Settings) Order(rs []Result) []Result {
	cells, _ := s.Cells()
	out := slices.Clone(rs)
	slices.SortStableFunc(out, func(a, b Result) int { return slices.Index(cells, a.Cell) - slices.Index(cells, b.Cell) })
	return out
}
