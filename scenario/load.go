package scenario

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scripts"
)

// builtIn are the scenarios that come with the program. A scenario that found a bug stays here.
//
//go:embed builtin/*.yaml
var builtIn embed.FS

// Names are the scenarios that come with the program, scripts included.
func Names() (names []string) {
	entries, err := fs.ReadDir(builtIn, "builtin")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	for _, s := range scripts.All() {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Doc is a scenario's description, one line.
func Doc(name string) string {
	if i := slices.IndexFunc(scripts.All(), func(e scripts.Entry) bool { return e.Name == name }); i >= 0 {
		return scripts.All()[i].Doc
	}
	s, err := Load(name)
	if err != nil {
		return err.Error()
	}
	return s.Description
}

// Load returns a built-in scenario; settings that it does not name have their defaults.
func Load(name string) (Settings, error) {
	s := Default()
	s.source = []string{name}
	s.Name = name
	if slices.ContainsFunc(scripts.All(), func(e scripts.Entry) bool { return e.Name == name }) {
		s.Script, s.Faults = name, []string{"none"}
		return s, nil
	}
	data, err := builtIn.ReadFile("builtin/" + name + ".yaml")
	if err != nil {
		return s, Usage("unknown scenario %q: allowed are %s, or -f FILE", name, strings.Join(Names(), ", "))
	}
	return s, s.read(name, data)
}

// LoadFile reads a scenario file; settings that it does not name have their defaults.
func LoadFile(path string) (Settings, error) {
	s := Default()
	s.source = []string{"-f", path}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, Usage("read scenario: %v", err)
	}
	return s, s.read(path, data)
}

func (s *Settings) read(name string, data []byte) error {
	if err := s.decode(data); err != nil {
		return Usage("read scenario %s: %s", name, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return nil
}

// decode reads YAML into s and leaves other fields as they are. An unknown name is an error.
func (s *Settings) decode(data []byte) error {
	type plain Settings // without UnmarshalJSON
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode((*plain)(s)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Replay returns the settings of an earlier run, with the same seed and schedule.
func Replay(run results.Run) (Settings, error) {
	s := Default()
	if len(run.Scenario) > 0 {
		if err := json.Unmarshal(run.Scenario, &s); err != nil {
			return s, Usage("replay %s: its run.json: field scenario: %v", run.ID, err)
		}
	} else if err := s.fromCommand(run); err != nil {
		return s, err
	}
	if s.Script != "" {
		s.source = []string{s.Script}
	}
	s.Schedule = nil
	for _, st := range run.Schedule {
		s.Schedule = append(s.Schedule, Step(st))
	}
	s.Name = "replay"
	return s, nil
}

// fromCommand reads the settings of an older run, whose run.json has no scenario field, from the command
// that repeats it. Only the script is not in the flags or in run.json, and is looked up by name.
func (s *Settings) fromCommand(run results.Run) error {
	if len(run.Command) < 2 {
		return Usage("replay %s: its run.json does not say how to repeat it", run.ID)
	}
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	s.Bind(flags)
	flags.StringP("file", "f", "", "")
	if err := flags.Parse(run.Command[2:]); err != nil {
		return Usage("replay %s: %v", run.ID, err)
	}
	for _, e := range scripts.All() {
		if slices.Equal(flags.Args(), []string{e.Name}) {
			s.Script = e.Name
		}
	}
	return nil
}
