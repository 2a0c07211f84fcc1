package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/nemesis"
)

// plan is everything that a run needs to know: flags over a scenario's file over defaults. It is
// also the form of scenario files. Durations are written as in Go: 500ms, 60s.
type plan struct {
	Name        string        `yaml:"name"`
	Description string        `yaml:"description"`
	Script      string        `yaml:"script"` // a scenario with steps and expectations of its own: election-basics
	Runtime     string        `yaml:"runtime"`
	System      string        `yaml:"system"`
	Binary      string        `yaml:"binary"`
	Bug         string        `yaml:"bug"`
	Nodes       int           `yaml:"nodes"`
	Election    time.Duration `yaml:"election-timeout"`
	Heartbeat   time.Duration `yaml:"heartbeat-interval"`
	Snapshot    int           `yaml:"snapshot-count"`
	Workload    string        `yaml:"workload"`
	Concurrency int           `yaml:"concurrency"`
	Rate        float64       `yaml:"rate"`
	Probe       time.Duration `yaml:"probe"`
	Hash        time.Duration `yaml:"hash"`
	Faults      []string      `yaml:"faults"`
	Storm       time.Duration `yaml:"storm"`
	Hostile     bool          `yaml:"hostile"`
	Schedule    []planStep    `yaml:"schedule"`
	Time        time.Duration `yaml:"time"`
	Seed        uint64        `yaml:"seed"`
	Out         string        `yaml:"-"`
	CheckTime   time.Duration `yaml:"check-time"`
	Stop        bool          `yaml:"stop-on-violation"`
	Live        bool          `yaml:"-"` // a dashboard may be shown while it runs
	Plain       bool          `yaml:"-"` // lines, whatever the terminal could do

	source []string // the arguments that named its scenario or file
}

type planStep struct {
	At     time.Duration  `yaml:"at"`
	For    time.Duration  `yaml:"for"`
	Fault  string         `yaml:"fault"`
	Target harness.Target `yaml:"target"`
}

// defaultProbe means: a tenth of the heartbeat interval where that is shorter.
const defaultProbe = 10 * time.Millisecond

// defaultPlan is `make chaos`.
func defaultPlan() plan {
	return plan{
		Name: "chaos", Runtime: "auto", System: "raftkv", Nodes: 3,
		Election: time.Second, Heartbeat: 100 * time.Millisecond,
		Workload: "register", Concurrency: 5, Rate: 200, Probe: defaultProbe, Hash: 5 * time.Second,
		Faults: []string{"kill", "pause", "partition"}, Time: 60 * time.Second,
		Out: "results/runs", CheckTime: 2 * time.Minute,
	}
}

// flags binds p to a command's flags. What p holds now are the defaults.
func (p *plan) flags(f *pflag.FlagSet) {
	f.StringVar(&p.Runtime, "runtime", p.Runtime, "where the cluster runs: auto, "+strings.Join(runtimeNames(), ", "))
	f.StringVar(&p.System, "system", p.System, "what is tested: "+strings.Join(systemNames(), ", "))
	f.StringVar(&p.Binary, "binary", p.Binary, "the system's server program; default: the one beside this program")
	f.IntVar(&p.Nodes, "nodes", p.Nodes, "members of the cluster, 1 to 7")
	f.DurationVar(&p.Election, "election-timeout", p.Election, "the system's election timeout; at least five times the heartbeat interval")
	f.DurationVar(&p.Heartbeat, "heartbeat-interval", p.Heartbeat, "the system's heartbeat interval")
	f.IntVar(&p.Snapshot, "snapshot-count", p.Snapshot, "log entries from one snapshot of the system to the next; 0: the system's default")
	f.StringVar(&p.Workload, "workload", p.Workload, "what clients do: see faultline list workloads")
	f.IntVar(&p.Concurrency, "concurrency", p.Concurrency, "client workers")
	f.Float64Var(&p.Rate, "rate", p.Rate, "calls a second of all workers together, while the service answers")
	f.DurationVar(&p.Probe, "probe", p.Probe, "a put and a read through any majority this often, whatever answers, to time outages; 0: none; 10ms: or a tenth of the heartbeat interval, if that is shorter")
	f.DurationVar(&p.Hash, "hash", p.Hash, "a hash of every member's state at one revision this often, or less often where it takes a member long; 0: none")
	f.StringSliceVar(&p.Faults, "faults", p.Faults, "faults of the schedule, or none: see faultline list faults")
	f.DurationVar(&p.Storm, "storm", p.Storm, "overlapping faults on any member, this far apart on average, instead of one after another")
	f.BoolVar(&p.Hostile, "hostile", p.Hostile, "on sim: the network also loses, doubles and delays messages, and power fails at the worst moments")
	f.DurationVar(&p.Time, "time", p.Time, "length of the faults phase")
	f.Uint64Var(&p.Seed, "seed", p.Seed, "seed of workload and schedule; 0: drawn at random, and printed")
	f.StringVar(&p.Out, "out", p.Out, "folder in which the run's folder is made")
	f.DurationVar(&p.CheckTime, "check-time", p.CheckTime, "time for the checkers; what is not decided then is unknown")
	f.BoolVar(&p.Stop, "stop-on-violation", p.Stop, "end the run as soon as the live checks see a violation, such as a key that is not linearizable: heal, judge, report")
	if bugsBuilt() {
		f.StringVar(&p.Bug, "bug", p.Bug, "a planted bug of the store: see faultline list bugs")
	}
}

