// Package workloads holds the workloads: what clients do, one file each. Workloads are plain blocking code.
// They block only in harness.Env and in client calls, so that they also run in a simulation.
package workloads

import (
	"fmt"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
)

// Options are the settings of a workload. Zero values mean the workload's defaults.
type Options struct {
	Think   time.Duration // mean pause of one worker between its calls
	Timeout time.Duration // of one attempt
}

// Entry describes one workload in All.
type Entry struct {
	Name string
	Doc  string // one line
	New  func(Options) harness.Workload
}

// All lists the workloads that exist.
func All() []Entry {
	return []Entry{
		{"register", "put, get, compare-and-set and delete on a few keys; failed calls are retried on other members", func(o Options) harness.Workload {
			return Register{Think: o.Think, Timeout: o.Timeout}
		}},
		{"txn", "transactions over several keys: comparisons, reads, puts and deletes", func(o Options) harness.Workload {
			return Txn{Think: o.Think, Timeout: o.Timeout}
		}},
		{"append", "transactions that append to lists and read lists, to find isolation anomalies", func(o Options) harness.Workload {
			return Append{Think: o.Think, Timeout: o.Timeout}
		}},
		{"bank", "transfers between accounts, and reads of all balances in one transaction", func(o Options) harness.Workload {
			return Bank{Think: o.Think, Timeout: o.Timeout}
		}},
		{"set", "adds of unique elements to a set, and reads of the whole set", func(o Options) harness.Workload {
			return Set{Think: o.Think, Timeout: o.Timeout}
		}},
	}
}

// ByName makes a workload.
func ByName(name string, o Options) (harness.Workload, error) {
	var names []string
	for _, e := range All() {
		if e.Name == name {
			return e.New(o), nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("unknown workload %q: allowed are %s", name, strings.Join(names, ", "))
}
