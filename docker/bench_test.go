package docker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/harnesstest"
	"github.com/faultline-chaos/faultline/systems"
)

// BenchmarkInject compares what the agent takes for a fault, confirmed, with what Docker's own API
// takes for the same on a container that has the member's process as its PID 1. Run it with
// -benchtime=50x; the numbers are medians in milliseconds.
func BenchmarkInject(b *testing.B) {
	r := newRuntime(b)
	sys := systems.NewRaftKV(systems.Options{
		Binary:            harnesstest.Build(b, "github.com/faultline-chaos/faultline/cmd/raftkv"),
		ElectionTimeout:   time.Second,
		HeartbeatInterval: 100 * time.Millisecond,
	})
	defer func() { require.NoError(b, sys.Close()) }()
	cfg := harness.ClusterConfig{RunID: harnesstest.NewRunID(), Seed: 1, System: sys, Nodes: 3}
	err := r.Run(b.Context(), cfg, func(ctx context.Context, _ harness.Env, c harness.Cluster) error {
		for _, t := range c.(harness.Timings).StartTimings() {
			b.Logf("start of three members: %s %v", t.Name, t.Took.Round(time.Millisecond))
		}
		b.Run("agent", func(b *testing.B) { medians(b, agentFaults(ctx, c)) })
		return withContainer(ctx, b, cfg.RunID, sys, func(cli *client.Client, id string) {
			b.Run("docker", func(b *testing.B) { medians(b, dockerFaults(ctx, cli, id)) })
		})
	})
	require.NoError(b, err)
}

// step is one call whose time counts.
type step struct {
	name string
	do   func() error
}

// agentFaults leave the cluster as it was.
func agentFaults(ctx context.Context, c harness.Cluster) []step {
	n, p, k := c.(harness.Network), c.(harness.Pauser), c.(harness.Killer)
	isolated := []harness.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}, {From: "n1", To: "n3"}, {From: "n3", To: "n1"}}
	return []step{
		{"cut", func() error { return n.Cut(ctx, "bench", isolated) }},
		{"mend", func() error { return n.Mend(ctx, "bench") }},
		{"pause", func() error { return p.Pause(ctx, "n1") }},
		{"resume", func() error { return p.Resume(ctx, "n1") }},
		{"kill", func() error { return k.Kill(ctx, "n1") }},
		{"start", func() error { return k.Start(ctx, "n1") }},
	}
}

// dockerFaults have no cut: that would be the end of the container's address.
func dockerFaults(ctx context.Context, cli *client.Client, id string) []step {
	return []step{
		{"pause", func() error { _, err := cli.ContainerPause(ctx, id, client.ContainerPauseOptions{}); return err }},
		{"resume", func() error { _, err := cli.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{}); return err }},
		{"kill", func() error {
			_, err := cli.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"})
			return err
		}},
		{"start", func() error { _, err := cli.ContainerStart(ctx, id, client.ContainerStartOptions{}); return err }},
	}
}

// medians repeats all steps in order.
func medians(b *testing.B, steps []step) {
	took := make([][]time.Duration, len(steps))
	for b.Loop() {
		for i, s := range steps {
			start := time.Now()
			if err := s.do(); err != nil {
				b.Fatalf("%s: %v", s.name, err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op") // of all steps together: says nothing
	for i, s := range steps {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds())/1000, s.name+"-ms")
	}
}

// withContainer runs a member without an agent, from the run's own image. It carries the run's
// labels, so it is swept like all else should this program be killed.
func withContainer(ctx context.Context, _ *testing.B, run string, sys harness.System, f func(*client.Client, string)) (err error) {
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	cmd, err := sys.Command("n1", []harness.Member{{ID: "n1", Host: "127.0.0.1"}}, "/data")
	if err != nil {
		return err
	}
	list, err := cli.ContainerList(ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("label", "faultline.run="+run)})
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("run %s has no containers", run)
	}
	created, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{
		Image:      list.Items[0].Image,
		Entrypoint: append([]string{"/system"}, cmd.Args...),
		Labels:     list.Items[0].Labels,
		Volumes:    map[string]struct{}{"/data": {}},
	}})
	if err != nil {
		return err
	}
	defer func() {
		_, removeErr := cli.ContainerRemove(context.WithoutCancel(ctx), created.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		err = errors.Join(err, removeErr)
	}()
	if _, err := cli.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	f(cli, created.ID)
	return nil
}
