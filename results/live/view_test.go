package live

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

var update = flag.Bool("update", false, "write the golden files anew")

// named is a fault of which only the name matters.
type named string

func (n named) String() string                                                       { return string(n) }
func (named) Needs() []harness.Capability                                            { return nil }
func (named) Effect(_, _ []history.NodeID) history.Effect                            { return history.Effect{} }
func (named) Inject(context.Context, harness.Cluster, harness.Injection) error       { return nil }
func (named) Verify(context.Context, harness.Cluster, harness.Injection) error       { return nil }
func (named) Heal(context.Context, harness.Cluster, harness.Injection) error         { return nil }
func (named) VerifyHealed(context.Context, harness.Cluster, harness.Injection) error { return nil }

// sample is a run in the middle of its second fault: a failover behind it, one member dead, writes
// away.
func sample() *script {
	x := newScript(Plan{
		Title: "chaos · raftkv on docker · 3 nodes", Seed: 7, Members: []history.NodeID{"n1", "n2", "n3"},
		Steps:  []harness.Step{{At: 2 * sec, Fault: named("kill"), Target: "leader"}, {At: 12 * sec, Fault: named("partition"), Target: "leader"}, {At: 22 * sec, Fault: named("pause"), Target: "follower"}},
		Warmup: 2 * sec, Faults: 60 * sec, Settle: sec, Probed: true, Patience: 100 * ms,
	})
	x.phase(500*ms, history.PhaseWarmup)
	x.members(500*ms, 2, "n1", 3)
	x.clients(500*ms, 2500*ms)
	x.phase(2500*ms, history.PhaseFaults)
	x.clients(2500*ms, 4500*ms)
	kill := nemesisValue("f1", "kill", "leader", "n1")
	kill.Issued, kill.Confirmed = 4500*ms, 4504*ms
	x.fault(4500*ms, history.Invoke, history.FInject, kill, "")
	x.fault(4505*ms, history.OK, history.FInject, kill, "")
	x.status(4600*ms, "n1", history.Unreached, 0, "", 0)
	x.silence(4505*ms, 5600*ms)
	x.status(5610*ms, "n2", history.Candidate, 3, "", 812)
	x.members(5650*ms, 3, "n2", 824)
	x.clients(5700*ms, 9*sec)
	x.fault(9*sec, history.Invoke, history.FHeal, kill, "")
	x.fault(9100*ms, history.OK, history.FHeal, kill, "")
	x.members(9200*ms, 3, "n2", 1604)
	x.clients(9200*ms, 14500*ms)
	cut := nemesisValue("f2", "partition", "leader", "n2")
	cut.Issued, cut.Confirmed = 14500*ms, 14503*ms
	x.fault(14500*ms, history.Invoke, history.FInject, cut, "")
	x.fault(14504*ms, history.OK, history.FInject, cut, "")
	x.status(14600*ms, "n3", history.Candidate, 4, "", 2301)
	x.silence(14504*ms, 15300*ms)
	x.s.Judge(Checks{Answers: 10344, Hashes: 12})
	return x
}

func (x *script) members(at time.Duration, term uint64, leader history.NodeID, applied uint64) {
	for i, m := range x.s.Plan.Members {
		role := history.Follower
		if m == leader {
			role = history.Leader
		}
		x.status(at, m, role, term, leader, applied+uint64(i))
	}
}

// clients call, and are answered after 1 to 20 ms.
func (x *script) clients(from, to time.Duration) {
	for i := 0; from < to; i++ {
		took := ms + time.Duration(i%20)*time.Duration(i%3)*500*time.Microsecond
		x.call(from, from, from+took, 100_000+2*i, history.FProbePut, history.OK)
		x.call(from, from, from+took/2, 100_001+2*i, history.FProbeGet, history.OK)
		x.call(0, from, from+took, i, "put", history.OK)
		from += 10 * ms
	}
}

// silence is that nothing is answered.
func (x *script) silence(from, to time.Duration) {
	for i := 0; from < to; i++ {
		x.call(from, from, from+50*ms, 200_000+2*i, history.FProbePut, history.Info)
		x.call(from, from, from+50*ms, 200_001+2*i, history.FProbeGet, history.Fail)
		if i%10 == 0 {
			x.call(0, from, from+90*ms, i, "put", history.Info)
		}
		from += 10 * ms
	}
}

