package harness

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Probe is an open-loop client alongside a workload: it sends puts and linearizable gets on its own
// schedule, whether or not earlier ones were answered. Workers wait for answers, so they make the fewest
// calls during an outage (coordinated omission). A probe is timed from when it was due (Op.Sched), so
// that outages can be measured with a resolution of about one Every.
//
// The members are asked in turn, each through connections of its own, so often that the probes of one
// kind through the members of any majority are due at most Every apart: with a minority down, the
// others are still asked that often. Keys are a probe's own, values unique.
//
// Every member has enough lanes for each kind that probes which run into their timeout do not delay the
// next ones. A probe that cannot be sent in time is skipped and counted.
type Probe struct {
	Env      Env
	Cluster  Cluster
	Recorder *Recorder
	Every    time.Duration // the longest time between two probes of one kind through any majority
	Timeout  time.Duration // of a probe, from when it was due; it should be well under the election timeout
}

// probeGeneration is after how long a probe moves on to a new key, so that no key gathers more
// unknown writes than a checker can bear.
const probeGeneration = 4 * time.Second

// Run probes until ctx ends, waits for the probes under way, and records the sum.
func (p Probe) Run(ctx context.Context) error {
	members := p.Cluster.Members()
	step := history.ProbeStep(p.Every, len(members))
	period := step * time.Duration(len(members))
	count := int((p.Timeout+period-1)/period) + 2 // more than enough: a busy machine notices timeouts late
	start := p.Env.Now() + p.Every
	var lanes []*probeLane
	for m, id := range members {
		for k, op := range []history.OpKind{{Name: history.FProbePut, Kind: history.KindWrite}, {Name: history.FProbeGet, Kind: history.KindRead}} {
			first := start + step*time.Duration(m) + step/2*time.Duration(k)
			for i := range count {
				lanes = append(lanes, &probeLane{Probe: p, node: id, f: op.Name, kind: op.Kind, start: first, period: period, slot: i, step: count})
			}
		}
	}
	tasks := make([]Task, len(lanes))
	for i, l := range lanes {
		l.process, l.stride = history.ProbeProcess+i, len(lanes)
		tasks[i] = l.run
	}
	err := p.Env.Parallel(ctx, tasks...)
	var sum history.ProbesValue
	for _, l := range lanes {
		sum.Sent += l.sum.Sent
		sum.Unsent += l.sum.Unsent
		sum.LateMax = max(sum.LateMax, l.sum.LateMax)
	}
	p.Recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FProbes, Value: history.EncodeValue(sum)})
	return err
}

// probeLane sends every step-th probe of one kind through one member.
type probeLane struct {
	Probe
	node    history.NodeID
	f       string
	kind    history.Kind
	start   time.Duration // when probe 0 is due
	period  time.Duration // to the next one of this kind and member
	slot    int           // the next probe
	step    int
	process int
	stride  int // to the process after this one
	conn    KV
	sum     history.ProbesValue
}

func (l *probeLane) run(ctx context.Context) error {
	defer l.close()
	for ; ; l.slot += l.step {
		due := l.start + time.Duration(l.slot)*l.period
		wait := due - l.Env.Now()
		if wait < 0 { // the one before took until now
			l.sum.Unsent++
			continue
		}
		if l.Env.Sleep(ctx, wait) != nil {
			return nil
		}
		if !l.send(ctx, due) {
			l.sum.Unsent++
		}
	}
}

// send makes one probe. It may outlive ctx, up to its own timeout: the end of a run is not an outage.
func (l *probeLane) send(ctx context.Context, due time.Duration) bool {
	left := due + l.Timeout - l.Env.Now()
	if left <= 0 {
		return false
	}
	if l.conn == nil {
		kv, err := l.Cluster.Dial(l.node)
		if err != nil {
			return false
		}
		l.conn = kv
	}
	ctx, cancel := l.Env.WithTimeout(context.WithoutCancel(ctx), left)
	defer cancel()
	v := history.RegisterValue{Key: fmt.Sprintf("probe-%s-%d", l.node, due/probeGeneration)}
	if l.kind == history.KindWrite {
		v.Value = new(string(l.node) + "." + strconv.Itoa(l.slot))
	}
	op := history.Op{Process: l.process, Type: history.Invoke, F: l.f, Kind: l.kind, Value: history.EncodeValue(v), Node: l.node, Sched: due}
	sent := l.Recorder.Add(op)
	l.sum.Sent++
	l.sum.LateMax = max(l.sum.LateMax, sent.Time-due)
	err := l.call(ctx, &v)
	complete(&op, l.kind, err)
	if err == nil {
		op.Value = history.EncodeValue(v)
	}
	if op.Type == history.Info {
		l.process += l.stride // the connection stays: a new one for each of many timeouts would cost too much
	}
	l.Recorder.Add(op)
	return true
}

func (l *probeLane) call(ctx context.Context, v *history.RegisterValue) (err error) {
	if l.kind == history.KindWrite {
		v.Rev, err = l.conn.Put(ctx, v.Key, *v.Value)
		return err
	}
	e, err := l.conn.Get(ctx, v.Key)
	if v.Mod, v.Rev = e.ModRev, e.Rev; e.Found { // without Mod a checker would have to guess the writer
		v.Value = &e.Value
	}
	return err
}

func (l *probeLane) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing is lost with a connection that does not close
	}
}
