package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	tc "github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"golang.org/x/sync/errgroup"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// platform makes the containers of one run.
type platform struct {
	runtime *Runtime
	engine  *engine

	mu         sync.Mutex
	network    *tc.DockerNetwork
	containers []tc.Container
	volumes    []string
}

func (*platform) Name() string { return "docker" }

// Launch makes image and network at once, and then all containers at once.
func (p *platform) Launch(ctx context.Context, l agent.Launch) ([]agent.Host, error) {
	hosts, err := p.launch(ctx, l)
	if err != nil && over(ctx) { // the engine's client does not say why ctx has ended
		return nil, errors.Join(context.Cause(ctx), err)
	}
	return hosts, err
}

// over tells if ctx has ended. A dial fails by the clock as soon as ctx's deadline has passed, which may be
// just before ctx's own timer has fired: the timer is awaited, so that what follows sees one answer.
func over(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

func (p *platform) launch(ctx context.Context, l agent.Launch) ([]agent.Host, error) {
	owner, err := agent.Self()
	if err != nil {
		return nil, err
	}
	labels := map[string]string{labelRun: l.RunID, labelOwner: owner.String()}
	images := make([]string, len(l.Nodes))
	first, firstCtx := errgroup.WithContext(ctx)
	first.Go(func() error { return p.images(firstCtx, l, images) })
	first.Go(func() error { return p.makeNetwork(firstCtx, l, labels) })
	if err := first.Wait(); err != nil {
		return nil, err
	}
	started := time.Now()
	hosts := make([]agent.Host, len(l.Nodes))
	second, secondCtx := errgroup.WithContext(ctx)
	for i, n := range l.Nodes {
		second.Go(func() (err error) {
			hosts[i], err = p.makeHost(secondCtx, l.RunID, n, images[i], labels)
			if err != nil {
				return fmt.Errorf("make the container of %s: %w", n.ID, err)
			}
			return nil
		})
	}
	if err := second.Wait(); err != nil {
		closeHosts(hosts)
		return nil, err
	}
	l.Timing("containers", started)
	return hosts, nil
}

// images finds or builds an image for each node; mostly it is the same.
func (p *platform) images(ctx context.Context, l agent.Launch, images []string) error {
	started := time.Now()
	path := p.runtime.Agent
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	byBinary := map[string]string{}
	timing := "image reused"
	for i, n := range l.Nodes {
		if byBinary[n.Binary] == "" {
			name, built, err := p.engine.image(ctx, path, n.Binary)
			if err != nil {
				return err
			}
			if built {
				timing = "image built"
			}
			byBinary[n.Binary] = name
		}
		images[i] = byBinary[n.Binary]
	}
	l.Timing(timing, started)
	return nil
}

func (p *platform) makeNetwork(ctx context.Context, l agent.Launch, labels map[string]string) error {
	started := time.Now()
	ctx, cancel, err := uncut(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	n, err := network.New(ctx, network.WithDriver("bridge"), network.WithLabels(labels))
	p.mu.Lock()
	p.network = n
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("make the run's network: %w", err)
	}
	l.Timing("network", started)
	return nil
}

func (p *platform) makeHost(ctx context.Context, run string, n agent.LaunchNode, image string, labels map[string]string) (agent.Host, error) {
	c, err := p.create(ctx, p.request(run, n, image, labels))
	if err != nil {
		return agent.Host{}, err
	}
	h := agent.Host{Binary: systemPath, DataDir: dataPath}
	// attached before it starts: nothing that the agent says is missed
	attached, err := p.engine.api.ContainerAttach(ctx, c.GetContainerID(), client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return h, fmt.Errorf("attach: %w", err)
	}
	h.In, h.Out = stdio(attached.HijackedResponse)
	if err = c.Start(ctx); err == nil {
		h.Address, err = p.address(ctx, c.GetContainerID())
	}
	if errdefs.IsNotFound(err) || errors.Is(err, errEnded) { // it removes itself when it ends
		defer context.AfterFunc(ctx, attached.Close)()
		_, said := io.Copy(io.Discard, h.Out)
		return h, errors.Join(errEnded, said)
	}
	h.Dial = net.JoinHostPort(h.Address, strconv.Itoa(n.ClientPort))
	return h, err
}

var errEnded = errors.New("its agent has ended")

// create records what it makes, also where there is an error.
func (p *platform) create(ctx context.Context, r tc.ContainerRequest) (tc.Container, error) {
	ctx, cancel, err := uncut(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	c, err := p.engine.provider.CreateContainer(ctx, r)
	if c != nil {
		p.mu.Lock()
		p.containers = append(p.containers, c)
		p.mu.Unlock()
	}
	return c, err
}

// createTime is how long the engine may take to make one thing; it takes 50 ms.
const createTime = 30 * time.Second

// uncut is for requests that make something: one that is given up half way may still be carried out,
// and nobody would know what to remove.
func uncut(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTime)
	return ctx, cancel, nil
}

// request describes a member's container. Everything about the host is set in its modifier: where
// there is one, testcontainers takes nothing else.
func (p *platform) request(run string, n agent.LaunchNode, image string, labels map[string]string) tc.ContainerRequest {
	args := p.runtime.AgentArgs
	if args == nil {
		args = []string{"agent"}
	}
	return tc.ContainerRequest{
		Image:      image,
		Name:       fmt.Sprintf("faultline-%s-%s", run, n.ID),
		Entrypoint: append([]string{agentPath}, args...),
		Labels:     maps.Clone(labels), // more are added
		Networks:   []string{p.network.Name},
		ConfigModifier: func(c *container.Config) {
			c.Hostname = string(n.ID)
			c.OpenStdin, c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true, true
			c.StdinOnce = true // the harness's end closes it
		},
		HostConfigModifier: func(h *container.HostConfig) {
			h.AutoRemove = true
			h.LogConfig = container.LogConfig{Type: "none"} // we have it all
			h.CapDrop = []string{"ALL"}
			h.CapAdd = []string{"NET_ADMIN", "NET_RAW", "SETPCAP"} // the last to leave the system none
			h.Mounts = []mount.Mount{{                             // anonymous: it goes with the container
				Type: mount.TypeVolume, Target: dataPath, VolumeOptions: &mount.VolumeOptions{Labels: labels},
			}}
		},
	}
}

// address also records the container's volume.
func (p *platform) address(ctx context.Context, id string) (string, error) {
	inspected, err := p.engine.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	c := inspected.Container
	p.mu.Lock()
	for _, m := range c.Mounts {
		p.volumes = append(p.volumes, m.Name)
	}
	p.mu.Unlock()
	if !c.State.Running {
		return "", errEnded
	}
	endpoint := c.NetworkSettings.Networks[p.network.Name]
	if endpoint == nil || !endpoint.IPAddress.Is4() {
		return "", errors.New("it has no IPv4 address in the run's network")
	}
	return endpoint.IPAddress.String(), nil
}

// Close removes containers, their volumes and the network. The agents have been told to leave, so
// mostly the engine is removing them by itself.
func (p *platform) Close(ctx context.Context) error {
	errs := make([]error, len(p.containers))
	var wg sync.WaitGroup
	for i, c := range p.containers {
		wg.Go(func() { errs[i] = p.engine.removeContainer(ctx, c.GetContainerID()) })
	}
	wg.Wait()
	for _, name := range p.volumes { // it is still there if somebody else has removed its container
		errs = append(errs, p.engine.removeVolume(ctx, name))
	}
	if p.network != nil && p.network.ID != "" {
		errs = append(errs, p.engine.removeNetwork(ctx, p.network.ID))
	}
	return errors.Join(errs...)
}

// removeContainer returns when the container is gone, whoever removed it.
func (e *engine) removeContainer(ctx context.Context, id string) error {
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	if !errdefs.IsConflict(err) { // it is being removed already
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}
	wait := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("wait for the removal of container %.12s: %w", id, err)
	}
}

