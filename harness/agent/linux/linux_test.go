//go:build linux

package linux

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/agent"
)

// The test binary is also an agent in namespaces of its own, and that agent's child.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_AS") {
	case "agent":
		if err := testAgent(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "child":
		beChild()
	}
	os.Exit(m.Run())
}

// testAgent has one more operation than others: it hangs.
func testAgent() error {
	if err := privateProc(); err != nil {
		return err
	}
	out := agent.NewWriter(os.Stdout)
	all := append(mechanisms(out), hang{})
	hello := func() (agent.Hello, error) {
		return agent.Hello{Mechanisms: agent.Survey(all)}, nil
	}
	return agent.Serve(context.Background(), os.Stdin, out, hello, all)
}

type hang struct{}

func (hang) Name() string               { return "hang" }
func (hang) Available() error           { return nil }
func (hang) Heal(context.Context) error { return nil }
func (hang) Handlers() map[string]agent.Handler {
	return map[string]agent.Handler{"hang": func(context.Context, json.RawMessage) (any, error) { select {} }}
}

// beChild does what its argument says.
func beChild() {
	switch os.Args[1] {
	case "privileges":
		status, err := os.ReadFile("/proc/self/status")
		fmt.Print(string(status), err)
		os.Exit(7)
	case "orphans": // some in its process group, some not
		for _, setsid := range []bool{false, true} {
			c := exec.Command("/proc/self/exe", "nap")
			c.Env = os.Environ()
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
			if err := c.Start(); err != nil {
				panic(err)
			}
		}
		fmt.Println("ready")
		select {}
	case "nap":
		time.Sleep(100 * time.Millisecond)
		os.Exit(0)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	default:
		fmt.Println("ready")
		time.Sleep(time.Hour)
	}
}

// testAgentProcess is an agent in namespaces of its own.
type testAgentProcess struct {
	*agent.Client
	cmd     *exec.Cmd
	outputs chan agent.Output
	exits   chan agent.Exit
}

func startAgent(t *testing.T) *testAgentProcess {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_AS=agent")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = w
	err = cmd.Start()
	_ = w.Close()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skipf("no user namespace can be made here: %v", err)
	}
	require.NoError(t, err)
	a := &testAgentProcess{cmd: cmd, outputs: make(chan agent.Output, 1000), exits: make(chan agent.Exit, 10)}
	a.Client = agent.NewClient(in, out, agent.Events{
		Output: func(o agent.Output) { a.outputs <- o },
		Exit:   func(e agent.Exit) { a.exits <- e },
	})
	t.Cleanup(func() {
		_ = a.Close()
		_ = cmd.Wait()
		_ = out.Close()
	})
	works, err := agent.Ask(t.Context(), a.Client)
	require.NoError(t, err)
	for _, c := range []harness.Capability{harness.CanPause, harness.CanCut} {
		if _, err := works.Can(c); err != nil {
			t.Skipf("the agent cannot work here: %v", err)
		}
	}
	return a
}

func (a *testAgentProcess) start(t *testing.T, what string) int {
	var pid int
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, a.Call(t.Context(), agent.OpStart, agent.Start{Path: self, Args: []string{what}, Env: []string{"TEST_AS=child"}, Dir: "/"}, &pid))
	return pid
}

func (a *testAgentProcess) state(t *testing.T) (s agent.State) {
	require.NoError(t, a.Call(t.Context(), agent.OpState, nil, &s))
	return s
}

func TestChildHasNoPrivileges(t *testing.T) {
	a := startAgent(t)
	a.start(t, "privileges")
	exit := <-a.exits
	require.Equal(t, 7, exit.Code)
	status := map[string]string{}
	for line := range strings.Lines(exit.Tail) {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.TrimSpace(value)
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		require.Equal(t, "0000000000000000", status[set], set)
	}
	require.Equal(t, "1", status["NoNewPrivs"])
	require.Zero(t, a.state(t).PID)
	require.NotEmpty(t, a.outputs)
}

func TestStartThatFails(t *testing.T) {
	a := startAgent(t)
	err := a.Call(t.Context(), agent.OpStart, agent.Start{Path: "/no/such/program", Dir: "/"}, nil)
	require.EqualError(t, err, "start /no/such/program: no such file or directory")
	require.EqualError(t, a.Call(t.Context(), agent.OpPause, nil, nil), "the process does not run")
}

func TestStopOfAPausedProcess(t *testing.T) {
	a := startAgent(t)
	a.start(t, "wait")
	<-a.outputs
	require.NoError(t, a.Call(t.Context(), agent.OpPause, nil, nil))
	require.True(t, a.state(t).Paused)
	require.NoError(t, a.Call(t.Context(), agent.OpStop, nil, nil))
	require.Zero(t, a.state(t).PID)
	require.Equal(t, 128+int(syscall.SIGTERM), (<-a.exits).Code)
}

