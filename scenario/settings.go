// Package scenario does a whole run from its settings: it starts a cluster, lets clients call it while
// faults are injected, judges what they saw, and leaves a folder with the report. Every command of
// faultline that runs a cluster goes through it, and so may a Go test of yours:
//
//	s := scenario.Default()
//	s.Runtime, s.Time = "sim", 10*time.Second
//	run, err := scenario.Run(ctx, s, scenario.Options{Out: t.TempDir()})
//	// run.Verdict, run.Verdicts; the report is in the folder run.ID of Out
//
// An error means that nothing could be judged; what was judged is in the run. Nothing here ends the
// program, keeps state between runs or prints where no writer was given.
package scenario

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/store/core"
)

// Settings is everything that says what a run does. It is the target of flags, the form of scenario
// files, and the field scenario of run.json, from which a run is replayed; durations are written as in Go: 500ms. Make one with Default or
// Load: a zero field is what its help says of 0, and is refused where that is nothing.
//
// A field is the only place where its setting is named: from its tags come the name in files and of the
// flag (yaml), the default, the flag's help (without one there is no flag; {runtimes} and {systems}
// stand for their names), and what is allowed: min and max, above, and with none also 0.
type Settings struct {
	Name        string        `yaml:"name" default:"chaos"`
	Description string        `yaml:"description,omitempty"`
	Script      string        `yaml:"script,omitempty"` // a scenario with steps and expectations of its own: election-basics
	Runtime     string        `yaml:"runtime" default:"auto" help:"where the cluster runs: auto, {runtimes}"`
	System      string        `yaml:"system" default:"raftkv" help:"what is tested: {systems}"`
	Binary      string        `yaml:"binary,omitempty" help:"the system's server program; default: the one beside this program"`
	Bug         string        `yaml:"bug,omitempty" help:"a planted bug of the store: see faultline list bugs"`
	Nodes       int           `yaml:"nodes" default:"3" min:"1" max:"7" help:"members of the cluster, 1 to 7"`
	Election    time.Duration `yaml:"election-timeout" default:"1s" above:"0" help:"the system's election timeout; at least five times the heartbeat interval"`
	Heartbeat   time.Duration `yaml:"heartbeat-interval" default:"100ms" above:"0" help:"the system's heartbeat interval"`
	Snapshot    int           `yaml:"snapshot-count" min:"0" help:"log entries from one snapshot of the system to the next; 0: the system's default"`
	Workload    string        `yaml:"workload" default:"register" help:"what clients do: see faultline list workloads"`
	Concurrency int           `yaml:"concurrency" default:"5" min:"1" max:"1000" help:"client workers"`
	Rate        float64       `yaml:"rate" default:"200" above:"0" max:"1000000" help:"calls a second of all workers together, while the service answers"`
	Probe       Interval      `yaml:"probe" default:"auto" min:"1ms" max:"1m" none:"0" help:"probe interval (one put and one get per interval through any majority), to time outages; 0 disables; auto: min(10ms, heartbeat-interval/10)"`
	Hash        time.Duration `yaml:"hash" default:"5s" min:"100ms" none:"0" help:"how often to compare state hashes across members, or less often where it takes a member long; 0 disables"`
	Faults      []string      `yaml:"faults" default:"[kill, pause, partition]" help:"faults of the schedule, such as kill,stutter(100ms,50%), or none: see faultline list faults"`
	Storm       time.Duration `yaml:"storm" min:"0" help:"inject overlapping faults on random members, on average this far apart, instead of one after another"`
	Hostile     bool          `yaml:"hostile" help:"on sim: the network also loses, doubles and delays messages, and power fails at the worst moments"`
	Schedule    []Step        `yaml:"schedule,omitempty"` // instead of one drawn from the seed
	Time        time.Duration `yaml:"time" default:"60s" above:"0" help:"length of the faults phase"`
	Seed        uint64        `yaml:"seed" help:"seed of workload and schedule; 0: drawn at random, and printed"`
	CheckTime   time.Duration `yaml:"check-time" default:"2m" above:"0" help:"time for the checkers; what is not decided then is unknown"`
	Stop        bool          `yaml:"stop-on-violation" help:"end the run as soon as the live checks see a violation, such as a key that is not linearizable: heal, judge, report"`

	source []string // the arguments that name its scenario or file
}

