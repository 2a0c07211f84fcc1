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
	Seed     uint64          `json:"seed"`     // of the cell's run
	Outages  []time.Duration `json:"outages"`  // of writes, one a failover; see results.Outage
	Censored []time.Duration `json:"censored"` // lower bounds of those that had not ended when watching ended
	Missed   int             `json:"missed"`   // kills without a measured outage: nobody led, or no write came before
	// The phases of the same failovers, from when the kill was confirmed: see results.Episode.
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

// ReadResults reads cells.jsonl. A last line without its end, as a crash leaves it, is dropped; of two
// lines of one cell the later holds.
func ReadResults(data []byte) ([]Result, error) {
	var out []Result
	at := map[Cell]int{}
	sc := bufio.NewScanner(bytes.NewReader(data[:bytes.LastIndexByte(data, '\n')+1]))
	sc.Buffer(nil, 64<<20)
	for n := 1; sc.Scan(); n++ {
		var r Result
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read line %d of the measured cells: %w", n, err)
		}
		if i, ok := at[r.Cell]; ok {
			out[i] = r
			continue
		}
		at[r.Cell] = len(out)
		out = append(out, r)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read the measured cells: %w", err)
	}
	return out, nil
}

// Order puts results in the order of the grid.
func (s Settings) Order(rs []Result) []Result {
	cells, _ := s.Cells()
	out := slices.Clone(rs)
	slices.SortStableFunc(out, func(a, b Result) int { return slices.Index(cells, a.Cell) - slices.Index(cells, b.Cell) })
	return out
}
