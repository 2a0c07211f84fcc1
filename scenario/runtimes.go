package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/docker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/local"
	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/systems"
)

// RuntimeEntry is an entry of Runtimes.
type RuntimeEntry struct {
	Name string
	Doc  string // one line
	New  func(Settings) harness.Runtime
	Auto string // why auto chose it, if it works: auto tries them in order; "": auto never chooses it
}

// Runtimes lists where clusters can run.
func Runtimes() []RuntimeEntry {
	return []RuntimeEntry{
		{"docker", "each member in a container of its own, with testcontainers-go", func(Settings) harness.Runtime { return &docker.Runtime{} }, "a Docker engine answers"},
		{"local", "each member in Linux namespaces of its own; needs no Docker, and no root if the kernel allows it", func(Settings) harness.Runtime { return &local.Runtime{} }, "namespaces work here"},
		{"sim", "members, clients and faults simulated in one thread on virtual time; a seed repeats a run byte for byte", func(s Settings) harness.Runtime { return s.NewSim() }, ""},
	}
}

// NewSim makes the runtime sim for these settings. Even with hostile faults, nothing is injected during
// recovery.
func (s Settings) NewSim() *sim.Runtime {
	rt := &sim.Runtime{}
	if s.Hostile {
		rt.Options.Hostile = s.Time
	}
	return rt
}

// RuntimeNames are the names of Runtimes.
func RuntimeNames() (names []string) {
	for _, r := range Runtimes() {
		names = append(names, r.Name)
	}
	return names
}

// CheckRuntime returns a usage error unless there is a runtime of that name, or it is auto.
func CheckRuntime(name string) error {
	if name != "auto" && !slices.Contains(RuntimeNames(), name) {
		return Usage("unknown runtime %q: allowed are auto, %s", name, strings.Join(RuntimeNames(), ", "))
	}
	return nil
}

// Virtual reports whether the runtime of that name runs on virtual time and needs no server program.
func Virtual(name string) bool {
	return slices.ContainsFunc(Runtimes(), func(e RuntimeEntry) bool { return e.Name == name && harness.Virtual(e.New(Settings{})) })
}

// NewRuntime makes the requested runtime, or for auto the first one that works here, and returns what it
// supports. The reason says why it was chosen.
func (s Settings) NewRuntime(ctx context.Context) (rt harness.Runtime, able harness.Abler, reason string, err error) {
	if err := CheckRuntime(s.Runtime); err != nil {
		return nil, nil, "", err
	}
	var failed []error
	for _, e := range Runtimes() {
		if s.Runtime != "auto" && e.Name != s.Runtime || s.Runtime == "auto" && e.Auto == "" {
			continue
		}
		rt := e.New(s)
		able, err := rt.Probe(ctx)
		switch {
		case err != nil && s.Runtime != "auto":
			return nil, nil, "", Infrastructure(fmt.Errorf("it cannot be used on this machine: %w", err))
		case err != nil:
			failed = append(failed, err)
		case s.Runtime != "auto":
			return rt, able, "asked for", nil
		case len(failed) > 0: // why earlier runtimes were not chosen; advice after it is cut off
			why, _, _ := strings.Cut(failed[0].Error(), "; ")
			return rt, able, why, nil
		default:
			return rt, able, e.Auto, nil
		}
	}
	return nil, nil, "", Infrastructure(fmt.Errorf("no runtime can be used on this machine: %w; --runtime sim always works", &joined{failed}))
}

// runtimeOf returns the caller's own runtime if there is one, and otherwise the same as NewRuntime.
func (s Settings) runtimeOf(ctx context.Context, o Options) (harness.Runtime, harness.Abler, string, error) {
	if o.Runtime == nil {
		return s.NewRuntime(ctx)
	}
	able, err := o.Runtime.Probe(ctx)
	if err != nil {
		return nil, nil, "", Infrastructure(fmt.Errorf("it cannot be used on this machine: %w", err))
	}
	return o.Runtime, able, "asked for", nil
}

// joined joins several errors in one line.
type joined struct{ errs []error }

func (j *joined) Error() string {
	return strings.ReplaceAll(errors.Join(j.errs...).Error(), "\n", "; ")
}
func (j *joined) Unwrap() []error { return j.errs }

// SystemNames are the names of systems.All.
func SystemNames() (names []string) {
	for _, s := range systems.All() {
		names = append(names, s.Name)
	}
	return names
}

// NewSystem makes the system; the caller closes it. If Binary is empty, the server program is looked for
// beside this program; a simulation needs none.
func (s Settings) NewSystem() (systems.Closer, error) {
	for _, e := range systems.All() {
		if e.Name != s.System {
			continue
		}
		o := systems.Options{Binary: s.Binary, ElectionTimeout: s.Election, HeartbeatInterval: s.Heartbeat, SnapshotCount: s.Snapshot, Bug: s.Bug}
		if !Virtual(s.Runtime) {
			binary, err := findBinary(s.Binary, e.Binary)
			if err != nil {
				return nil, err
			}
			o.Binary = binary
		}
		return e.New(o), nil
	}
	return nil, Usage("unknown system %q: allowed are %s", s.System, strings.Join(SystemNames(), ", "))
}

func findBinary(named, name string) (string, error) {
	path := named
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", Infrastructure(fmt.Errorf("find this program: %w", err))
		}
		if path, err = filepath.EvalSymlinks(self); err != nil {
			return "", Infrastructure(fmt.Errorf("find this program: %w", err))
		}
		path = filepath.Join(filepath.Dir(path), name)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && named == "":
		return "", Usage("the system's server program is not at %s: build it with `make build`, or name it with --binary", path)
	case err != nil:
		return "", Usage("the system's server program: %v", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", Usage("the system's server program %s is not an executable file", path)
	}
	return filepath.Abs(path)
}
