// Package docker is the runtime in which each member runs in its own container, made with testcontainers-go.
// It is the only part of Faultline that knows Docker.
//
// A container's PID 1 is our own static binary, the agent. The image is built from scratch and holds only the
// agent and the system's binary. The agent talks to the harness over its attached standard input and
// output. If the harness dies, they are closed, and the container heals, ends and removes itself. The run's
// network remains; the next run finds it by its labels and removes it.
//
// It works with Docker Engine from 20.10 (API 1.41). The harness reaches members by their own
// addresses, so it must be on the engine's machine: Docker Desktop will not do.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	tc "github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/agent"
)

// Runtime implements harness.Runtime. The zero value is ready for use.
type Runtime struct {
	// Agent is the path of the static binary that holds the agent; empty: this executable.
	Agent string
	// AgentArgs are its arguments; nil: the hidden subcommand "agent".
	AgentArgs []string
}

var _ harness.Runtime = (*Runtime)(nil)

// Labels of what the runtime makes.
const (
	labelRun   = "faultline.run"   // the run's ID
	labelOwner = "faultline.owner" // the harness, as agent.Owner
	labelImage = "faultline.image" // on images
)

// Name is "docker".
func (*Runtime) Name() string { return "docker" }

const probeTime = 3 * time.Second

// Probe checks that the engine answers, that it has the API version we need, and that members' addresses can be
// reached from here. It starts no container to find out what works inside.
func (r *Runtime) Probe(ctx context.Context) (harness.Abler, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("runtime docker: %s", oneLine(err))
	}
	defer cli.Close()
	version, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, fmt.Errorf("runtime docker: no engine answers: %s", oneLine(err))
	}
	if version.Os != "linux" {
		return nil, fmt.Errorf("runtime docker: the engine runs containers of %s, not linux", version.Os)
	}
	if why := elsewhere(ctx, cli); why != nil {
		return nil, fmt.Errorf("runtime docker: members could not be reached from here: %w", why)
	}
	if _, err := cli.ContainerList(ctx, client.ContainerListOptions{Limit: 1}); err != nil {
		return nil, fmt.Errorf("runtime docker: the engine %s cannot be used: %s", version.Version, oneLine(err))
	}
	return agent.Unprobed{}, nil
}

// elsewhere is an error if the engine's bridges are in the network of another kernel, or in a network
// namespace of the engine's own.
func elsewhere(ctx context.Context, cli *client.Client) error {
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return errors.New(oneLine(err))
	}
	if slices.Contains(info.Info.SecurityOptions, "name=rootless") {
		return errors.New("the engine is rootless")
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return fmt.Errorf("the harness must run on Linux: %w", err)
	}
	if here := strings.TrimSpace(string(release)); here != info.Info.KernelVersion {
		return fmt.Errorf("the engine runs on another kernel (%s, %s), not on this one (%s)", info.Info.OperatingSystem, info.Info.KernelVersion, here)
	}
	return nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Run starts a cluster, calls body and removes everything.
func (r *Runtime) Run(ctx context.Context, cfg harness.ClusterConfig, body func(context.Context, harness.Env, harness.Cluster) error) error {
	if !runID.MatchString(cfg.RunID) {
		return fmt.Errorf("run ID %q: allowed are a-z, 0-9 and -", cfg.RunID)
	}
	e, err := connect()
	if err != nil {
		return err
	}
	defer e.close()
	_, _ = e.clean(ctx, false) // leftovers that cannot be removed do not stop this run: faultline clean reports them
	return agent.Run(ctx, &platform{runtime: r, engine: e}, cfg, body)
}

var runID = regexp.MustCompile(`^[a-z0-9-]+$`)

// engine is a connection to Docker.
type engine struct {
	provider *tc.DockerProvider
	api      client.APIClient
}

// settings are testcontainers' own, which it keeps in the environment and in a variable of its own: one
// process has only one of each, and it may not be set while others read it.
var settings = sync.OnceValue(func() error {
	tclog.SetDefault(tclog.NewNoopLogger())
	for name, value := range map[string]string{
		"TESTCONTAINERS_RYUK_DISABLED": "true", // without its own clean-up container: ours remove themselves
		"TESTCONTAINERS_HOST_OVERRIDE": "localhost",
	} {
		if _, ok := os.LookupEnv(name); ok { // the user's own
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
})

func connect() (*engine, error) {
	if err := settings(); err != nil {
		return nil, err
	}
	options := append(tc.Generic2DockerOptions(tc.WithLogger(tclog.Default())), tc.WithDefaultBridgeNetwork(tc.Bridge)) // else it makes a default network of its own
	provider, err := tc.NewDockerProvider(options...)
	if err != nil {
		return nil, fmt.Errorf("connect to Docker: %w", err)
	}
	return &engine{provider: provider, api: provider.Client()}, nil
}

func (e *engine) close() { _ = e.provider.Close() } // an error to close a connection does not matter
