//go:build linux

// Package linux makes faults real on Linux, one mechanism a file: process (signals), netfilter
// (dropped packets), probe (proof that links are open or cut). Disk, clock and delays are further
// files and lines in mechanisms. It also has the two hidden programs of the faultline binary: the
// agent itself, and the hub, which makes the namespaces of runtime local.
package linux

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// mechanisms lists what exists.
func mechanisms(out *agent.Writer) []agent.Mechanism {
	return []agent.Mechanism{
		NewProcess(out),
		NewNetfilter(),
		NewProber(),
	}
}

// Main is the hidden subcommand of the faultline binary: with no arguments it is the agent of a
// member, started by a container runtime in namespaces of its own; with "hub SPEC" it is the hub of
// runtime local, and with "node SPEC" an agent that a hub started. It returns when stdin ends, once
// everything is healed; the caller should exit at once.
func Main(ctx context.Context, stdin io.Reader, stdout io.Writer, args []string) error {
	if len(args) == 0 {
		return serve(ctx, stdin, stdout)
	}
	if len(args) != 2 || args[0] != hubCommand && args[0] != nodeCommand {
		return fmt.Errorf("agent: wrong arguments %q: this subcommand is faultline's own and is not meant to be called", strings.Join(args, " "))
	}
	if args[0] == hubCommand {
		spec, err := agent.ParseHubSpec(args[1])
		if err != nil {
			return fmt.Errorf("agent: %w", err)
		}
		return hub(ctx, stdin, stdout, spec)
	}
	var spec nodeSpec
	if err := json.Unmarshal([]byte(args[1]), &spec); err != nil {
		return fmt.Errorf("agent: read the node's specification: %w", err)
	}
	if err := enterNode(spec); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return serve(ctx, stdin, stdout)
}

func serve(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	out := agent.NewWriter(stdout)
	all := mechanisms(out)
	hello := func() (agent.Hello, error) {
		boot, err := bootID()
		if err != nil {
			return agent.Hello{}, err
		}
		return agent.Hello{Mechanisms: agent.Survey(all), BootID: boot, Clock: monotonic()}, nil
	}
	return agent.Serve(ctx, stdin, out, hello, all)
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}
