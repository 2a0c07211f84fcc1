// Package nemesis holds the faults, one file each, and the schedules made of them. Faults are values
// without state over the capabilities of a harness.Cluster; package harness runs them.
package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Entry describes one fault in All.
type Entry struct {
	Fault harness.Fault // with the defaults of its arguments
	Doc   string        // one line
	Args  string        // what arguments there are and what they may be, as name(ARGS) and a sentence; empty: none
	// Parse makes the fault with these arguments, at least one; nil: it has none. Its error says what is
	// wrong with them; what is allowed, Args tells.
	Parse func(args []string) (harness.Fault, error)
}

// Name is the fault's, without arguments.
func (e Entry) Name() string {
	name, _, _ := strings.Cut(e.Fault.String(), "(")
	return name
}

// All lists the faults that exist. Help, documentation and tests range over it.
func All() []Entry {
	return []Entry{
		{Fault: Kill{}, Doc: "kill the process with SIGKILL; heal: start it again"},
		{Fault: Stop{}, Doc: "end the process with SIGTERM and wait; heal: start it again"},
		{Fault: PowerFail{}, Doc: "kill the process and lose the data that it had not synced; heal: start it again"},
		{Fault: Pause{}, Doc: "freeze the process with SIGSTOP; heal: SIGCONT"},
		{Stutter{Period: 100 * time.Millisecond, Percent: 50}, "freeze the process for a share of each period; heal: SIGCONT", stutterArgs, parseStutter},
		{Fault: Isolate{}, Doc: "cut each target member off from every other member, in both directions; heal: restore the links"},
		{Fault: Partition{}, Doc: "cut the target members as a group off from the others, in both directions; heal: restore the links"},
		{Fault: Mute{}, Doc: "cut only the links from each target member to the others: it receives, but cannot send; heal: restore the links"},
	}
}

// Parse is the inverse of a fault's String: of All's, or of more of the caller. A name alone is the fault
// with its defaults.
func Parse(s string, more ...Entry) (harness.Fault, error) {
	name, list, hasArgs := strings.Cut(s, "(")
	list, closed := strings.CutSuffix(list, ")")
	if hasArgs && !closed {
		return nil, fmt.Errorf("fault %q: the parenthesis is not closed", s)
	}
	var names []string
	for _, e := range append(All(), more...) {
		if e.Name() != name {
			names = append(names, e.Name())
			continue
		}
		if !hasArgs {
			return e.Fault, nil
		}
		if e.Parse == nil {
			return nil, fmt.Errorf("fault %q: %s has no arguments", s, name)
		}
		args := strings.Split(list, ",")
		for i := range args {
			args[i] = strings.TrimSpace(args[i])
		}
		f, err := e.Parse(args)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w: allowed is %s", s, err, e.Args)
		}
		return f, nil
	}
	return nil, fmt.Errorf("unknown fault %q: allowed are %s", s, strings.Join(names, ", "))
}

// SplitList splits a list of faults at its commas, except for commas in parentheses. Flags and YAML split
// lists at every comma; SplitList joins such parts again first.
func SplitList(words ...string) (list []string) {
	depth, start := 0, 0
	s := strings.Join(words, ",")
	for i, r := range s + "," {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && (depth <= 0 || i == len(s)):
			list = append(list, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return list
}

// each calls f concurrently for every member of the injection, and joins the errors.
func each(ctx context.Context, in harness.Injection, f func(context.Context, history.NodeID) error) error {
	if len(in.Nodes) == 1 {
		return f(ctx, in.Nodes[0])
	}
	tasks := make([]harness.Task, len(in.Nodes))
	for i, id := range in.Nodes {
		tasks[i] = func(ctx context.Context) error { return f(ctx, id) }
	}
	return in.Env.Parallel(ctx, tasks...)
}

// want turns a yes-or-no question about a member into a check that returns an error.
func want(expect bool, what string, ask func(context.Context, history.NodeID) (bool, error)) func(context.Context, history.NodeID) error {
	return func(ctx context.Context, id history.NodeID) error {
		got, err := ask(ctx, id)
		if err != nil {
			return fmt.Errorf("check whether %s is %s: %w", id, what, err)
		}
		if got != expect {
			return fmt.Errorf("%s: %s is %v, want %v", id, what, got, expect)
		}
		return nil
	}
}

var errNoAnswer = errors.New("the member does not answer a status call")

// serves returns a check that succeeds once the member answers a status call.
func serves(c harness.Cluster, in harness.Injection) func(context.Context, history.NodeID) error {
	return func(ctx context.Context, id history.NodeID) error {
		ctx, cancel := in.Env.WithTimeout(ctx, harness.StatusTimeout)
		defer cancel()
		if st, err := c.Status(ctx, id); err != nil || st.Role == history.Unreached {
			return errors.Join(fmt.Errorf("%s: %w", id, errNoAnswer), err)
		}
		return nil
	}
}
