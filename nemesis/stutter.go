package nemesis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Stutter freezes the process for a share of each period, like a machine without enough CPU. Between the
// freezes the process goes on serving. Stutter starts with a freeze, like Pause, which Verify checks.
type Stutter struct {
	Pause
	Period  time.Duration // from one freeze to the next
	Percent int           // percentage of the period in which it is frozen; 1 to 99
}

const stutterArgs = "stutter(PERIOD,SHARE), with PERIOD from 10ms to 1m and SHARE, the frozen part of it, from 1% to 99%"

func parseStutter(args []string) (harness.Fault, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("it has 2 arguments, not %d", len(args))
	}
	period, err := time.ParseDuration(args[0])
	if err != nil || period < 10*time.Millisecond || period > time.Minute {
		return nil, fmt.Errorf("its period is %q", args[0])
	}
	share, percent := strings.CutSuffix(args[1], "%")
	n, err := strconv.Atoi(share)
	if err != nil || !percent || n < 1 || n > 99 {
		return nil, fmt.Errorf("its share is %q", args[1])
	}
	return Stutter{Period: period, Percent: n}, nil
}

func (f Stutter) String() string { return fmt.Sprintf("stutter(%v,%d%%)", f.Period, f.Percent) }

func (Stutter) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Impaired, Affected: nodes}
}

// Hold lets the process run and freezes it again, from where Inject left it.
func (f Stutter) Hold(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	frozen := f.Period * time.Duration(f.Percent) / 100
	p := c.(harness.Pauser)
	for at := in.Env.Now(); ; at = max(at+f.Period, in.Env.Now()) {
		if in.Env.Sleep(ctx, at+frozen-in.Env.Now()) != nil {
			return nil
		}
		if err := each(ctx, in, p.Resume); err != nil {
			return fmt.Errorf("let it run: %w", err)
		}
		if in.Env.Sleep(ctx, at+f.Period-in.Env.Now()) != nil {
			return nil
		}
		if err := each(ctx, in, p.Pause); err != nil {
			return fmt.Errorf("freeze it again: %w", err)
		}
	}
}
