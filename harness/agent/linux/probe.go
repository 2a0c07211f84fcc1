//go:build linux

package linux

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// Prober proves that links are open or cut: it echoes what the agents of other members send, and
// sends to theirs. It uses UDP: nothing of it is left in queues of the kernel that would back off
// and answer late, as with TCP, and a packet that our own rules drop is refused at once (EPERM).
type Prober struct {
	conn *net.UDPConn
	err  error // why it does not work here
}

const (
	probeTime   = 250 * time.Millisecond // for an answer; one takes 0.1 ms on an idle machine
	probeRepeat = 50 * time.Millisecond  // a packet may get lost for other reasons than a cut
	probeBytes  = 16
)

// NewProber starts to echo.
func NewProber() *Prober {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: agent.ProbePort})
	if err != nil {
		return &Prober{err: fmt.Errorf("listen for probes: %w", err)}
	}
	p := &Prober{conn: conn}
	go p.echo()
	return p
}

func (p *Prober) Name() string { return agent.MechanismProbe }

func (p *Prober) Available() error { return p.err }

func (p *Prober) Handlers() map[string]agent.Handler {
	return map[string]agent.Handler{agent.OpProbe: agent.Handle(p.probe)}
}

// Heal has nothing to undo.
func (p *Prober) Heal(context.Context) error { return nil }

func (p *Prober) echo() {
	b := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && n == probeBytes && from.Port() != agent.ProbePort {
			_, _ = p.conn.WriteToUDPAddrPort(b[:n], from) // refused where the way back is cut: the sender will miss it
		}
	}
}

func (p *Prober) probe(ctx context.Context, args agent.Probe) (none agent.Nothing, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp4", net.JoinHostPort(args.Peer, strconv.Itoa(agent.ProbePort)))
	if err != nil {
		return none, fmt.Errorf("probe %s: %w", args.Peer, err)
	}
	defer conn.Close()
	nonce := make([]byte, probeBytes)
	_, _ = rand.Read(nonce) // never fails
	for ctx.Err() == nil {
		if _, err := conn.Write(nonce); err != nil {
			return none, fmt.Errorf("probe %s: %w", args.Peer, err)
		}
		if echoed(ctx, conn, nonce) {
			return none, nil
		}
	}
	return none, fmt.Errorf("probe %s: no answer within %v", args.Peer, probeTime)
}

// echoed waits for the nonce until it is time to send it again.
func echoed(ctx context.Context, conn net.Conn, nonce []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, probeRepeat)
	defer cancel()
	if conn.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })() // ends a read
	b := make([]byte, 2*probeBytes)
	for {
		n, err := conn.Read(b)
		if err != nil {
			<-ctx.Done() // the peer may have refused it at once: no agent listens yet
			return false
		}
		if string(b[:n]) == string(nonce) {
			return true
		}
	}
}
