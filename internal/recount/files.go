package recount

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

type (
	op struct {
		Time, Sched time.Duration
		Process     int
		Type, F     string
		Kind        string
		Rejected    bool
		Value       json.RawMessage
		Node, Error string
	}
	line struct {
		at   time.Duration
		text string
	}
	runFile struct {
		Nodes           []string
		MemberIDs       map[string]string `json:"member_ids"`
		ElectionTimeout time.Duration     `json:"election_timeout"`
		ProbeEvery      time.Duration     `json:"probe_every"`
		ProbeTimeout    time.Duration     `json:"probe_timeout"`
	}
)

// files is a run as its files tell it, and what was found out about it.
type files struct {
	dir      string
	run      runFile
	ops      []op
	logs     map[string][]line
	end      time.Duration // of the history
	load     time.Duration // when clients stop
	wait     time.Duration // the election timeout, or a second
	faults   []*fault
	all      []*call // every call and probe, as due
	calls    []*call
	probes   []*call
	events   []event
	reigns   []reign
	episodes []*episode
	baseline *baseline
}

func read(dir string) (*files, error) {
	r := &files{dir: dir, logs: map[string][]line{}, wait: time.Second}
	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &r.run); err != nil {
		return nil, fmt.Errorf("run.json: %w", err)
	}
	if b, err = os.ReadFile(filepath.Join(dir, "history.jsonl")); err != nil {
		return nil, err
	}
	for l := range bytes.Lines(b) {
		var o op
		if err := json.Unmarshal(l, &o); err != nil {
			if !bytes.HasSuffix(l, []byte("\n")) {
				break // cut off
			}
			return nil, fmt.Errorf("history.jsonl:%d: %w", len(r.ops)+1, err)
		}
		r.ops = append(r.ops, o)
		r.end = o.Time
	}
	r.load = r.end
	for _, o := range r.ops {
		if o.F == "phase" && o.Process == -2 && bytes.Contains(o.Value, []byte(`"final"`)) {
			r.load = o.Time
			break
		}
	}
	if r.run.ElectionTimeout > 0 {
		r.wait = r.run.ElectionTimeout
	}
	if err := r.readLogs(); err != nil {
		return nil, err
	}
	r.findFaults()
	r.findEvents()
	r.findReigns()
	r.judgeFaults()
	r.findCalls()
	return r, nil
}

func (r *files) readLogs() error {
	names, err := filepath.Glob(filepath.Join(r.dir, "logs", "*.log"))
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		node := strings.TrimSuffix(filepath.Base(name), ".log")
		in := bufio.NewScanner(bytes.NewReader(b))
		in.Buffer(nil, 1<<24)
		for in.Scan() {
			stamp, text, _ := strings.Cut(in.Text(), " ")
			at, err := time.ParseDuration(stamp + "s")
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.logs[node] = append(r.logs[node], line{at, text})
		}
	}
	return nil
}

// fault is one injection.
type fault struct {
	ID, Fault, Target           string
	Nodes                       []string
	Leader                      string
	Term                        uint64
	Issued, Confirmed           time.Duration
	Heartbeat                   time.Duration
	landed, leaderHit, noQuorum bool
	err, healErr                string
	ended                       bool // the injection, well or not
	order, healed               *time.Duration
	Effect                      history.Traits `json:"-"`
	Affected                    []string       `json:"-"`
	leaderThen                  string
	lines                       [4]int // injection, its end, healing, its end; from 1
}