// Step is harness.Step as a file has it.
type Step struct {
	At     time.Duration  `yaml:"at"`
	For    time.Duration  `yaml:"for"`
	Fault  string         `yaml:"fault"`
	Target history.Target `yaml:"target"`
}

// Interval is a Duration that may be left to choose.
type Interval time.Duration

// Auto leaves an interval to what it is for.
const Auto Interval = -1

// String is auto, or as a duration.
func (i Interval) String() string {
	if i == Auto {
		return "auto"
	}
	return time.Duration(i).String()
}

// MarshalText writes it as String does.
func (i Interval) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what String wrote.
func (i *Interval) UnmarshalText(b []byte) error { return i.Set(string(b)) }

// Set reads what String wrote; 0 needs no unit.
func (i *Interval) Set(s string) error {
	if s == "auto" {
		*i = Auto
		return nil
	}
	d, err := time.ParseDuration(s)
	*i = Interval(d)
	return err
}

// Type is how help names it.
func (*Interval) Type() string { return "duration" }

// setting is a field with its tags.
type setting struct {
	name, help string // of a flag; without help it is none
	value      reflect.Value
	tag        reflect.StructTag
}

func (s *Settings) fields() (out []setting) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" {
			help := strings.NewReplacer("{runtimes}", strings.Join(RuntimeNames(), ", "), "{systems}", strings.Join(SystemNames(), ", ")).Replace(f.Tag.Get("help"))
			out = append(out, setting{name, help, v.Field(i), f.Tag})
		}
	}
	return out
}

// Default is what `make chaos` does: the defaults of all settings.
func Default() (s Settings) {
	for _, f := range s.fields() {
		if text, ok := f.tag.Lookup("default"); ok {
			parse(text, f.value.Addr().Interface())
		}
	}
	return s
}

// parse reads a tag's value. Tags are written here: one that is wrong is a bug.
func parse(text string, to any) {
	if err := yaml.Unmarshal([]byte(text), to); err != nil {
		panic(fmt.Sprintf("scenario: tag %q: %v", text, err))
	}
}

// Bind makes s the target of a command's flags. What it holds now are their defaults.
func (s *Settings) Bind(f *pflag.FlagSet) {
	for _, x := range s.fields() {
		if x.help == "" || x.name == "bug" && len(core.Bugs()) == 0 { // planted bugs may not be compiled in
			continue
		}
		switch p := x.value.Addr().Interface().(type) {
		case *string:
			f.StringVar(p, x.name, *p, x.help)
		case *int:
			f.IntVar(p, x.name, *p, x.help)
		case *uint64:
			f.Uint64Var(p, x.name, *p, x.help)
		case *float64:
			f.Float64Var(p, x.name, *p, x.help)
		case *bool:
			f.BoolVar(p, x.name, *p, x.help)
		case *time.Duration:
			f.DurationVar(p, x.name, *p, x.help)
		case *[]string:
			f.StringSliceVar(p, x.name, *p, x.help)
		case pflag.Value:
			f.Var(p, x.name, x.help)
		default:
			panic(fmt.Sprintf("scenario: setting %s has a type that is no flag: %T", x.name, p))
		}
	}
}

// Take copies the settings for which given says so from another, such as those of flags over a file's.
func (s *Settings) Take(from Settings, given func(name string) bool) {
	other := from.fields()
	for i, x := range s.fields() {
		if x.help != "" && given(x.name) {
			x.value.Set(other[i].value)
		}
	}
}

