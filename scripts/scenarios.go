// Package scenarios holds scripts: runs whose steps have expectations of their own. What a script
// finds is a list of claims, each with what was done, what was measured, and whether it holds.
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
	// Start brings a fresh cluster up with these timeouts, calls body and closes the cluster. It may
	// be called several times, one after another. Ops go to the recorder given to body. Only one
	// cluster of a script is the main one, whose history is kept.
	Start func(ctx context.Context, c ClusterOptions, body func(context.Context, *Stage) error) error
}

// ClusterOptions differ from cluster to cluster of a script.
type ClusterOptions struct {
	Election, Heartbeat time.Duration
	Main                bool // its history and logs become the run's
}

// Stage is a running cluster with what a script needs on it.
type Stage struct {
	Env      harness.Env
	Cluster  harness.Cluster
	Recorder *harness.Recorder
	Nemesis  *harness.Nemesis
	// Logs are the members' lines so far.
	Logs func() map[history.NodeID][]history.LogLine
}

// Claim is one fact that a script showed to hold or not.
type Claim struct {
	Claim     string
	Did       string
	Measured  string
	Holds     bool
	Undecided string // why it was neither shown nor refuted: not tried, or the machine was too busy to tell; Holds is false then
	Took      time.Duration
}

// Options are what the user asked for.
type Options struct {
	Election, Heartbeat time.Duration
	Stable              time.Duration // how long nobody may elect; 30 s
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
		{"election-basics", "each fact about leaders, elections and service as a step with its own expectation", ElectionBasics},
	}
}
