package nemesis

import (
	"context"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Pause freezes the process: it keeps its connections and does not answer, as during a long pause of the
// garbage collector or of a virtual machine.
type Pause struct{}

func (Pause) String() string { return "pause" }

// Class is that of faults on the process.
func (Pause) Class() string { return classProcess }

func (Pause) Needs() []harness.Capability { return []harness.Capability{harness.CanPause} }

func (Pause) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Frozen, Affected: nodes}
}

func (Pause) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.Pauser).Pause)
}

func (Pause) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, want(true, "paused", c.(harness.Pauser).Paused))
}

func (Pause) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.Pauser).Resume)
}

func (Pause) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	if err := each(ctx, in, want(false, "paused", c.(harness.Pauser).Paused)); err != nil {
		return err
	}
	return each(ctx, in, serves(c, in))
}
