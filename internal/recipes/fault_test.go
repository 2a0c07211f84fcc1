package recipes

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/scenario"
)

// flap cuts each target member off and lets it back, again and again: a loose cable. It has a parameter
// and a middle; how links are cut, and that they are, it has from Isolate.
type flap struct {
	nemesis.Isolate
	every time.Duration // from one cut to the next; it is cut off for the first half
}

// flapEntry is its line of nemesis.All.
func flapEntry() nemesis.Entry {
	return nemesis.Entry{
		Fault: flap{every: time.Second}, Doc: "cut each target member off for the first half of each period", Args: "flap(PERIOD), with PERIOD from 100ms to 1m",
		Parse: func(args []string) (harness.Fault, error) {
			every, err := time.ParseDuration(args[0])
			if err != nil || len(args) > 1 || every < 100*time.Millisecond || every > time.Minute {
				return nil, fmt.Errorf("its period is %q", args)
			}
			return flap{every: every}, nil
		},
	}
}

func (f flap) String() string { return fmt.Sprintf("flap(%v)", f.every) }

// Effect is no cut: it goes on serving in between.
func (flap) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Impaired, Affected: nodes}
}

// Hold opens the links and cuts them again, from where Inject left them.
func (f flap) Hold(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	for in.Env.Sleep(ctx, f.every/2) == nil {
		if err := f.Heal(ctx, c, in); err != nil {
			return fmt.Errorf("let it back: %w", err)
		}
		if in.Env.Sleep(ctx, f.every/2) != nil {
			return nil
		}
		if err := f.Inject(ctx, c, in); err != nil {
			return fmt.Errorf("cut it off again: %w", err)
		}
	}
	return nil
}

func TestFault(t *testing.T) {
	for text, want := range map[string]string{
		"flap":        "flap(1s)",
		"flap(400ms)": "flap(400ms)",
		"flap(1ms)":   `fault "flap(1ms)": its period is ["1ms"]: allowed is flap(PERIOD), with PERIOD from 100ms to 1m`,
	} {
		if f, err := nemesis.Parse(text, flapEntry()); err != nil {
			require.EqualError(t, err, want)
		} else {
			require.Equal(t, want, f.String())
		}
	}
	s := onSim()
	s.Schedule = []scenario.Step{
		{At: time.Second, For: 3 * time.Second, Fault: "flap(400ms)", Target: history.TargetLeader},
		{At: 6 * time.Second, For: 2 * time.Second, Fault: "flap(400ms)", Target: history.TargetFollower},
	}
	out := perform(t, s, scenario.Options{Faults: []nemesis.Entry{flapEntry()}})
	require.Equal(t, 2, out.Analysis.Landed())

	h, _, err := out.Folder.ReadHistory()
	require.NoError(t, err)
	seen := 0
	for _, op := range h.Ops {
		if op.F != history.FInject || op.Type != history.OK {
			continue
		}
		var v history.FaultValue
		require.NoError(t, json.Unmarshal(op.Value, &v))
		require.Equal(t, "flap(400ms)", v.Fault)
		require.Equal(t, history.Impaired, v.Effect, "the line says what the fault does")
		require.Len(t, v.Affected, 1, "and whom it affects")
		seen++
	}
	require.Equal(t, 2, seen)
	for _, name := range []string{results.SummaryFile, results.ReportFile} {
		require.Contains(t, file(t, out, name), "flap(400ms)", name)
	}
}