// storm is a run of seven members in which much is broken at once.
func storm() *script {
	p := sample().s.Plan
	p.Title, p.Members = "storm · raftkv on local · 7 nodes", []history.NodeID{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}
	x := newScript(p)
	x.phase(0, history.PhaseFaults)
	x.members(sec, 123456, "n7", 123456789)
	x.clients(sec, 3*sec)
	for i, m := range p.Members[:6] {
		v := nemesisValue(fmt.Sprint("f", i), "partition", "leader+minority", m, "n7")
		v.Issued, v.Confirmed = 2*sec, 2*sec
		x.fault(2*sec, history.Invoke, history.FInject, v, "")
		x.fault(2*sec, history.OK, history.FInject, v, "")
	}
	x.fault(3*sec, history.Info, history.FInject, nemesisValue("f0", "partition", "leader+minority"), "x")
	x.s.Judge(Checks{Answers: 1, Hashes: 1, Violation: "a read of key k7 answered v3, which had been overwritten before it was asked for (op 1234 to 1240)"})
	return x
}

// TestRender holds screens of several sizes against files.
func TestRender(t *testing.T) {
	ended := sample()
	ended.phase(64*sec, history.PhaseEnd)
	stopped := sample()
	stopped.s.Judge(Checks{Answers: 10344, Hashes: 12, Undecided: 3, Behind: 4321, Lag: 3 * sec})
	stopped.s.Interrupt("interrupt")
	for _, c := range []struct {
		name          string
		s             *State
		width, height int
	}{
		{"80x24", sample().s, 80, 24},
		{"120x40", sample().s, 120, 40},
		{"50x12", sample().s, 50, 12},
		{"storm-80x24", storm().s, 80, 24},
		{"start-80x24", NewState(sample().s.Plan), 80, 24},
		{"ended-80x24", ended.s, 80, 24},
		{"interrupted-80x24", stopped.s, 80, 24},
		{"no-plan-80x24", NewState(Plan{}), 80, 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := trimRight(ansi.Strip(Render(c.s, c.s.Now, c.width, c.height)))
			path := filepath.Join("testdata", c.name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got+"\n"), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "run the test with -update")
			require.Equal(t, string(want), got+"\n")
		})
	}
}

func trimRight(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestRenderFits: in every size, as many lines as there is room for, and none too wide.
func TestRenderFits(t *testing.T) {
	for _, x := range []*script{sample(), storm(), newScript(Plan{})} {
		for height := 1; height < 60; height += 5 {
			for width := 1; width < 200; width += 13 {
				lines := strings.Split(Render(x.s, x.s.Now, width, height), "\n")
				require.Len(t, lines, height)
				for _, l := range lines {
					require.LessOrEqual(t, ansi.StringWidth(l), width, "%dx%d: %q", width, height, l)
				}
			}
		}
	}
}

// TestNothingJumps: lines keep their places while faults come and go and events are added.
func TestNothingJumps(t *testing.T) {
	where := func(s *State, word string) int {
		for i, l := range strings.Split(ansi.Strip(Render(s, s.Now, 80, 24)), "\n") {
			if strings.HasPrefix(l, word) {
				return i
			}
		}
		return -1
	}
	for _, word := range []string{"members", "faults", "clients", "checks", "events"} {
		require.Equal(t, where(NewState(sample().s.Plan), word), where(sample().s, word), word)
		require.Positive(t, where(sample().s, word), word)
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		rows int
		want int
	}{{0, 1, 1}, {ms, 1, 1}, {ms + 1, 1, 2}, {2 * ms, 1, 2}, {4 * ms, 1, 3}, {128 * ms, 1, 8}, {sec, 1, 8}, {2 * ms, 3, 4}, {128 * ms, 3, 22}, {sec, 3, 24}} {
		require.Equal(t, c.want, level(c.d, c.rows), "%v in %d rows", c.d, c.rows)
	}
}
