// Package local is the runtime without containers: each member runs with an agent in user, network,
// mount and PID namespaces of its own, made by re-executing our own binary. It needs Linux with
// nf_tables, and root or a kernel that lets anybody make user namespaces.
//
// All of a run's namespaces are below those of one process, the hub, which the kernel ends when the
// harness ends. Nothing is made in the network of the machine: a member's client port is reached
// through a port of 127.0.0.1 whose socket its agent has inherited. So runs cannot collide, and only
// the data directories can be left behind (by a harness that was killed); the next run sweeps them.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/agent"
)

// Runtime implements harness.Runtime. The zero value is ready for use.
type Runtime struct {
	// Self starts the agent's program; its arguments are appended. Nil: this executable's hidden
	// subcommand "agent".
	Self []string
	// TempDir is where the data directories of runs are; empty: os.TempDir().
	TempDir string
	// UserNamespace makes a user namespace also where the harness is root and needs none.
	UserNamespace bool
}

var _ harness.Runtime = (*Runtime)(nil)

// Name is "local".
func (*Runtime) Name() string { return "local" }

// Run starts a cluster, calls body and removes everything.
func (r *Runtime) Run(ctx context.Context, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) error {
	if !runID.MatchString(cfg.RunID) {
		return fmt.Errorf("run ID %q: allowed are a-z, 0-9 and -", cfg.RunID)
	}
	_, _ = r.Clean(ctx, false) // what cannot be removed does not stand in this run's way
	return agent.Run(ctx, &platform{runtime: r}, cfg, body)
}

var runID = regexp.MustCompile(`^[a-z0-9-]+$`)

func (r *Runtime) self() ([]string, error) {
	if len(r.Self) > 0 {
		return r.Self, nil
	}
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return []string{path, "agent"}, nil
}

func (r *Runtime) tempDir() string {
	if r.TempDir != "" {
		return r.TempDir
	}
	return os.TempDir()
}

// Directories of runs are called faultline-local_OWNER_RUN: whose they are can be told at any time.
const dirPrefix = "faultline-local_"

func (r *Runtime) runDir(runID string) (string, error) {
	owner, err := agent.Self()
	if err != nil {
		return "", err
	}
	return filepath.Join(r.tempDir(), dirPrefix+owner.String()+"_"+runID), nil
}

// Clean removes the data directories of runs whose harness has ended, or with all set, those of
// every run, and ends the processes that belong to them. It returns what it removed.
func (r *Runtime) Clean(ctx context.Context, all bool) (removed []string, err error) {
	dirs, err := filepath.Glob(filepath.Join(r.tempDir(), dirPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for data directories: %w", err)
	}
	var errs []error
	for _, dir := range dirs {
		if ctx.Err() != nil {
			return removed, errors.Join(append(errs, context.Cause(ctx))...)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "_")
		owner, err := agent.ParseOwner(name)
		if err != nil || !ours(dir) || !all && !owner.Dead() {
			continue // another's, or in use
		}
		hubs, err := hubsOf(owner)
		errs = append(errs, err)
		for _, pid := range hubs {
			errs = append(errs, killHub(pid))
			removed = append(removed, fmt.Sprintf("process %d", pid))
		}
		if err := os.RemoveAll(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, "directory "+dir)
	}
	return removed, errors.Join(errs...)
}

// ours says whether this user made the directory, or may do anything.
func ours(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && (os.Geteuid() == 0 || ownerOf(info) == os.Geteuid())
}

// Residue lists what exists of a run now: its directories and its processes.
func (r *Runtime) Residue(_ context.Context, runID string) (found []string, err error) {
	dirs, err := filepath.Glob(filepath.Join(r.tempDir(), dirPrefix+"*_"+runID))
	if err != nil {
		return nil, fmt.Errorf("look for data directories: %w", err)
	}
	for _, d := range dirs {
		found = append(found, "directory "+d)
	}
	processes, err := processesOf(runID)
	return append(found, processes...), err
}