func (r *files) findFaults() {
	var members []history.NodeID
	for _, n := range r.run.Nodes {
		members = append(members, history.NodeID(n))
	}
	for i, o := range r.ops {
		if o.Process != -1 {
			continue
		}
		var now fault
		said, err := history.DecodeFault(o.Value, members) // which knows what the faults of old histories did
		if err != nil || json.Unmarshal(o.Value, &now) != nil {
			continue
		}
		now.Effect, now.Affected = said.Effect.Traits(), nodeNames(said.Affected)
		at := slices.IndexFunc(r.faults, func(f *fault) bool { return f.ID == now.ID })
		if o.F == "inject" && o.Type == "invoke" {
			now.lines[0] = i + 1
			r.faults = append(r.faults, &now)
			continue
		}
		if at < 0 {
			continue
		}
		f := r.faults[at]
		switch {
		case o.F == "inject":
			now.lines, now.ended = f.lines, true
			now.lines[1] = i + 1
			now.landed = o.Type == "ok" && o.Error == "" && now.Confirmed > 0
			now.err = o.Error
			if o.Type != "ok" {
				if now.Confirmed = 0; now.err == "" {
					now.err = "its effect was not confirmed"
				}
			}
			*f = now
		case o.F == "heal" && o.Type == "invoke":
			f.order, f.lines[2] = &now.Issued, i+1
		case o.F == "heal":
			if f.lines[3], f.healErr = i+1, o.Error; o.Type == "ok" {
				f.healed = &now.Confirmed
			}
		}
	}
}

// effect is when it took hold: when it was seen, or else when it was ordered.
func (f *fault) effect() time.Duration {
	if f.Confirmed > 0 {
		return f.Confirmed
	}
	return f.Issued
}

// over is when it affected no member any more.
func (f *fault) over(end time.Duration) time.Duration {
	switch {
	case f.healed != nil:
		return *f.healed
	case f.order != nil:
		return max(*f.order, f.effect())
	}
	return end
}

func (f *fault) active(t, end time.Duration) bool {
	return len(f.Nodes) > 0 && t >= f.Issued && t < f.over(end)
}

func nodeNames(ids []history.NodeID) (names []string) {
	for _, id := range ids {
		names = append(names, string(id))
	}
	return names
}

func (r *files) judgeFaults() {
	for _, f := range r.faults {
		f.leaderThen = f.Leader
		if l := r.leader(f.Issued); l != nil {
			f.leaderThen = l.node
		}
		f.leaderHit = f.leaderThen != "" && slices.Contains(f.Affected, f.leaderThen)
		f.noQuorum = r.broken(f, f.Issued)
	}
}

// broken says whether the faults that are active at t, f among them, hold so many that no majority is
// left.
func (r *files) broken(f *fault, t time.Duration) bool {
	left := 0
	for _, n := range r.run.Nodes {
		affected := slices.ContainsFunc(r.faults, func(g *fault) bool {
			return (g == f || g.active(t, r.end)) && g.err == "" && g.Effect.NoVote && slices.Contains(g.Affected, n)
		})
		left += one(!affected)
	}
	return 2*left <= len(r.run.Nodes)
}

// call is one attempt of a client.
type call struct {
	due, done   time.Duration
	node, f     string
	outcome     string // ok, fail, info, rejected
	read, probe bool
	served      bool // it was answered as it should be: ok, or rejected by its own condition
	free        bool // no fault affected its member when it was due
	line, last  int  // of its two lines, from 1
}

func (r *files) findCalls() {
	open := map[int]*call{}
	for i, o := range r.ops {
		if o.Process < 0 {
			continue
		}
		if c := open[o.Process]; o.Type != "invoke" {
			if c != nil {
				c.done, c.outcome, c.last = o.Time, o.Type, i+1
				if c.served = o.Type == "ok" || o.Rejected; o.Rejected {
					c.outcome = "rejected"
				}
			}
			delete(open, o.Process)
			continue
		}
		c := &call{due: o.Time, done: r.end, node: o.Node, f: o.F, outcome: "info", line: i + 1, free: true}
		if c.probe = o.F == "probe-put" || o.F == "probe-get"; c.probe && o.Sched > 0 {
			c.due = o.Sched
		}
		c.read = o.Kind == "read"
		for _, f := range r.faults {
			if slices.Contains(f.Affected, c.node) && f.active(c.due, r.end) {
				c.free = false
			}
		}
		open[o.Process] = c
		r.all = append(r.all, c)
	}
	slices.SortStableFunc(r.all, func(a, b *call) int { return int(a.due - b.due) })
	for _, c := range r.all {
		if c.probe {
			r.probes = append(r.probes, c)
		} else {
			r.calls = append(r.calls, c)
		}
	}
}

// ruler is what one kind is measured with.
func (r *files) ruler(read bool) (list []*call, probes bool) {
	for _, c := range r.probes {
		if c.read == read {
			return r.probes, true
		}
	}
	return r.calls, false
}
