//go:build linux

package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/faultline-chaos/faultline/harness/agent"
)

const (
	hubCommand  = agent.HubCommand
	nodeCommand = "node"
	bridgeName  = "br0"
	nodeLink    = "eth0"
)

// hub holds what the members of a local cluster share: a network namespace with a bridge, and a PID
// namespace whose PID 1 it is. When it ends, for whatever reason, the kernel ends everything in
// there, and the bridge goes with its namespace.
//
// Its standard input says when to leave. For member i it has inherited three descriptors, from
// agent.HubFiles+3*i: standard input and output of the member's agent, and a socket that listens in
// the harness's own network namespace. On standard output it writes one line when all agents run: an
// empty object, or one with an error.
func hub(ctx context.Context, stdin io.Reader, stdout io.Writer, spec agent.HubSpec) error {
	nodes, err := startNodes(spec)
	result := agent.HubResult{}
	if err != nil {
		result.Error = err.Error()
	}
	b, _ := json.Marshal(result) // a string never fails
	if _, werr := stdout.Write(append(b, '\n')); werr != nil || err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, stdin); nodes.end() }()
	context.AfterFunc(ctx, nodes.end)
	nodes.wait()
	return nil
}

// nodes are the running agents.
type nodes struct {
	cmds []*exec.Cmd
}

func (n *nodes) wait() {
	for _, c := range n.cmds {
		_ = c.Wait() // how it ended is for the harness to judge
	}
}

// end gives no time to heal: the harness has done that if it could.
func (n *nodes) end() {
	for _, c := range n.cmds {
		_ = c.Process.Kill() // fails if it has ended
	}
}

func startNodes(spec agent.HubSpec) (*nodes, error) {
	if err := privateProc(); err != nil {
		return nil, err
	}
	bridge, err := makeBridge()
	if err != nil {
		return nil, err
	}
	all := &nodes{cmds: make([]*exec.Cmd, len(spec.Nodes))}
	errs := make([]error, len(spec.Nodes))
	var wg sync.WaitGroup
	for i := range spec.Nodes {
		wg.Go(func() {
			all.cmds[i], errs[i] = startNode(spec, i)
			if errs[i] == nil {
				errs[i] = connect(bridge, i, all.cmds[i].Process.Pid, spec.Nodes)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("make the namespaces of member %d: %w", i+1, err) // this PID namespace ends with us
		}
	}
	return all, nil
}

// startNode starts an agent in namespaces of its own, below those of the hub.
func startNode(spec agent.HubSpec, i int) (*exec.Cmd, error) {
	file := func(k int) *os.File {
		fd := agent.HubFiles + 3*i + k
		unix.CloseOnExec(fd) // the other members must not hold it
		return os.NewFile(uintptr(fd), fmt.Sprintf("member %d/%d", i+1, k))
	}
	arg, err := json.Marshal(nodeSpec{Run: spec.Run, Target: net.JoinHostPort(spec.Nodes[i].Host, fmt.Sprint(spec.Nodes[i].ClientPort))})
	if err != nil {
		return nil, err
	}
	in, out, listener := file(0), file(1), file(2)
	defer in.Close()
	defer out.Close() // or its end would not be seen when the agent ends
	defer listener.Close()
	self := append(append([]string(nil), spec.Self...), nodeCommand, string(arg))
	cmd := exec.Command(self[0], self[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	cmd.ExtraFiles = []*os.File{listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
	}
	return cmd, cmd.Start()
}

func makeBridge() (netlink.Link, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, fmt.Errorf("set lo up: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("add a bridge: %w", err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return nil, fmt.Errorf("set the bridge up: %w", err)
	}
	return bridge, nil
}

// connect makes a member's link to the bridge. The names are those inside of the run's own
// namespaces: runs cannot collide.
func connect(bridge netlink.Link, i, pid int, all []agent.HubNode) error {
	veth := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: fmt.Sprintf("n%d", i+1), MasterIndex: bridge.Attrs().Index},
		PeerName:         nodeLink,
		PeerNamespace:    netlink.NsPid(pid),
		PeerHardwareAddr: hardwareAddr(i),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("add a veth pair: %w", err)
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("set %s up: %w", veth.Name, err)
	}
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return fmt.Errorf("open the network namespace: %w", err)
	}
	defer ns.Close()
	inside, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("enter the network namespace: %w", err)
	}
	defer inside.Close()
	return setAddresses(inside, i, all)
}

func setAddresses(h *netlink.Handle, self int, all []agent.HubNode) error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	link, err := h.LinkByName(nodeLink)
	if err != nil {
		return fmt.Errorf("find %s: %w", nodeLink, err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(all[self].Host).To4(), Mask: net.CIDRMask(24, 32)}}
	if err := h.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("set address %q: %w", all[self].Host, err)
	}
	if err := errors.Join(h.LinkSetUp(lo), h.LinkSetUp(link)); err != nil {
		return fmt.Errorf("set links up: %w", err)
	}
	for i, n := range all {
		if i == self {
			continue
		}
		neighbour := &netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(n.Host), HardwareAddr: hardwareAddr(i)}
		if err := h.NeighAdd(neighbour); err != nil {
			return fmt.Errorf("set the hardware address of %s: %w", n.Host, err)
		}
	}
	return nil
}

// hardwareAddr is that of a member's link. All know all: a question (ARP) that is lost while a port
// of the bridge comes up would be repeated only after a second.
func hardwareAddr(i int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)} }

// privateProc mounts a /proc of this PID namespace, seen by nobody else.
func privateProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}
