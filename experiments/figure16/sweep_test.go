package figure16

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/scenario"
)

// silent is a Progress.
type silent struct{}

func (silent) Expect(int, float64)  {}
func (silent) Advance(int, float64) {}
func (silent) Print(string, ...any) {}
func (silent) Clear()               {}

func lineNamed(t *testing.T, name string) Line {
	t.Helper()
	i := slices.IndexFunc(Lines(), func(l Line) bool { return l.Name() == name })
	require.GreaterOrEqual(t, i, 0)
	return Lines()[i]
}

// crash does the trials of some lines in a simulation.
func crash(t *testing.T, ctx context.Context, trials int, lines ...string) (*Sweep, error) {
	t.Helper()
	x, err := New(t.TempDir(), Settings{Paper: true, Runtime: "sim", Lines: lines, Trials: trials, Seed: 1})
	require.NoError(t, err)
	return x, x.crash(ctx, silent{})
}

// TestLineIsThePapers: a short line of the figure comes near the paper's. The tolerance is wider than the
// sweep's own, since 50 trials move a median by themselves; the seed is fixed.
func TestLineIsThePapers(t *testing.T) {
	for _, c := range []struct {
		name      string
		tolerance float64
	}{{"150-300", 0.2}, {"50-100", 0.2}, {"150-155", 0.5}} {
		t.Run(c.name, func(t *testing.T) {
			x, err := crash(t, t.Context(), 50, c.name)
			require.NoError(t, err)
			again, err := crash(t, t.Context(), 50, c.name)
			require.NoError(t, err)
			require.Equal(t, x.trials(), again.trials(), "cores do not matter")
			rs, err := x.judge()
			require.NoError(t, err)
			require.InDelta(t, 0, rs[0].Checks[0].Off, c.tolerance, "%v", rs[0])
			require.Equal(t, 50, rs[0].Measured.N)
		})
	}
}

// TestSweepIsInterrupted: every trial that was done is kept, and the others yield what they would have.
func TestSweepIsInterrupted(t *testing.T) {
	whole, err := crash(t, t.Context(), 60, "150-300", "150-155")
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	x, err := crash(t, ctx, 60, "150-300", "150-155")
	var status *scenario.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, scenario.ExitUnknown, status.Code)
	require.ErrorContains(t, err, "of 120 crashes; go on with: faultline sweep --resume "+string(x.dir))
	require.Less(t, len(x.trials()), 120)
	var lines bytes.Buffer // some of the trials, out of order, the last one cut off
	for _, i := range []int{70, 3, 119, 4} {
		b, err := json.Marshal(whole.trials()[i])
		require.NoError(t, err)
		lines.Write(append(b, '\n'))
	}
	require.NoError(t, os.WriteFile(x.dir.Path(trialsFile), lines.Bytes()[:lines.Len()-9], 0o600))
	x, err = Resume(x.dir)
	require.NoError(t, err)
	require.Len(t, x.trials(), 3)
	require.NoError(t, x.crash(t.Context(), silent{}))
	require.Equal(t, whole.trials(), x.trials())
}

// TestWork: the estimate of what is left knows that lines differ.
func TestWork(t *testing.T) {
	for _, runtime := range runtimes {
		s := Settings{Runtime: runtime}
		require.Greater(t, s.work(lineNamed(t, "150-151")), 2*s.work(lineNamed(t, "12-24")))
	}
}

func TestSettingsCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"runtime":  {func(s *Settings) { s.Runtime = "docker" }, "runs on sim and local only"},
		"no lines": {func(s *Settings) { s.Lines = nil }, "--lines is empty"},
		"no line":  {func(s *Settings) { s.Lines = []string{"1-2"} }, "the figure has 12-24, "},
		"twice":    {func(s *Settings) { s.Lines = []string{"12-24", "12-24"} }, "holds 12-24 twice"},
		"trials":   {func(s *Settings) { s.Trials = 9 }, "allowed are 10 to 100000"},
	} {
		s := Default("sim")
		require.Len(t, s.Lines, 10)
		require.NoError(t, s.Check())
		c.change(&s)
		require.ErrorContains(t, s.Check(), c.want, name)
	}
	require.Len(t, Default("local").Lines, 9)
}
