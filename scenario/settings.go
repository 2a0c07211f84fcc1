// Package scenario does a whole run from its settings: it starts a cluster, injects faults while clients
// call it, judges what the clients saw, and writes a folder with the report. Every faultline command that
// runs a cluster uses it, and your own Go tests can use it, too:
//
//	s := scenario.Default()
//	s.Runtime, s.Time = "sim", 10*time.Second
//	run, err := scenario.Run(ctx, s, scenario.Options{Out: t.TempDir()})
//	// run.Verdict, run.Verdicts; the report is in the folder run.ID of Out
//
// An error means that nothing could be judged; verdicts are in the run. Nothing here ends the program,
// keeps state between runs, or prints unless a writer was given.
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

// Settings is everything that determines a run. It is the target of flags, the form of scenario files, and
// the field scenario of run.json, from which a run is replayed. Durations are written as in Go: 500ms. Make
// one with Default or Load. A field that is zero means what its help says about 0; if the help says nothing
// about 0, Check refuses it.
//
// Each setting is defined by its field alone. The tags give its name in files and as a flag (yaml), its
// default, the flag's help (without help there is no flag; {runtimes} and {systems} are replaced by the
// names), and the allowed values: min and max (inclusive), above (exclusive), and none if 0 is allowed too.
type Settings struct {
	Name        string        `yaml:"name" default:"chaos"`
	Description string        `yaml:"description,omitempty"`
	Script      string        `yaml:"script,omitempty"` // name of a script with its own steps and claims, such as election-basics
	Runtime     string        `yaml:"runtime" default:"auto" help:"where the cluster runs: auto, {runtimes}"`
	System      string        `yaml:"system" default:"raftkv" help:"system to test: {systems}"`
	Binary      string        `yaml:"binary,omitempty" help:"path of the system's server program; default: the file of that name beside this program"`
	Bug         string        `yaml:"bug,omitempty" help:"planted bug of the store to run with (see faultline list bugs)"`
	Nodes       int           `yaml:"nodes" default:"3" min:"1" max:"7" help:"number of members of the cluster, 1 to 7"`
	Election    time.Duration `yaml:"election-timeout" default:"1s" above:"0" help:"the system's election timeout; at least five times the heartbeat interval"`
	Heartbeat   time.Duration `yaml:"heartbeat-interval" default:"100ms" above:"0" help:"the system's heartbeat interval"`
	Snapshot    int           `yaml:"snapshot-count" min:"0" help:"number of log entries between two snapshots of the system; 0: the system's default"`
	Workload    string        `yaml:"workload" default:"register" help:"what clients do (see faultline list workloads)"`
	Concurrency int           `yaml:"concurrency" default:"5" min:"1" max:"1000" help:"number of concurrent clients"`
	Rate        float64       `yaml:"rate" default:"200" above:"0" max:"1000000" help:"calls per second of all clients together while the service answers"`
	Probe       Interval      `yaml:"probe" default:"auto" min:"1ms" max:"1m" none:"0" help:"probe interval, for timing outages (one put and one get per interval through any majority); 0 disables; auto is min(10ms, heartbeat-interval/10)"`
	Hash        time.Duration `yaml:"hash" default:"5s" min:"100ms" none:"0" help:"how often to compare state hashes across members (less often if hashing is slow); 0 disables"`
	Faults      []string      `yaml:"faults" default:"[kill, pause, partition]" help:"faults to inject, such as kill,stutter(100ms,50%), or none (see faultline list faults)"`
	Storm       time.Duration `yaml:"storm" min:"0" help:"inject overlapping faults on random members, on average this far apart, instead of one after another"`
	Hostile     bool          `yaml:"hostile" help:"on sim: also lose, duplicate and delay messages, and let power fail at the worst moments"`
	Schedule    []Step        `yaml:"schedule,omitempty"` // used instead of a schedule drawn from the seed
	Time        time.Duration `yaml:"time" default:"60s" above:"0" help:"length of the faults phase"`
	Seed        uint64        `yaml:"seed" help:"seed of workload and schedule; 0: drawn at random and printed"`
	CheckTime   time.Duration `yaml:"check-time" default:"2m" above:"0" help:"time limit of the checkers; what is undecided then is unknown"`
	Stop        bool          `yaml:"stop-on-violation" help:"end the run (heal, judge, report) as soon as a live check finds a violation"`

	source []string // the arguments that name the scenario or file it came from
}

// Step is a harness.Step as it is written in a file.
type Step struct {
	At     time.Duration  `yaml:"at"`
	For    time.Duration  `yaml:"for"`
	Fault  string         `yaml:"fault"`
	Target history.Target `yaml:"target"`
}

// Interval is a duration, or Auto.
type Interval time.Duration

// Auto lets the program choose the interval.
const Auto Interval = -1

// String returns auto or the duration.
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

// Type is the type name that help shows.
func (*Interval) Type() string { return "duration" }

// setting is a field of Settings with its tags.
type setting struct {
	name, help string // as a flag; without help there is no flag
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

// Default returns the defaults of all settings, as `make chaos` uses them.
func Default() (s Settings) {
	for _, f := range s.fields() {
		if text, ok := f.tag.Lookup("default"); ok {
			parse(text, f.value.Addr().Interface())
		}
	}
	return s
}

// parse reads a tag's value. A tag that cannot be read is a bug in this file.
func parse(text string, to any) {
	if err := yaml.Unmarshal([]byte(text), to); err != nil {
		panic(fmt.Sprintf("scenario: tag %q: %v", text, err))
	}
}

// Bind makes s the target of a command's flags. Its current values become their defaults.
func (s *Settings) Bind(f *pflag.FlagSet) {
	for _, x := range s.fields() {
		if x.help == "" || x.name == "bug" && len(core.Bugs()) == 0 { // this build has no planted bugs
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

// Take copies from another the settings for which given returns true, such as flags over a file's settings.
func (s *Settings) Take(from Settings, given func(name string) bool) {
	other := from.fields()
	for i, x := range s.fields() {
		if x.help != "" && given(x.name) {
			x.value.Set(other[i].value)
		}
	}
}

// Args are the arguments with which `faultline run` repeats these settings: first those that name the
// scenario or file (which may hold a schedule), then all that differ from the defaults, and always runtime
// and seed.
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

// Command is the command line that repeats the run; program is the name under which this program was called.
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

// UnmarshalJSON reads what MarshalJSON wrote into s and leaves other fields as they are. An unknown name is
// an error.
func (s *Settings) UnmarshalJSON(b []byte) error { return s.decode(b) } // JSON is YAML

// bounds returns an error if the setting's value is outside its allowed range.
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

// Check returns a usage error if the settings cannot be run. It starts nothing.
func (s *Settings) Check() error {
	if err := s.checkValues(); err != nil {
		return err
	}
	system, err := s.NewSystem()
	if err != nil {
		return err
	}
	_ = system.Close() // it was never dialled
	if _, err := s.NewWorkload(); err != nil {
		return err
	}
	_, err = s.NewSchedule()
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
		return Usage("--hostile works only on the runtime sim")
	}
	return nil
}
