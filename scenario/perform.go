package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Job is one cluster and the work done on it. Everything that starts a cluster uses a Job.
type Job struct {
	Runtime harness.Runtime
	Cluster harness.ClusterConfig
	History io.Writer // receives the history's lines; nil: they are dropped
	Record  harness.RecorderOptions
	// Silent skips asking the members for their identity. On virtual time that call would shift all later events.
	Silent bool
	// Do runs in a task on the running cluster. Perform returns its error.
	Do func(context.Context, harness.Env, harness.Cluster, *harness.Recorder) error
}

// Engine is a Job's Do that does a whole run: warm-up, faults phase, recovery.
func Engine(rc harness.RunConfig) func(context.Context, harness.Env, harness.Cluster, *harness.Recorder) error {
	return func(ctx context.Context, env harness.Env, c harness.Cluster, r *harness.Recorder) error {
		return harness.Run(ctx, env, c, r, rc)
	}
}

// Cluster is what Perform learned about a Job's cluster.
type Cluster struct {
	Members []history.NodeID
	IDs     map[history.NodeID]string // hexadecimal, as in raft's log
	Version string                    // the version that the system reports
	Timings []history.Timing          // of its start
	RSS     map[history.NodeID]int64  // bytes, at the end
	Ops     []history.Op              // if the recorder kept them
}

// Perform starts the cluster, does the job and closes the cluster. The returned Cluster is valid also if
// there is an error.
func (j Job) Perform(ctx context.Context) (c Cluster, err error) {
	if j.History == nil {
		j.History = io.Discard
	}
	err = j.Runtime.Run(ctx, j.Cluster, func(ctx context.Context, env harness.Env, hc harness.Cluster) error {
		recorder := harness.NewRecorder(env, j.History, j.Record)
		c.Members = hc.Members()
		if !j.Silent {
			c.identify(ctx, env, hc)
		}
		err := j.Do(ctx, env, hc, recorder)
		c.measureRSS(ctx, hc)
		if j.Record.Keep {
			c.Ops = recorder.Ops()
		}
		return errors.Join(err, recorder.Flush())
	})
	return c, err
}

// identify asks the members for their ids and version.
func (c *Cluster) identify(ctx context.Context, env harness.Env, hc harness.Cluster) {
	c.IDs = map[history.NodeID]string{}
	for i, st := range harness.Statuses(ctx, env, hc) {
		if st.MemberID != 0 {
			c.IDs[c.Members[i]] = fmt.Sprintf("%x", st.MemberID)
			c.Version = st.Version
		}
	}
	if t, ok := hc.(harness.Timings); ok {
		c.Timings = t.StartTimings()
	}
}

func (c *Cluster) measureRSS(ctx context.Context, hc harness.Cluster) {
	m, ok := hc.(harness.MemoryMeter)
	if !ok {
		return
	}
	c.RSS = map[history.NodeID]int64{}
	for _, id := range hc.Members() {
		if n, err := m.RSS(context.WithoutCancel(ctx), id); err == nil {
			c.RSS[id] = n
		}
	}
}

// Logs keeps the members' log lines in memory.
type Logs struct {
	mu  sync.Mutex
	all map[history.NodeID][]history.LogLine
}

// NewLogs makes empty Logs.
func NewLogs() *Logs { return &Logs{all: map[history.NodeID][]history.LogLine{}} }

// Writer returns the writer of a member's log; use it as harness.ClusterConfig.Logs.
func (k *Logs) Writer(id history.NodeID) io.Writer { return &logWriter{k, id} }

// Lines returns a copy of the lines so far.
func (k *Logs) Lines() map[history.NodeID][]history.LogLine {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := maps.Clone(k.all)
	for id, lines := range out {
		out[id] = slices.Clone(lines)
	}
	return out
}

type logWriter struct {
	k  *Logs
	id history.NodeID
}

// Write receives one line per call, as ClusterConfig.Logs promises.
func (w *logWriter) Write(b []byte) (int, error) {
	line, err := history.ParseLogLine(string(b[:max(0, len(b)-1)]))
	if err != nil {
		return 0, err
	}
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.all[w.id] = append(w.k.all[w.id], line)
	return len(b), nil
}
