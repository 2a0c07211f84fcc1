package scenario

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/workloads"
)

// DrawSeed draws a random seed that is short enough to type.
func DrawSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:])%1e9 + 1
}

// Probes returns the probe interval and a probe's timeout; both are 0 if there are no probes.
func (s Settings) Probes() (every, timeout time.Duration) {
	every = time.Duration(s.Probe)
	if s.Probe == Auto {
		every = min(10*time.Millisecond, max(s.Heartbeat/10, time.Millisecond))
	}
	if every == 0 {
		return 0, 0
	}
	return every, max(50*time.Millisecond, s.Election/10)
}

// RunConfig returns the settings that the engine needs.
func (s Settings) RunConfig(w harness.Workload, schedule harness.Schedule) harness.RunConfig {
	c := harness.RunConfig{Workload: w, Workers: s.Concurrency, Schedule: schedule, Faults: s.Time}
	c.ProbeEvery, c.ProbeTimeout = s.Probes()
	c.HashEvery = s.Hash
	return c
}

// NewWorkload makes the workload.
func (s Settings) NewWorkload() (harness.Workload, error) {
	think := time.Duration(float64(s.Concurrency) / s.Rate * float64(time.Second))
	w, err := workloads.ByName(s.Workload, workloads.Options{Think: think, Timeout: max(s.Election*3/20, 20*time.Millisecond)})
	if err != nil {
		return nil, Usage("%v", err)
	}
	return w, nil
}

// NewSchedule makes the schedule from its explicit steps, or draws it from the seed. more are faults in
// addition to nemesis.All.
func (s Settings) NewSchedule(more ...nemesis.Entry) (harness.Schedule, error) {
	if len(s.Schedule) > 0 {
		return s.explicitSchedule(more)
	}
	var faults []harness.Fault
	for _, name := range nemesis.SplitList(s.Faults...) {
		if name == "none" && len(s.Faults) == 1 {
			return nil, nil
		}
		f, err := nemesis.Parse(name, more...)
		if err != nil {
			return nil, Usage("--faults: %v, or none", err)
		}
		faults = append(faults, f)
	}
	r := harness.Stream(s.Seed, "schedule")
	if s.Storm > 0 {
		return nemesis.Storm(r, faults, s.Time, s.Storm), nil
	}
	schedule, err := nemesis.Mix(r, nemesis.MixConfig{Faults: faults, Time: s.Time, ElectionTimeout: s.Election})
	if err != nil {
		return nil, Usage("%v", err)
	}
	return schedule, nil
}

// members are the names that runtimes give to members: n1, n2, ...
func (s Settings) members() (out []history.NodeID) {
	for i := range s.Nodes {
		out = append(out, history.NodeID(fmt.Sprintf("n%d", i+1)))
	}
	return out
}

func (s Settings) explicitSchedule(more []nemesis.Entry) (out harness.Schedule, err error) {
	for i, st := range s.Schedule {
		f, err := nemesis.Parse(st.Fault, more...)
		if err != nil {
			return nil, Usage("schedule, step %d: %v", i+1, err)
		}
		if err := st.Target.Check(s.members()); err != nil {
			return nil, Usage("schedule, step %d: %v", i+1, err)
		}
		if st.At < 0 || st.For <= 0 || st.At >= s.Time {
			return nil, Usage("schedule, step %d: at is %v and for is %v: at must be within the faults phase of %v, and for must be positive", i+1, st.At, st.For, s.Time)
		}
		out = append(out, harness.Step{At: st.At, For: st.For, Fault: f, Target: st.Target})
	}
	return out, nil
}

// steps converts a schedule to its form in run.json.
func steps(s harness.Schedule) []results.Step {
	out := make([]results.Step, 0, len(s))
	for _, st := range s {
		out = append(out, results.Step{At: st.At, For: st.For, Fault: st.Fault.String(), Target: st.Target})
	}
	return out
}
