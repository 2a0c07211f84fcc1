//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// nodeSpec is what a hub tells an agent.
type nodeSpec struct {
	Run string `json:"run"` // names the run in lists of processes
	// Target is where the member's process serves clients.
	Target string `json:"target"`
}

// relayFile is the descriptor of the socket that listens in the harness's network namespace.
const relayFile = 3

// enterNode prepares the namespaces that a hub has made for an agent.
func enterNode(spec nodeSpec) error {
	if err := privateProc(); err != nil {
		return err
	}
	f := os.NewFile(relayFile, "relay")
	l, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("take over the relay's socket: %w", err)
	}
	_ = f.Close() // l has a copy
	go relay(l, spec.Target)
	return nil
}

// relay carries clients into the member's network namespace. A socket belongs to the namespace that
// it was made in, so the harness's own can be accepted from here, without root and without any
// address of ours in the harness's network. What the member's end does to a connection, the client
// sees: a refused one and a reset one are reset, a closed one is closed.
func relay(l net.Listener, target string) {
	for {
		outer, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go relayOne(outer.(*net.TCPConn), target)
	}
}

func relayOne(outer *net.TCPConn, target string) {
	defer outer.Close()
	conn, err := net.Dial("tcp4", target)
	if err != nil {
		_ = outer.SetLinger(0) // closes with a reset
		return
	}
	inner := conn.(*net.TCPConn)
	defer inner.Close()
	var wg sync.WaitGroup
	wg.Go(func() { pump(outer, inner) })
	wg.Go(func() { pump(inner, outer) })
	wg.Wait()
}

// pump copies one direction; io.Copy splices between sockets without copying to this program.
func pump(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		for _, c := range []*net.TCPConn{to, from} {
			_ = c.SetLinger(0)
			_ = c.Close() // ends the other direction
		}
		return
	}
	_ = to.CloseWrite()
}
