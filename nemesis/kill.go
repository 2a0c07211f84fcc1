package nemesis

import (
	"context"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// classProcess: two faults on a member's process exclude each other.
const classProcess = "process"

// Kill ends the process with SIGKILL. Data that it has written to its files survives, even if it was not
// synced. Healing starts it again and is complete once it answers.
type Kill struct{}

func (Kill) String() string { return "kill" }

// Class is that of faults on the process.
func (Kill) Class() string { return classProcess }

func (Kill) Needs() []harness.Capability { return []harness.Capability{harness.CanKill} }

func (Kill) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Down, Affected: nodes}
}

func (Kill) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.Killer).Kill)
}

func (Kill) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, want(false, "alive", c.(harness.Killer).Alive))
}

func (Kill) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.Killer).Start)
}

func (Kill) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	if err := each(ctx, in, want(true, "alive", c.(harness.Killer).Alive)); err != nil {
		return err
	}
	return each(ctx, in, serves(c, in))
}

// Stop ends the process with SIGTERM and waits until it has ended.
type Stop struct{ Kill }

func (Stop) String() string { return "stop" }

func (Stop) Needs() []harness.Capability { return []harness.Capability{harness.CanStop} }

func (Stop) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.Stopper).Stop)
}

// PowerFail kills the process and loses the data that it had not synced.
type PowerFail struct{ Kill }

func (PowerFail) String() string { return "powerfail" }

func (PowerFail) Needs() []harness.Capability { return []harness.Capability{harness.CanPowerFail} }

func (PowerFail) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return each(ctx, in, c.(harness.PowerFailer).PowerFail)
}
