package systems

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/store/papernode"
)

// paperSaid is what a server told.
type paperSaid struct {
	node int
	papernode.Reply
}

// paperWatch gathers what the servers tell about one trial. Times are CLOCK_MONOTONIC; 0: not yet. What
// servers tell does not come in order.
type paperWatch struct {
	number              uint32
	broadcast, campaign int64 // the first of each
	campaigns           int
	heard               map[uint64][]int64 // by term: when members heard from its leader, in order
}

func newPaperWatch(number uint32) *paperWatch {
	return &paperWatch{number: number, heard: map[uint64][]int64{}}
}

func (w *paperWatch) hear(s paperSaid) {
	if s.Trial != w.number {
		return
	}
	first := func(to *int64) {
		if *to == 0 || s.At < *to {
			*to = s.At
		}
	}
	switch s.Event {
	case papernode.EvBroadcast:
		first(&w.broadcast)
	case papernode.EvCampaign:
		first(&w.campaign)
		w.campaigns++
	case papernode.EvHeard:
		w.heard[s.Term] = append(w.heard[s.Term], s.At)
		slices.Sort(w.heard[s.Term])
	}
}

// heardBy is when so many members had heard from the leader of one term.
func (w *paperWatch) heardBy(members int) (at int64) {
	for _, times := range w.heard {
		if len(times) >= members && (at == 0 || times[members-1] < at) {
			at = times[members-1]
		}
	}
	return at
}

// trial is what came of it, in the words of the simulation.
func (w *paperWatch) trial(crashed int64, limit time.Duration) PaperTrial {
	t := PaperTrial{First: limit, Majority: limit, All: limit, Campaigns: w.campaigns}
	if w.heardBy(PaperMembers-2) == 0 {
		return t
	}
	since := func(members int) time.Duration { return time.Duration(w.heardBy(members) - crashed) }
	t.First, t.Majority, t.All, t.Over = since(1), since(PaperMembers/2), since(PaperMembers-2), true
	return t
}

// paperNode is a connection to a server.
type paperNode struct {
	conn  net.Conn
	ended chan struct{} // closed when nothing comes any more

	mu      sync.Mutex
	enc     *json.Encoder
	last    int
	waiting map[int]chan papernode.Reply
}

// connect reaches server i, whose process may have been started a moment ago.
func (p *PaperProcesses) connect(ctx context.Context, i int) error {
	if n := p.nodes[i]; n != nil {
		_ = n.conn.Close()
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		n, err := dialPaper(ctx, p.system.control(i))
		if err == nil {
			go n.read(i, p.said)
			if _, err = n.ask(ctx, papernode.Request{Op: papernode.OpHello}); err == nil {
				p.nodes[i] = n
				return nil
			}
			_ = n.conn.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("connect to %s: %w", paperID(i), err), context.Cause(ctx))
		case <-time.After(pause): // its runtime's port is open before it is
		}
	}
}

func dialPaper(ctx context.Context, addr string) (*paperNode, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte(papernode.Magic)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &paperNode{conn: c, ended: make(chan struct{}), enc: json.NewEncoder(c), waiting: map[int]chan papernode.Reply{}}, nil
}

// read hands replies to who waits for them, and events to said.
func (n *paperNode) read(i int, said chan<- paperSaid) {
	defer close(n.ended)
	dec := json.NewDecoder(bufio.NewReader(n.conn))
	for {
		var r papernode.Reply
		if err := dec.Decode(&r); err != nil {
			return
		}
		if r.ID == 0 {
			said <- paperSaid{i, r}
			continue
		}
		n.mu.Lock()
		ch := n.waiting[r.ID]
		delete(n.waiting, r.ID)
		n.mu.Unlock()
		if ch != nil {
			ch <- r
		}
	}
}

var errPaperGone = errors.New("its connection has ended")

func (n *paperNode) ask(ctx context.Context, q papernode.Request) (r papernode.Reply, err error) {
	ch := make(chan papernode.Reply, 1)
	n.mu.Lock()
	n.last++
	q.ID = n.last
	n.waiting[q.ID] = ch
	err = n.enc.Encode(q)
	n.mu.Unlock()
	if err != nil {
		return r, err
	}
	select {
	case r = <-ch:
		if r.Error != "" {
			err = errors.New(r.Error)
		}
		return r, err
	case <-n.ended:
		return r, errPaperGone
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
}

func (p *PaperProcesses) ask(ctx context.Context, i int, q papernode.Request) (papernode.Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 4*paperPatience, errors.New("it does not answer"))
	defer cancel()
	r, err := p.nodes[i].ask(ctx, q)
	if err != nil {
		return r, fmt.Errorf("%s of %s: %w", q.Op, paperID(i), err)
	}
	return r, nil
}
