package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

func members(n int) (out []harness.Member) {
	for i := range n {
		out = append(out, harness.Member{ID: history.NodeID(fmt.Sprintf("n%d", i+1)), Host: fmt.Sprintf("10.0.0.%d", i+1)})
	}
	return out
}

func TestDropLists(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rules map[string][]harness.Link
		want  map[history.NodeID][]Drop
	}{
		{"no rules", nil, map[history.NodeID][]Drop{}},
		{"one way", map[string][]harness.Link{"a": {{From: "n1", To: "n2"}}}, map[history.NodeID][]Drop{
			"n1": {{"10.0.0.2", Out}},
			"n2": {{"10.0.0.1", In}},
		}},
		{"the same twice", map[string][]harness.Link{"a": {{From: "n1", To: "n2"}}, "b": {{From: "n1", To: "n2"}}}, map[history.NodeID][]Drop{
			"n1": {{"10.0.0.2", Out}},
			"n2": {{"10.0.0.1", In}},
		}},
		{"both ways", map[string][]harness.Link{"a": {{From: "n3", To: "n1"}, {From: "n1", To: "n3"}}}, map[history.NodeID][]Drop{
			"n1": {{"10.0.0.3", Out}, {"10.0.0.3", In}},
			"n3": {{"10.0.0.1", Out}, {"10.0.0.1", In}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, dropLists(members(3), tc.rules)) })
	}
}

// network is what the agents of a cluster would have the kernel do.
type network struct {
	mu    sync.Mutex
	lists map[history.NodeID]Rules
	fail  func() bool
}

func (n *network) agent(t testing.TB, id history.NodeID) *Client {
	f := &rulesMechanism{n: n, id: id}
	tt, ok := t.(*testing.T)
	require.True(t, ok)
	c, _, _ := serve(tt, Events{}, f)
	return c
}

type rulesMechanism struct {
	n  *network
	id history.NodeID
}

func (*rulesMechanism) Name() string               { return "rules" }
func (*rulesMechanism) Available() error           { return nil }
func (*rulesMechanism) Heal(context.Context) error { return nil }

func (m *rulesMechanism) Handlers() map[string]Handler {
	return map[string]Handler{OpRules: Handle(func(_ context.Context, r Rules) (none Nothing, err error) {
		m.n.mu.Lock()
		defer m.n.mu.Unlock()
		if m.n.fail != nil && m.n.fail() {
			return none, errors.New("no")
		}
		if r.Generation >= m.n.lists[m.id].Generation {
			m.n.lists[m.id] = r
		}
		return none, nil
	})}
}

// TestRules has rules come and go, in any order and with agents that fail now and then: after the
// first call that succeeds, every agent has exactly the links of the rules that there are.
func TestRules(t *testing.T) {
	net := &network{lists: map[history.NodeID]Rules{}}
	clients := map[history.NodeID]*Client{}
	for _, m := range members(3) {
		clients[m.ID] = net.agent(t, m.ID)
	}
	rapid.Check(t, func(r *rapid.T) {
		c := &Cluster{nodes: map[history.NodeID]*node{}, rules: map[string][]harness.Link{}, members: members(3)}
		net.mu.Lock()
		net.lists, net.fail = map[history.NodeID]Rules{}, nil
		net.mu.Unlock()
		for _, m := range c.members {
			c.ids = append(c.ids, m.ID)
			c.nodes[m.ID] = &node{member: m, client: clients[m.ID]}
		}
		link := rapid.Custom(func(r *rapid.T) harness.Link {
			from := rapid.SampledFrom(c.ids).Draw(r, "from")
			to := rapid.SampledFrom(c.ids).Filter(func(id history.NodeID) bool { return id != from }).Draw(r, "to")
			return harness.Link{From: from, To: to}
		})
		model := map[string][]harness.Link{}
		for range rapid.IntRange(1, 10).Draw(r, "steps") {
			failing := rapid.IntRange(-1, 3).Draw(r, "failing")
			net.mu.Lock()
			net.fail = func() bool { failing--; return failing == 0 }
			net.mu.Unlock()
			rule := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "rule")
			var err error
			if rapid.Bool().Draw(r, "cut") {
				model[rule] = rapid.SliceOfN(link, 1, 4).Draw(r, "links")
				err = c.Cut(t.Context(), rule, model[rule])
			} else {
				delete(model, rule)
				err = c.Mend(t.Context(), rule)
			}
			if err != nil {
				continue
			}
			want := dropLists(c.members, model)
			net.mu.Lock()
			for _, id := range c.ids {
				require.ElementsMatch(r, want[id], net.lists[id].Drops, "agent of %s", id)
			}
			net.mu.Unlock()
		}
	})
}