func (e *engine) removeVolume(ctx context.Context, name string) error {
	if _, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove volume %.12s: %w", name, err)
	}
	return nil
}

// detachTime is how long a network may seem to be in use by a container that is gone.
const detachTime = 5 * time.Second

func (e *engine) removeNetwork(ctx context.Context, id string) error {
	deadline := time.Now().Add(detachTime)
	for {
		_, err := e.api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		switch {
		case err == nil || errdefs.IsNotFound(err):
			return nil
		case !errdefs.IsPermissionDenied(err) && !errdefs.IsConflict(err), time.Now().After(deadline): // "has active endpoints" is 403, later 409
			return fmt.Errorf("remove network %.12s: %w", id, err)
		}
		select { // engines tell no end of it
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("remove network %.12s: %w", id, err)
		}
	}
}

// stdio makes two streams of an attached connection, in which both outputs are mixed.
func stdio(h client.HijackedResponse) (io.WriteCloser, io.Reader) {
	r, w := io.Pipe()
	go func() {
		defer h.Close()
		var errout headWriter
		_, err := stdcopy.StdCopy(w, &errout, h.Reader)
		if said := errout.String(); said != "" { // why the agent has ended
			err = errors.Join(errors.New(said), err)
		}
		_ = w.CloseWithError(err)
	}()
	return stdin{h}, r
}

// stdin ends the agent's standard input and leaves its output open: it has more to say.
type stdin struct{ h client.HijackedResponse }

func (s stdin) Write(b []byte) (int, error) { return s.h.Conn.Write(b) }
func (s stdin) Close() error                { return s.h.CloseWrite() }

// headWriter keeps the first kilobyte: an agent prints one line when it fails.
type headWriter struct{ b []byte }

func (t *headWriter) Write(b []byte) (int, error) {
	t.b = append(t.b, b[:min(len(b), 1024-len(t.b))]...)
	return len(b), nil
}

func (t *headWriter) String() string { return string(t.b) }

func closeHosts(hosts []agent.Host) {
	for _, h := range hosts {
		if h.In != nil {
			_ = h.In.Close() // the container is removed in any case
		}
		if h.Out != nil {
			go func() { _, _ = io.Copy(io.Discard, h.Out) }() // until the container is removed
		}
	}
}
