package harness

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Capability names what a cluster may be able to do to its members. Each stands for an interface that
// the cluster then implements.
type Capability string

// The capabilities of clusters.
const (
	CanKill      Capability = "kill"      // Killer
	CanStop      Capability = "stop"      // Stopper
	CanPowerFail Capability = "powerfail" // PowerFailer
	CanPause     Capability = "pause"     // Pauser
	CanCut       Capability = "cut"       // Network
)

// CapabilityEntry describes one capability in Capabilities.
type CapabilityEntry struct {
	Capability Capability
	Doc        string // what it is to have it: "it cannot " and this is a sentence
	// Implements says whether the cluster has the methods. Whether they work is for Can to say.
	Implements func(Cluster) bool
}

// Capabilities lists what exists.
func Capabilities() []CapabilityEntry {
	return []CapabilityEntry{
		{CanKill, "kill a member's process", implements[Killer]},
		{CanStop, "stop a member's process with SIGTERM", implements[Stopper]},
		{CanPowerFail, "lose what a member has not synced", implements[PowerFailer]},
		{CanPause, "pause a member's process", implements[Pauser]},
		{CanCut, "cut links between members", implements[Network]},
	}
}

func implements[T any](c Cluster) bool { _, ok := c.(T); return ok }

// Abler answers what can be done, of a cluster or of every cluster of a runtime on this machine.
type Abler interface {
	// Can names the mechanism that makes the capability real, or says why there is none, as Missing does.
	Can(Capability) (mechanism string, err error)
}

// Missing says that there is no such capability, and why where that is known.
func (c Capability) Missing(why string) error {
	doc := string(c)
	for _, e := range Capabilities() {
		if e.Capability == c {
			doc = e.Doc
		}
	}
	if why == "" {
		return fmt.Errorf("it cannot %s", doc)
	}
	return fmt.Errorf("it cannot %s: %s", doc, why)
}

// Unsupported says which faults of the schedule cannot be had, and why (an *UnsupportedError); nil: none.
// The runtime's name is for the message.
func Unsupported(s Schedule, runtime string, a Abler) error {
	var errs []error
	seen := map[string]bool{}
	for _, st := range s {
		name := st.Fault.String()
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, c := range st.Fault.Needs() {
			if _, err := a.Can(c); err != nil {
				errs = append(errs, fmt.Errorf("fault %s is not supported on runtime %s: %w", name, runtime, err))
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &UnsupportedError{errs}
}

// UnsupportedError says which faults of a schedule cannot be had. Nothing was done to any cluster. It is
// errors.ErrUnsupported.
type UnsupportedError struct{ Reasons []error }

func (e *UnsupportedError) Error() string {
	return strings.ReplaceAll(errors.Join(e.Reasons...).Error(), "\n", "; ")
}

func (e *UnsupportedError) Unwrap() []error {
	return append(slices.Clone(e.Reasons), errors.ErrUnsupported)
}