func TestOwner(t *testing.T) {
	self, err := Self()
	require.NoError(t, err)
	parsed, err := ParseOwner(self.String())
	require.NoError(t, err)
	require.Equal(t, self, parsed)
	require.False(t, self.Dead())

	again := self
	again.Start = "1"
	require.True(t, again.Dead(), "the PID is another process's now")
	boot := self
	boot.Boot = "00000000"
	require.True(t, boot.Dead(), "the machine was started again")
	elsewhere := self
	elsewhere.Namespace, elsewhere.PID = "1", 1<<30
	require.False(t, elsewhere.Dead(), "nothing is known of it")

	child := exec.Command("true")
	require.NoError(t, child.Start())
	gone := self
	gone.PID = child.Process.Pid
	gone.Start, err = startTime(gone.PID)
	if !errors.Is(err, fs.ErrNotExist) { // it was quick, and is a zombie
		require.NoError(t, err)
	}
	require.NoError(t, child.Wait())
	require.True(t, gone.Dead())

	for _, bad := range []string{"", "a.b.c", "a.b.c.d", "a.b.1.2.3"} {
		_, err := ParseOwner(bad)
		require.Error(t, err, bad)
	}
}

// clock is an Env whose time stands.
type clock struct {
	harness.Env
	now time.Duration
}

func (c clock) Now() time.Duration { return c.now }

func TestStamper(t *testing.T) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	t.Run("one kernel", func(t *testing.T) {
		var b bytes.Buffer
		s := stamper{logs: &b}
		before := monotonic()
		s.align(clock{now: 5 * time.Second}, Hello{BootID: string(bytes.TrimSpace(boot)), Clock: 1}, before)
		s.output(Output{At: before + int64(time.Second), Text: "one"})
		line, err := history.ParseLogLine(string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
		require.NoError(t, err)
		require.Equal(t, "one", line.Text)
		require.Less(t, line.At, 6*time.Second+time.Nanosecond)
		require.Greater(t, line.At, 5*time.Second)
	})
	t.Run("another kernel", func(t *testing.T) {
		var b bytes.Buffer
		s := stamper{logs: &b}
		asked := monotonic() - int64(2*time.Second) // the answer took two seconds
		s.align(clock{now: 5 * time.Second}, Hello{BootID: "another", Clock: 100}, asked)
		s.output(Output{At: 100, Text: "two"}) // printed when the agent answered, one second ago
		line, err := history.ParseLogLine(string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
		require.NoError(t, err)
		require.InDelta(t, 4*time.Second, line.At, float64(500*time.Millisecond))
	})
}

// TestMissingMechanism: it refuses the faults that need it, and no others.
func TestMissingMechanism(t *testing.T) {
	whole := Mechanisms{MechanismProcess: "ok", MechanismNetfilter: "ok", MechanismProbe: "ok"}
	lacking := Mechanisms{MechanismProcess: "ok", MechanismNetfilter: "use nf_tables: operation not supported", MechanismProbe: "ok"}
	c := &Cluster{ids: []history.NodeID{"n1", "n2"}, nodes: map[history.NodeID]*node{"n1": {mechanisms: whole}, "n2": {mechanisms: lacking}}}
	for _, a := range []harness.Abler{lacking, c} {
		by, err := a.Can(harness.CanKill)
		require.NoError(t, err)
		require.Equal(t, "process", by)
		_, err = a.Can(harness.CanCut)
		require.ErrorContains(t, err, "it cannot cut links between members: mechanism netfilter does not work here: use nf_tables: operation not supported")
		_, err = a.Can(harness.CanPowerFail)
		require.ErrorContains(t, err, "it cannot lose what a member has not synced")
	}
	by, err := whole.Can(harness.CanCut)
	require.NoError(t, err)
	require.Equal(t, "netfilter, probe", by)
	by, err = Unprobed{}.Can(harness.CanCut)
	require.NoError(t, err)
	require.Equal(t, "netfilter, probe (whether that works is seen when a run starts)", by)
	delete(lacking, MechanismProbe)
	require.False(t, c.canProbe())
}
