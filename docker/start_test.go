package docker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/docker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
)

// startCluster runs a cluster whose body does nothing but f.
func startCluster(ctx context.Context, r *docker.Runtime, sys harness.System, run string, f func() error) error {
	cfg := harness.ClusterConfig{RunID: run, Seed: 1, System: sys, Nodes: 3}
	return r.Run(ctx, cfg, func(context.Context, harness.Env, harness.Cluster) error { return f() })
}

func requireNothingLeft(t *testing.T, r *docker.Runtime, run string) {
	t.Helper()
	left, err := r.Residue(context.WithoutCancel(t.Context()), run)
	require.NoError(t, err)
	require.Empty(t, left)
}

var errReached = errors.New("the body was called")

func TestStartFails(t *testing.T) {
	good := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	for _, c := range []struct {
		name    string
		runtime *docker.Runtime
		system  harness.System
		want    []string
	}{
		{"no agent", &docker.Runtime{Agent: filepath.Join(dir, "none"), AgentArgs: []string{}}, toy, []string{"none", "no such file"}},
		{"the agent is a script", &docker.Runtime{Agent: script, AgentArgs: []string{}}, toy, []string{script, "no Linux program"}},
		{"no system", good, &harnesstest.Toy{Binary: filepath.Join(dir, "none")}, []string{"none", "no such file"}},
		{"the agent refuses its arguments", &docker.Runtime{Agent: good.Agent, AgentArgs: []string{"bad"}}, toy, []string{"wrong arguments"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := harnesstest.NewRunID()
			err := startCluster(t.Context(), c.runtime, c.system, run, func() error { return errReached })
			require.Error(t, err)
			require.NotErrorIs(t, err, errReached)
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
			requireNothingLeft(t, good, run)
		})
	}
}

// The second run of an ID must not take away what the first one has.
func TestRunIDInUse(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	run := harnesstest.NewRunID()
	err := startCluster(t.Context(), r, toy, run, func() error {
		before, err := r.Residue(t.Context(), run)
		require.NoError(t, err)
		err = startCluster(t.Context(), r, toy, run, func() error { return errReached })
		require.ErrorContains(t, err, "already in use")
		require.NotErrorIs(t, err, errReached)
		after, err := r.Residue(t.Context(), run)
		require.NoError(t, err)
		require.ElementsMatch(t, before, after)
		return nil
	})
	require.NoError(t, err)
	requireNothingLeft(t, r, run)
}

// Wherever a start is cancelled, what it had made goes.
func TestStartCancelled(t *testing.T) {
	r := newRuntime(t)
	toy := harnesstest.BuildToy(t)
	cause := errors.New("the test's own cancellation")
	for _, after := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 700 * time.Millisecond} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), after, cause)
			defer cancel()
			run := harnesstest.NewRunID()
			err := startCluster(ctx, r, toy, run, func() error { return errReached })
			if !errors.Is(err, errReached) { // a fast machine
				require.ErrorIs(t, err, cause)
			}
			requireNothingLeft(t, r, run)
		})
	}
}

// A container that vanishes is an error of calls, and no obstacle to the end of the run.
func TestContainerVanishes(t *testing.T) {
	r := newRuntime(t)
	run := harnesstest.NewRunID()
	cli, err := client.New(client.FromEnv)
	require.NoError(t, err)
	defer func() { require.NoError(t, cli.Close()) }()
	cfg := harness.ClusterConfig{RunID: run, Seed: 1, System: harnesstest.BuildToy(t), Nodes: 3}
	err = r.Run(t.Context(), cfg, func(ctx context.Context, _ harness.Env, c harness.Cluster) error {
		found, err := r.Residue(ctx, run)
		require.NoError(t, err)
		var name string
		for _, what := range found {
			if n, ok := strings.CutPrefix(what, "container "); ok && strings.HasSuffix(n, "-n2") {
				name = n
			}
		}
		_, err = cli.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true})
		require.NoError(t, err)
		require.ErrorContains(t, c.(harness.Killer).Kill(ctx, "n2"), "the agent is gone")
		return nil
	})
	require.NoError(t, err)
	requireNothingLeft(t, r, run)
}
