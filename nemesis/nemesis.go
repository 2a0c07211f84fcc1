// Package nemesis holds the faults, one file each, and the schedules made of them. Faults are values
// without state over the capabilities of a harness.Cluster; package harness runs them.
package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/faultline-chaos/faultline/harness"
)

// Entry is a line of All.
type Entry struct {
	Fault harness.Fault
	Doc   string // one line
	Needs string // the capability of a cluster that it needs
}

// All lists the faults that exist. Help, documentation and tests range over it.
func All() []Entry {
	return []Entry{
		{Kill{}, "kill the process with SIGKILL; heals by starting it again", "Killer"},
		{Stop{}, "end the process with SIGTERM and wait; heals by starting it again", "Stopper"},
		{PowerFail{}, "kill the process and lose what it had not synced; heals by starting it again", "PowerFailer"},
		{Pause{}, "freeze the process with SIGSTOP; heals by SIGCONT", "Pauser"},
		{Isolate{}, "cut each target member off from every other member, both ways", "Network"},
		{Partition{}, "cut the target members off from the rest, both ways; each side stays whole", "Network"},
	}
}

// Parse is the inverse of a fault's String.
func Parse(s string) (harness.Fault, error) {
	var names []string
	for _, e := range All() {
		if e.Fault.String() == s {
			return e.Fault, nil
		}
		names = append(names, e.Fault.String())
	}
	return nil, fmt.Errorf("unknown fault %q: allowed are %s", s, strings.Join(names, ", "))
}

// need states a capability: every fault's Supported is one call of it.
func need[T any](c harness.Cluster, what string) error {
	if _, ok := c.(T); !ok {
		return fmt.Errorf("it cannot %s", what)
	}
	return nil
}

// each does f to every member of the injection at once, and joins the errors.
func each(ctx context.Context, in harness.Injection, f func(context.Context, harness.NodeID) error) error {
	if len(in.Nodes) == 1 {
		return f(ctx, in.Nodes[0])
	}
	tasks := make([]harness.Task, len(in.Nodes))
	for i, id := range in.Nodes {
		tasks[i] = func(ctx context.Context) error { return f(ctx, id) }
	}
	return in.Env.Parallel(ctx, tasks...)
}

// want turns a yes-or-no question about a member into a check.
func want(expect bool, what string, ask func(context.Context, harness.NodeID) (bool, error)) func(context.Context, harness.NodeID) error {
	return func(ctx context.Context, id harness.NodeID) error {
		got, err := ask(ctx, id)
		if err != nil {
			return fmt.Errorf("ask whether %s is %s: %w", id, what, err)
		}
		if got != expect {
			return fmt.Errorf("%s: %s is %v, want %v", id, what, got, expect)
		}
		return nil
	}
}

var errNoAnswer = errors.New("it does not answer a status call")

// serves is nil once the member answers a status call.
func serves(c harness.Cluster, in harness.Injection) func(context.Context, harness.NodeID) error {
	return func(ctx context.Context, id harness.NodeID) error {
		ctx, cancel := in.Env.WithTimeout(ctx, harness.StatusTimeout)
		defer cancel()
		if st, err := c.Status(ctx, id); err != nil || st.Role == harness.Unreached {
			return errors.Join(fmt.Errorf("%s: %w", id, errNoAnswer), err)
		}
		return nil
	}
}
