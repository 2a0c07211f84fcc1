package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/agent"
)

// platform makes the namespaces of one run.
type platform struct {
	runtime *Runtime
	dir     string
	hub     *hubProcess
}

func (*platform) Name() string { return "local" }

// Launch starts a hub with one agent a node.
func (p *platform) Launch(ctx context.Context, l agent.Launch) ([]agent.Host, error) {
	started := time.Now()
	dir, err := p.runtime.runDir(l.RunID)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the run's directory: %w", err)
	}
	p.dir = dir
	binaries, dirs := make([]string, len(l.Nodes)), make([]string, len(l.Nodes))
	for i, n := range l.Nodes {
		if binaries[i], err = filepath.Abs(n.Binary); err != nil {
			return nil, err
		}
		dirs[i] = filepath.Join(dir, string(n.ID))
		if err := os.Mkdir(dirs[i], 0o700); err != nil {
			return nil, fmt.Errorf("make a data directory: %w", err)
		}
	}
	hosts, err := p.launch(ctx, l)
	if err != nil {
		return nil, err
	}
	for i := range hosts {
		hosts[i].Binary, hosts[i].DataDir = binaries[i], dirs[i]
	}
	l.Timing("namespaces", started)
	return hosts, nil
}

// launch starts the hub, as root without a user namespace where that is possible.
func (p *platform) launch(ctx context.Context, l agent.Launch) ([]agent.Host, error) {
	if os.Geteuid() != 0 || p.runtime.UserNamespace {
		return p.launchIn(ctx, l, true)
	}
	hosts, err := p.launchIn(ctx, l, false)
	if errors.Is(err, unix.EPERM) { // root of a container that may not make namespaces
		return p.launchIn(ctx, l, true)
	}
	return hosts, err
}

func (p *platform) launchIn(ctx context.Context, l agent.Launch, user bool) ([]agent.Host, error) {
	owner, err := agent.Self()
	if err != nil {
		return nil, err
	}
	self, err := p.runtime.self()
	if err != nil {
		return nil, err
	}
	spec := agent.HubSpec{Run: l.RunID, Owner: owner.String(), Self: self}
	hosts := make([]agent.Host, len(l.Nodes))
	var files []*os.File // for the hub
	defer func() {
		for _, f := range files {
			_ = f.Close() // the hub has its own
		}
	}()
	for i, n := range l.Nodes {
		hosts[i].Address = fmt.Sprintf("10.70.0.%d", i+1) // in a network that nobody else sees
		spec.Nodes = append(spec.Nodes, agent.HubNode{Host: hosts[i].Address, ClientPort: n.ClientPort})
		theirs, err := connectHost(&hosts[i])
		files = append(files, theirs...)
		if err != nil {
			closeHosts(hosts)
			return nil, err
		}
	}
	if p.hub, err = startHub(ctx, spec, user, files); err != nil {
		closeHosts(hosts)
		return nil, err
	}
	return hosts, nil
}

// connectHost makes the harness's ends of a host, and returns the three files of the agent.
func connectHost(h *agent.Host) ([]*os.File, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	h.In = inW
	outR, outW, err := os.Pipe()
	if err != nil {
		return []*os.File{inR}, fmt.Errorf("make a pipe: %w", err)
	}
	h.Out = outR
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return []*os.File{inR, outW}, fmt.Errorf("listen for clients: %w", err)
	}
	defer listener.Close() // the agent accepts
	h.Dial = listener.Addr().String()
	f, err := listener.File()
	if err != nil {
		return []*os.File{inR, outW}, fmt.Errorf("hand over the clients' socket: %w", err)
	}
	return []*os.File{inR, outW, f}, nil
}

func closeHosts(hosts []agent.Host) {
	for _, h := range hosts {
		if h.In != nil {
			_ = h.In.Close()
		}
		if c, ok := h.Out.(io.Closer); ok {
			_ = c.Close()
		}
	}
}

// Close ends the hub, and so all that is left in its namespaces, and removes the data.
func (p *platform) Close(context.Context) error {
	if p.hub != nil {
		p.hub.end()
	}
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// hubProcess is a running hub.
type hubProcess struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it has been reaped
	stdin  io.Closer
	stderr bytes.Buffer // to be read after ended is closed
}

// startHub returns once all agents run.
func startHub(ctx context.Context, spec agent.HubSpec, user bool, files []*os.File) (*hubProcess, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	argv := append(append([]string(nil), spec.Self...), agent.HubCommand, string(b))
	h := &hubProcess{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	h.cmd.Stderr = &h.stderr
	h.cmd.ExtraFiles = files
	h.cmd.SysProcAttr = hubAttributes(user)
	stdin, err := h.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	h.stdin = stdin
	stdout, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	h.cmd.Stdout = w
	err = h.run()
	_ = w.Close()
	if err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("make namespaces: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = h.cmd.Process.Kill() })() // ends the read
	var result agent.HubResult
	if err := json.NewDecoder(stdout).Decode(&result); err != nil {
		h.end()
		return nil, errors.Join(fmt.Errorf("start the hub: %w: %s", err, strings.TrimSpace(h.stderr.String())), context.Cause(ctx))
	}
	if result.Error != "" {
		h.end()
		return nil, fmt.Errorf("start the hub: %s", result.Error)
	}
	return h, nil
}

// run starts the hub on a thread that lives as long as the hub: the death signal comes when the
// thread that forked it ends, not only when the harness does.
func (h *hubProcess) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := h.cmd.Start()
		started <- err
		if err == nil {
			_ = h.cmd.Wait() // how it ended does not matter
			close(h.ended)
		}
	}()
	return <-started
}

// end kills: as PID 1 the hub takes everything in its namespaces with it.
func (h *hubProcess) end() {
	_ = h.cmd.Process.Kill() // fails if it has ended
	<-h.ended
	_ = h.stdin.Close()
}

func hubAttributes(user bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // an interrupt from the terminal is for the harness, which heals first
	}
	if user {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// Probe starts one agent without a member and asks what works there.
func (r *Runtime) Probe(ctx context.Context) (harness.Abler, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p := &platform{runtime: r}
	hosts, err := p.launch(ctx, agent.Launch{RunID: "probe", Nodes: make([]agent.LaunchNode, 1)})
	if err != nil {
		return nil, fmt.Errorf("runtime local: %w", err)
	}
	defer p.hub.end()
	c := agent.NewClient(hosts[0].In, hosts[0].Out, agent.Events{})
	defer c.Close()
	m, err := agent.Ask(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("runtime local: %w", err)
	}
	return m, nil
}