// Args are the arguments of `faultline run` that differ from the defaults, first those that name the
// scenario or file: it may hold a schedule. Runtime and seed are always among them.
func (s Settings) Args() []string {
	args := slices.Clone(s.source)
	d := Default()
	other := d.fields()
	for i, x := range s.fields() {
		if x.help == "" || x.name != "runtime" && x.name != "seed" && reflect.DeepEqual(x.value.Interface(), other[i].value.Interface()) {
			continue
		}
		text := fmt.Sprint(x.value.Interface())
		if list, ok := x.value.Interface().([]string); ok {
			text = strings.Join(list, ",")
		}
		args = append(args, fmt.Sprintf("--%s=%s", x.name, text))
	}
	return args
}

// Command is the command line that repeats the run; program is how this one was called.
func (s Settings) Command(program string) []string {
	return append([]string{program, "run"}, s.Args()...)
}

// MarshalJSON writes the names and values of a scenario file.
func (s Settings) MarshalJSON() ([]byte, error) {
	type plain Settings // without this method
	b, err := yaml.Marshal(plain(s))
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(b, &values); err != nil {
		return nil, err
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads what MarshalJSON wrote, over what s holds. A name that is no setting's is an error.
func (s *Settings) UnmarshalJSON(b []byte) error { return s.decode(b) } // JSON is YAML

// bounds says what is wrong with a setting by itself, nil if nothing.
func (x setting) bounds() error {
	limit := func(tag string) (float64, string, bool) {
		text, ok := x.tag.Lookup(tag)
		if !ok {
			return 0, "", false
		}
		v := reflect.New(x.value.Type())
		parse(text, v.Interface())
		return number(v.Elem()), text, true
	}
	low, lowText, hasLow := limit("min")
	above, aboveText, hasAbove := limit("above")
	high, highText, hasHigh := limit("max")
	if !hasLow && !hasAbove && !hasHigh {
		return nil
	}
	v := number(x.value)
	_, none := x.tag.Lookup("none")
	if x.value.Interface() == any(Auto) || none && v == 0 || (!hasLow || v >= low) && (!hasAbove || v > above) && (!hasHigh || v <= high) {
		return nil
	}
	must := "it must be at least " + lowText
	switch {
	case hasLow && hasHigh:
		must = fmt.Sprintf("allowed are %s to %s", lowText, highText)
	case hasAbove && hasHigh:
		must = fmt.Sprintf("it must be above %s and at most %s", aboveText, highText)
	case hasAbove:
		must = "it must be positive"
	case low == 0:
		must = "it must not be negative"
	}
	if none {
		must += ", or 0 for none"
	}
	return Usage("--%s is %v: %s", x.name, x.value.Interface(), must)
}

func number(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// Check finds what is wrong before anything is started.
func (s *Settings) Check() error {
	if err := s.checkValues(); err != nil {
		return err
	}
	if _, err := s.NewSystem(); err != nil {
		return err
	}
	if _, err := s.NewWorkload(); err != nil {
		return err
	}
	_, err := s.NewSchedule()
	return err
}

func (s *Settings) checkValues() error {
	for _, x := range s.fields() {
		if err := x.bounds(); err != nil {
			return err
		}
	}
	switch {
	case s.Election < 5*s.Heartbeat:
		return Usage("--election-timeout is %v: it must be at least five times --heartbeat-interval, which is %v", s.Election, s.Heartbeat)
	case s.Election%time.Millisecond != 0 || s.Heartbeat%time.Millisecond != 0:
		return Usage("--election-timeout %v and --heartbeat-interval %v: both must be whole milliseconds", s.Election, s.Heartbeat)
	case s.Bug != "" && s.System != "raftkv":
		return Usage("--bug %s: only the system raftkv has planted bugs", s.Bug)
	}
	if err := core.CheckBug(s.Bug); err != nil {
		return Usage("--bug: %v", err)
	}
	if err := CheckRuntime(s.Runtime); err != nil {
		return err
	}
	if s.Hostile && !Virtual(s.Runtime) {
		return Usage("--hostile: only the runtime sim can do that")
	}
	return nil
}