// readFile reads a scenario's file into p; flags that were given keep their values.
func (p *plan) readFile(path string, f *pflag.FlagSet) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usage("read scenario: %v", err)
	}
	return p.read(path, data, f)
}

func (p *plan) read(name string, data []byte, f *pflag.FlagSet) error {
	given := map[string][]string{}
	f.Visit(func(fl *pflag.Flag) {
		if s, ok := fl.Value.(pflag.SliceValue); ok {
			given[fl.Name] = s.GetSlice()
		} else {
			given[fl.Name] = []string{fl.Value.String()}
		}
	})
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		return usage("read scenario %s: %s", name, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	for _, flag := range slices.Sorted(mapKeys(given)) {
		fl := f.Lookup(flag)
		if s, ok := fl.Value.(pflag.SliceValue); ok {
			if err := s.Replace(given[flag]); err != nil {
				return usage("flag --%s: %v", flag, err)
			}
		} else if err := fl.Value.Set(given[flag][0]); err != nil {
			return usage("flag --%s: %v", flag, err)
		}
	}
	return nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// validate finds what is wrong before anything is started.
func (p *plan) validate() error {
	positive := []struct {
		flag string
		d    time.Duration
	}{{"time", p.Time}, {"election-timeout", p.Election}, {"heartbeat-interval", p.Heartbeat}, {"check-time", p.CheckTime}}
	for _, x := range positive {
		if x.d <= 0 {
			return usage("--%s is %v: it must be positive", x.flag, x.d)
		}
	}
	switch {
	case p.Nodes < 1 || p.Nodes > 7:
		return usage("--nodes is %d: allowed are 1 to 7", p.Nodes)
	case p.Concurrency < 1 || p.Concurrency > 1000:
		return usage("--concurrency is %d: allowed are 1 to 1000", p.Concurrency)
	case p.Rate <= 0 || p.Rate > 1e6:
		return usage("--rate is %v: it must be above 0 and at most 1000000 calls a second", p.Rate)
	case p.Probe != 0 && (p.Probe < time.Millisecond || p.Probe > time.Minute):
		return usage("--probe is %v: allowed are 1ms to 1m, or 0 for none", p.Probe)
	case p.Hash != 0 && p.Hash < 100*time.Millisecond:
		return usage("--hash is %v: it must be at least 100ms, or 0 for none", p.Hash)
	case p.Storm < 0:
		return usage("--storm is %v: it must not be negative", p.Storm)
	case p.Snapshot < 0:
		return usage("--snapshot-count is %d: it must not be negative", p.Snapshot)
	case p.Election < 5*p.Heartbeat:
		return usage("--election-timeout is %v: it must be at least five times --heartbeat-interval, which is %v", p.Election, p.Heartbeat)
	case p.Election%time.Millisecond != 0 || p.Heartbeat%time.Millisecond != 0:
		return usage("--election-timeout %v and --heartbeat-interval %v: both must be whole milliseconds", p.Election, p.Heartbeat)
	case p.Hostile && p.Runtime != "sim":
		return usage("--hostile: only the runtime sim can do that")
	case p.Bug != "" && p.System != "raftkv":
		return usage("--bug %s: only the system raftkv has planted bugs", p.Bug)
	}
	if err := checkRuntime(p.Runtime); err != nil {
		return err
	}
	if _, err := p.makeSystem(); err != nil {
		return err
	}
	if _, err := p.makeWorkload(); err != nil {
		return err
	}
	_, err := p.makeSchedule()
	return err
}

// makeSchedule makes the schedule from its steps, or from the seed.
func (p *plan) makeSchedule() (harness.Schedule, error) {
	if len(p.Schedule) > 0 {
		return p.explicitSchedule()
	}
	var faults []harness.Fault
	for _, name := range p.Faults {
		if name == "none" && len(p.Faults) == 1 {
			return nil, nil
		}
		f, err := nemesis.Parse(name)
		if err != nil {
			return nil, usage("--faults: %v, or none", err)
		}
		faults = append(faults, f)
	}
	r := harness.Stream(p.Seed, "schedule")
	if p.Storm > 0 {
		return nemesis.Storm(r, faults, p.Time, p.Storm), nil
	}
	s, err := nemesis.Mix(r, nemesis.MixConfig{Faults: faults, Time: p.Time, ElectionTimeout: p.Election})
	if err != nil {
		return nil, usage("%v", err)
	}
	return s, nil
}

func (p *plan) explicitSchedule() (harness.Schedule, error) {
	var members []harness.NodeID
	for i := range p.Nodes {
		members = append(members, harness.NodeID(fmt.Sprintf("n%d", i+1)))
	}
	var s harness.Schedule
	for i, st := range p.Schedule {
		f, err := nemesis.Parse(st.Fault)
		if err != nil {
			return nil, usage("schedule, step %d: %v", i+1, err)
		}
		if err := st.Target.Check(members); err != nil {
			return nil, usage("schedule, step %d: %v", i+1, err)
		}
		if st.At < 0 || st.For <= 0 || st.At >= p.Time {
			return nil, usage("schedule, step %d: at is %v and for is %v: at must be in the faults phase of %v, for must be positive", i+1, st.At, st.For, p.Time)
		}
		s = append(s, harness.Step{At: st.At, For: st.For, Fault: f, Target: st.Target})
	}
	return s, nil
}
