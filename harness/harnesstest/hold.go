package harnesstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// pulse pauses a member and lets it go on, again and again while it lasts. It counts how often.
type pulse struct{ count *atomic.Int32 }

func (pulse) String() string { return "pulse" }

func (pulse) Needs() []harness.Capability { return []harness.Capability{harness.CanPause} }

func (pulse) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Impaired, Affected: nodes}
}

func (pulse) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return c.(harness.Pauser).Pause(ctx, in.Nodes[0])
}

func (pulse) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return is("paused", true)(c.(harness.Pauser).Paused(ctx, in.Nodes[0]))
}

func (f pulse) Hold(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	p := c.(harness.Pauser)
	for ctx.Err() == nil {
		err := all(
			func() error { return in.Env.Sleep(ctx, pause) },
			func() error { return p.Resume(ctx, in.Nodes[0]) },
			func() error { return in.Env.Sleep(ctx, pause) },
			func() error { return p.Pause(ctx, in.Nodes[0]) },
		)
		if err != nil {
			return err
		}
		f.count.Add(1)
	}
	return nil
}

func (pulse) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return c.(harness.Pauser).Resume(ctx, in.Nodes[0])
}

func (pulse) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return is("paused", false)(c.(harness.Pauser).Paused(ctx, in.Nodes[0]))
}

// checkHold has a fault act while it lasts, as a step of a schedule and then in a script.
func checkHold(ctx context.Context, b *bench) error {
	r := harness.NewRecorder(b.env, io.Discard, harness.RecorderOptions{Keep: true})
	n := harness.NewNemesis(b.env, b.cluster, r)
	scheduled, scripted := pulse{&atomic.Int32{}}, pulse{&atomic.Int32{}}
	step := harness.Step{For: 100 * pause, Fault: scheduled, Target: "node=n2"}
	if err := n.Run(ctx, harness.Schedule{step}, 120*pause); err != nil {
		return err
	}
	if scheduled.count.Load() == 0 {
		return errors.New("it did nothing while it lasted, in a schedule")
	}
	err := n.Conduct(ctx, func(ctx context.Context) error {
		in, err := n.Inject(ctx, scripted, "node=n2")
		return errors.Join(err, b.eventually(ctx, func(context.Context) error {
			if scripted.count.Load() == 0 {
				return errors.New("it did nothing while it lasted, in a script")
			}
			return nil
		}), n.Heal(ctx, in))
	})
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(r.Ops(), func(op history.Op) bool { return op.Error != "" }); i >= 0 {
		return fmt.Errorf("the nemesis recorded an error: %s", r.Ops()[i].Error)
	}
	return b.serves(ctx, "n2")
}
