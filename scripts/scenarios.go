// Package scenarios holds scripts: runs whose steps check claims of their own. The result of a script is a
// list of claims, each with what was done, what was measured, and whether it holds.
//
// Scripts are plain blocking code, like workloads: they block only in Env and in client calls.
package scripts

import (
	"context"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// World is what a script may use.
type World struct {
	// Start starts a fresh cluster with these timeouts, calls body and closes the cluster. It may be called
	// several times, one after another. Ops go to the recorder given to body. One cluster of a script is
	// the main one, whose history is kept.
	Start func(ctx context.Context, c ClusterOptions, body func(context.Context, *Stage) error) error
}

// ClusterOptions are the options of one cluster of a script.
type ClusterOptions struct {
	Election, Heartbeat time.Duration
	Main                bool // its history and logs become the run's
}

// Stage is a running cluster with everything that a script needs.
type Stage struct {
	Env      harness.Env
	Cluster  harness.Cluster
	Recorder *harness.Recorder
	Nemesis  *harness.Nemesis
	// Logs are the members' lines so far.
	Logs func() map[history.NodeID][]history.LogLine
}

// Claim is one fact, and whether a script showed that it holds.
type Claim struct {
	Claim     string
	Did       string
	Measured  string
	Holds     bool
	Undecided string // why it was neither shown nor refuted: not tried, or the machine was too busy; Holds is false then
	Took      time.Duration
}

// Options are the user's settings.
type Options struct {
	Election, Heartbeat time.Duration
	Stable              time.Duration // time during which there must be no election; default 30 s
}

// Entry is a line of All.
type Entry struct {
	Name string
	Doc  string // one line
	Run  func(context.Context, World, Options) ([]Claim, error)
}

// All lists the scripts that exist.
func All() []Entry {
	return []Entry{
		{"election-basics", "check the facts of leader election one by one: who serves, who elects, what clients notice", ElectionBasics},
	}
}
