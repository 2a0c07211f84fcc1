package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/systems"
)

func TestWorse(t *testing.T) {
	for _, c := range []struct{ a, b, want int }{
		{ExitValid, ExitUnknown, ExitUnknown},
		{ExitInvalid, ExitInfrastructure, ExitInvalid},
		{ExitResidue, ExitInvalid, ExitInvalid},
		{ExitUnknown, ExitResidue, ExitResidue},
		{ExitCrash, ExitInvalid, ExitCrash},
		{ExitUsage, ExitInvalid, ExitInvalid},
		{ExitUsage, ExitUnknown, ExitUsage},
		{ExitRegression, ExitResidue, ExitRegression},
	} {
		require.Equal(t, c.want, Worse(c.a, c.b))
		require.Equal(t, c.want, Worse(c.b, c.a))
	}
	require.Equal(t, ExitUnknown, ExitOf(history.Unknown))
	require.Contains(t, ExitCodesHelp, "the worst one is returned: "+strings.Trim(strings.ReplaceAll(fmt.Sprint(ranked()), " ", ", "), "[]")+".", "the help states the ranking")
}

func TestBuiltInScenariosAreValid(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			s, err := Load(name)
			require.NoError(t, err)
			s.Runtime, s.Seed = "sim", 1
			require.NoError(t, s.Check())
			require.Equal(t, name, s.Name)
			require.NotEmpty(t, Doc(name))
		})
	}
}

// changed are settings of which every one differs from its default.
func changed(t *testing.T) Settings {
	s := Default()
	for _, x := range s.fields() {
		if x.name == "schedule" {
			s.Schedule = []Step{{time.Second, 1500 * time.Millisecond, "kill", history.TargetLeader}}
			continue
		}
		text := map[string]string{"string": "other", "int": "7", "uint64": "18446744073709551615", "float64": "1.5", "bool": "true", "time.Duration": "1234ms", "scenario.Interval": "5ms", "[]string": "[stop, isolate]"}[x.value.Type().String()]
		require.NotEmpty(t, text, x.name)
		parse(text, x.value.Addr().Interface())
	}
	return s
}

// TestSettingsAreOneThing: flags, a file and run.json hold the same settings by the same names.
func TestSettingsAreOneThing(t *testing.T) {
	s := changed(t)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	var again Settings
	require.NoError(t, json.Unmarshal(b, &again))
	require.Equal(t, s, again)
	require.Contains(t, string(b), `"election-timeout":"1.234s"`)
	require.Contains(t, string(b), `"seed":18446744073709551615`)

	path := filepath.Join(t.TempDir(), "s.yaml") // JSON is YAML
	require.NoError(t, os.WriteFile(path, b, 0o600))
	file, err := LoadFile(path)
	require.NoError(t, err)
	require.Equal(t, []string{"-f", path}, file.source)
	file.source = nil
	require.Equal(t, s, file)

	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	given := Default()
	given.Bind(flags)
	if flags.Lookup("bug") == nil { // this build has none
		s.Bug = ""
	}
	require.NoError(t, flags.Parse(s.Args()))
	over := Default()
	over.Take(given, flags.Changed)
	over.Name, over.Description, over.Script, over.Schedule = s.Name, s.Description, s.Script, s.Schedule // no flags
	require.Equal(t, s, over)

	require.ErrorContains(t, json.Unmarshal([]byte(`{"fualts":["kill"]}`), &again), "fualts")
}

// TestCheckNamesWhatIsAllowed: the words come from the tags.
func TestCheckNamesWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(s *Settings) { s.Nodes = 8 }, "--nodes is 8: allowed are 1 to 7"},
		{func(s *Settings) { s.Rate = 0 }, "--rate is 0: it must be above 0 and at most 1000000"},
		{func(s *Settings) { s.Time = 0 }, "--time is 0s: it must be positive"},
		{func(s *Settings) { s.Storm = -1 }, "--storm is -1ns: it must not be negative"},
		{func(s *Settings) { s.Hash = time.Millisecond }, "--hash is 1ms: it must be at least 100ms, or 0 for none"},
		{func(s *Settings) { s.Probe = Interval(time.Hour) }, "--probe is 1h0m0s: allowed are 1ms to 1m, or 0 for none"},
		{func(s *Settings) { s.Hostile = true }, "--hostile works only on the runtime sim"},
	} {
		s := Default()
		c.change(&s)
		require.EqualError(t, s.Check(), c.want)
	}
	s := Default()
	s.Runtime, s.Probe, s.Hash = "sim", 0, 0
	require.NoError(t, s.Check())
	require.Error(t, new(Settings).Check(), "the zero value is no run")
}

