package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Fault is a value without state: what belongs to one injection travels in Injection. Its String,
// with its arguments, parses back with nemesis.Parse. Verify and VerifyHealed ask once; the engine repeats them until
// they pass or time is up.
type Fault interface {
	fmt.Stringer
	// Needs are the capabilities that it needs. A cluster that lacks one is refused before the run, and
	// the other methods are not called.
	Needs() []Capability
	// Effect is what it does where it hits these nodes of the members, once Verify is nil.
	Effect(members, nodes []history.NodeID) history.Effect
	Inject(context.Context, Cluster, Injection) error
	// Verify is nil once the fault has its effect.
	Verify(context.Context, Cluster, Injection) error
	// Heal is idempotent and works after a failed Inject, too.
	Heal(context.Context, Cluster, Injection) error
	// VerifyHealed is nil once the fault has no effect any more.
	VerifyHealed(context.Context, Cluster, Injection) error
}

// Injection is one landing of a fault.
type Injection struct {
	ID    string           // unique in the run; names rules
	Nodes []history.NodeID // as the target was resolved
	Env   Env              // to wait and to do things at once
	// CutByOthers says whether another active injection cuts the link, so that it must not be
	// expected to be open when this one is healed. Nil: none does.
	CutByOthers func(Link) bool
}

// Holder is implemented by faults that do something while they last.
type Holder interface {
	// Hold runs from when the effect was seen until the fault's time is over or somebody heals it: ctx
	// ends then, and Hold must return soon; Heal is called after that. Returning nil earlier is allowed.
	// An error other than ctx's own is recorded, and the fault goes on without it.
	Hold(context.Context, Cluster, Injection) error
}

// Exclusive is implemented by faults of which two of the same class must not overlap on one member:
// a killed process cannot be paused. The engine picks other members for a second one.
type Exclusive interface{ Class() string }

// Cutter is implemented by faults that cut links.
type Cutter interface {
	Links(members, nodes []history.NodeID) []Link
}

// Step is one fault of a schedule.
type Step struct {
	At     time.Duration // after the start of the faults phase
	For    time.Duration // from confirmation to healing
	Fault  Fault
	Target history.Target
}

// Schedule is what the nemesis does: data that is printed, saved and replayed. Steps may overlap.
type Schedule []Step