func TestStopIsBounded(t *testing.T) {
	a := startAgent(t)
	a.start(t, "stubborn")
	<-a.outputs
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, a.Call(ctx, agent.OpStop, nil, nil), context.DeadlineExceeded)
	require.NotZero(t, a.state(t).PID)
	require.NoError(t, a.Call(t.Context(), agent.OpKill, nil, nil))
	require.Equal(t, 128+int(syscall.SIGKILL), (<-a.exits).Code)
}

// What a process leaves behind is killed if it is of its group, and reaped in any case.
func TestOrphans(t *testing.T) {
	a := startAgent(t)
	pid := a.start(t, "orphans")
	<-a.outputs
	require.NoError(t, a.Call(t.Context(), agent.OpKill, nil, nil))
	require.Equal(t, pid, (<-a.exits).PID)
	require.Eventually(t, func() bool { return len(childrenOf(t, a.cmd.Process.Pid)) == 0 }, 10*time.Second, 10*time.Millisecond)
	require.NotEqual(t, pid, a.start(t, "wait"), "another life")
}

// childrenOf lists living and dead children of a process and their children.
func childrenOf(t *testing.T, pid int) (all []string) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		f, err := os.Open(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue // the thread has ended
		}
		words := bufio.NewScanner(f)
		words.Split(bufio.ScanWords)
		for words.Scan() {
			all = append(all, words.Text())
		}
		_ = f.Close()
	}
	return all
}

// The harness goes away while everything is broken and an operation hangs.
func TestLeavesWhenInputEnds(t *testing.T) {
	a := startAgent(t)
	a.start(t, "wait")
	<-a.outputs
	require.NoError(t, a.Call(t.Context(), agent.OpPause, nil, nil))
	require.NoError(t, a.Call(t.Context(), agent.OpRules, agent.Rules{Generation: 1, Drops: []agent.Drop{{Peer: "10.0.0.1", Direction: agent.In}}}, nil))
	hung := make(chan error, 1)
	go func() { hung <- a.Call(context.Background(), "hang", nil, nil) }()
	require.NoError(t, a.Close())
	select {
	case <-a.Gone():
	case <-time.After(5 * time.Second):
		t.Fatal("the agent has not left")
	}
	require.ErrorIs(t, <-hung, agent.ErrGone)
	require.NoError(t, a.cmd.Wait(), "everything was healed")
}

func TestRules(t *testing.T) {
	a := startAgent(t)
	set := func(r agent.Rules) error { return a.Call(t.Context(), agent.OpRules, r, nil) }
	counters := func() (c []agent.Counter) {
		require.NoError(t, a.Call(t.Context(), agent.OpCounters, nil, &c))
		return c
	}
	drop := agent.Drop{Peer: "10.0.0.1", Direction: agent.Out}
	require.NoError(t, set(agent.Rules{Generation: 2, Drops: []agent.Drop{drop}}))
	require.Equal(t, []agent.Counter{{Drop: drop}}, counters())
	require.NoError(t, set(agent.Rules{Generation: 1}), "an older list changes nothing")
	require.Len(t, counters(), 1)
	require.EqualError(t, set(agent.Rules{Generation: 3, Drops: []agent.Drop{{Peer: "::1", Direction: agent.In}}}), `set 1 rules: "::1" is no IPv4 address`)
	require.EqualError(t, set(agent.Rules{Generation: 3, Drops: []agent.Drop{{Peer: "10.0.0.1", Direction: "up"}}}), `set 1 rules: unknown direction "up": allowed are in, out`)
	require.Len(t, counters(), 1, "a bad list changes nothing")
	require.NoError(t, set(agent.Rules{Generation: 4}))
	require.Empty(t, counters())
}

func TestParseStat(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       stat
		err        bool
	}{
		{name: "simple", line: "12 (toykv) S 1 12 12 0 -1", want: stat{'S', 12}},
		{name: "a hostile name", line: "12 (a) Z 9 9 (b) T 1 77 12 0 -1", want: stat{'T', 77}},
		{name: "empty", line: "", err: true},
		{name: "cut off", line: "12 (toykv) S 1", err: true},
		{name: "no number", line: "12 (toykv) S 1 x", err: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseStat(tc.line)
			require.Equal(t, tc.err, err != nil, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (toykv) S 1 12 12 0 -1")
	f.Add(") T 1 1")
	f.Fuzz(func(t *testing.T, line string) {
		if s, err := parseStat(line); err == nil && s.state == 0 {
			t.Errorf("%q: no state", line)
		}
	})
}

func TestTail(t *testing.T) {
	var tl tail
	require.Empty(t, tl.String())
	for i := range 5000 {
		tl.add(fmt.Appendf(nil, "line %d\n", i))
	}
	require.True(t, strings.HasSuffix(tl.String(), "line 4999\n"))
	require.Len(t, tl.String(), tailBytes)
}
