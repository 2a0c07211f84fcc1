package main

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
	"github.com/faultline-chaos/faultline/harness/systems"
)

// runtimeEntry is a line of the table of runtimes.
type runtimeEntry struct {
	name string
	doc  string
	make func() harness.Runtime
}

func runtimes() []runtimeEntry {
	return []runtimeEntry{
		{"docker", "a container a member, through testcontainers-go", func() harness.Runtime { return &docker.Runtime{} }},
		{"local", "a member in Linux namespaces of its own; no Docker, no root where the kernel allows it", func() harness.Runtime { return &local.Runtime{} }},
		{"sim", "all members, clients and faults in one thread on virtual time; a seed repeats a run byte for byte", func() harness.Runtime { return &sim.Runtime{} }},
	}
}

func runtimeNames() (names []string) {
	for _, r := range runtimes() {
		names = append(names, r.name)
	}
	return names
}

func checkRuntime(name string) error {
	if name != "auto" && !slices.Contains(runtimeNames(), name) {
		return usage("unknown runtime %q: allowed are auto, %s", name, strings.Join(runtimeNames(), ", "))
	}
	return nil
}

// chooseRuntime makes the runtime that was asked for, or for auto the first real one that works
// here. The reason says why it is that one.
func (p *plan) chooseRuntime(ctx context.Context) (rt harness.Runtime, reason string, err error) {
	name := p.Runtime
	if name == "sim" {
		return p.makeSim(), "asked for", nil
	}
	if name != "auto" {
		for _, e := range runtimes() {
			if e.name == name {
				rt = e.make()
			}
		}
		if err := rt.Probe(ctx); err != nil {
			return nil, "", infrastructure(fmt.Errorf("it cannot be used here: %w", err))
		}
		return rt, "asked for", nil
	}
	dockerRuntime := &docker.Runtime{}
	dockerErr := dockerRuntime.Probe(ctx)
	if dockerErr == nil {
		return dockerRuntime, "a Docker engine answers", nil
	}
	localRuntime := &local.Runtime{}
	if err := localRuntime.Probe(ctx); err != nil {
		return nil, "", infrastructure(fmt.Errorf("no runtime can be used here: %w; %w; --runtime sim always works", dockerErr, err))
	}
	why, _, _ := strings.Cut(dockerErr.Error(), "; ") // what follows is advice
	return localRuntime, why, nil
}

func systemNames() (names []string) {
	for _, s := range systems.All() {
		names = append(names, s.Name)
	}
	return names
}

// makeSim is the runtime sim as this plan wants it. Recovery is calm also where faults are hostile.
func (p *plan) makeSim() *sim.Runtime {
	rt := &sim.Runtime{}
	if p.Hostile {
		rt.Options.Hostile = p.Time
	}
	return rt
}

// makeSystem makes the system; the caller closes it. The program is looked for beside this one
// where none is named; a simulation needs none.
func (p *plan) makeSystem() (systems.Closer, error) {
	for _, e := range systems.All() {
		if e.Name != p.System {
			continue
		}
		o := systems.Options{Binary: p.Binary, ElectionTimeout: p.Election, HeartbeatInterval: p.Heartbeat, SnapshotCount: p.Snapshot, Bug: p.Bug}
		if p.Runtime != "sim" {
			binary, err := findBinary(p.Binary, e.Binary)
			if err != nil {
				return nil, err
			}
			o.Binary = binary
		}
		return e.New(o), nil
	}
	return nil, usage("unknown system %q: allowed are %s", p.System, strings.Join(systemNames(), ", "))
}

func findBinary(named, name string) (string, error) {
	path := named
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", infrastructure(fmt.Errorf("find this program: %w", err))
		}
		if path, err = filepath.EvalSymlinks(self); err != nil {
			return "", infrastructure(fmt.Errorf("find this program: %w", err))
		}
		path = filepath.Join(filepath.Dir(path), name)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && named == "":
		return "", usage("the system's server program is not at %s: build it with `make build`, or name it with --binary", path)
	case err != nil:
		return "", usage("the system's server program: %v", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", usage("the system's server program %s is not an executable file", path)
	}
	return filepath.Abs(path)
}