// TestReplay: from the settings in run.json, and from the command line of runs before there were any.
func TestReplay(t *testing.T) {
	want := Default()
	want.Name, want.Runtime, want.Seed, want.Nodes, want.Heartbeat = "replay", "sim", 9, 5, 50*time.Millisecond
	want.Schedule = []Step{{time.Second, 2 * time.Second, "kill", history.TargetLeader}}
	saved, err := json.Marshal(want)
	require.NoError(t, err)
	steps := []results.Step{{At: time.Second, For: 2 * time.Second, Fault: "kill", Target: history.TargetLeader}}
	for _, run := range []results.Run{
		{Scenario: saved, Schedule: steps},
		{Command: []string{"bin/faultline", "run", "five-nodes", "--runtime=sim", "--nodes=5", "--heartbeat-interval=50ms", "--seed=9"}, Schedule: steps},
	} {
		got, err := Replay(run)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	script, err := Replay(results.Run{Command: []string{"faultline", "run", "election-basics", "--runtime=sim", "--faults=none", "--seed=3"}})
	require.NoError(t, err)
	require.Equal(t, "election-basics", script.Script)
	require.Equal(t, []string{"election-basics", "--runtime=sim", "--faults=none", "--seed=3"}, script.Args())
	for _, run := range []results.Run{{ID: "r"}, {ID: "r", Scenario: []byte(`{"no":1}`)}, {ID: "r", Command: []string{"faultline", "run", "--no"}}} {
		_, err := Replay(run)
		require.ErrorContains(t, err, "replay r: ")
	}
}

// TestUnsupportedIsRefusedBeforeTheStart: what a runtime cannot do is known without a cluster.
func TestUnsupportedIsRefusedBeforeTheStart(t *testing.T) {
	everything := harness.Schedule{}
	for _, e := range nemesis.All() {
		everything = append(everything, harness.Step{Fault: e.Fault, Target: history.TargetOne})
	}
	for _, e := range Runtimes() {
		able, err := e.New(Default()).Probe(t.Context())
		if err != nil {
			continue // nothing can be asked of it here
		}
		err = harness.Unsupported(everything, e.Name, able)
		if e.Name == "sim" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "fault powerfail is not supported on runtime "+e.Name+": it cannot lose what a member has not synced")
		var status *StatusError
		require.ErrorAs(t, Refused(err), &status)
		require.Equal(t, ExitUsage, status.Code)
	}
}

// poor is a runtime whose clusters turn out not to be able to pause, which nobody knew before.
type poor struct{ harness.Runtime }

func (p poor) Run(ctx context.Context, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) error {
	return p.Runtime.Run(ctx, cfg, func(ctx context.Context, env harness.Env, c harness.Cluster) error {
		return body(ctx, env, poorCluster{c})
	})
}

type poorCluster struct{ harness.Cluster }

func (poorCluster) Can(c harness.Capability) (string, error) {
	return "", c.Missing("the kernel has no such thing")
}

// TestUnsupportedIsRefusedAfterTheStart: what only a cluster knows is refused in the same way, and leaves
// nothing behind.
func TestUnsupportedIsRefusedAfterTheStart(t *testing.T) {
	s := Default()
	s.Faults, s.Time = []string{"pause"}, 10*time.Second
	out := t.TempDir()
	_, err := Run(t.Context(), s, Options{Out: out, Runtime: poor{s.NewSim()}, System: systems.NewRaftKV(systems.Options{ElectionTimeout: s.Election, HeartbeatInterval: s.Heartbeat})})
	require.EqualError(t, err, "fault pause is not supported on runtime sim: it cannot pause a member's process: the kernel has no such thing")
	var status *StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, ExitUsage, status.Code)
	left, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestFaultsWithArguments: a list is split at its commas, but for those of arguments, whoever split it before.
func TestFaultsWithArguments(t *testing.T) {
	for name, list := range map[string][]string{"whole": {"kill", "stutter(50ms,20%)"}, "split by flags and YAML": {"kill", "stutter(50ms", "20%)"}} {
		t.Run(name, func(t *testing.T) {
			p := Default()
			p.Faults = list
			s, err := p.NewSchedule()
			require.NoError(t, err)
			for _, st := range s {
				require.Contains(t, []string{"kill", "stutter(50ms,20%)"}, st.Fault.String())
			}
		})
	}
}

// closing counts how often it is closed.
type closing struct {
	systems.Closer
	closed int
}

func (c *closing) Close() error { c.closed++; return c.Closer.Close() }

// TestRefusedRunClosesItsSystem: also where nothing was started.
func TestRefusedRunClosesItsSystem(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"settings": func(s *Settings) { s.Nodes = -1 },
		"faults":   func(s *Settings) { s.Faults = []string{"kil"} },
		"workload": func(s *Settings) { s.Workload = "registr" },
	} {
		t.Run(name, func(t *testing.T) {
			s := Default()
			s.Runtime = "sim"
			change(&s)
			c := &closing{Closer: systems.NewRaftKV(systems.Options{ElectionTimeout: s.Election, HeartbeatInterval: s.Heartbeat})}
			_, err := Prepare(t.Context(), s, Options{Out: t.TempDir(), System: c})
			require.Error(t, err)
			require.Equal(t, 1, c.closed)
		})
	}
}
