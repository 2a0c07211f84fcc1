package figure16

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
)

// connection is one to a server.
type connection struct {
	conn  net.Conn
	ended chan struct{} // closed when nothing comes any more

	mu      sync.Mutex
	enc     *json.Encoder
	last    int
	waiting map[int]chan server.Reply
}

func dial(ctx context.Context, addr string) (*connection, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte(server.Magic)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &connection{conn: c, ended: make(chan struct{}), enc: json.NewEncoder(c), waiting: map[int]chan server.Reply{}}, nil
}

// read hands replies to who waits for them, and events to said.
func (n *connection) read(said chan<- server.Reply) {
	defer close(n.ended)
	dec := json.NewDecoder(bufio.NewReader(n.conn))
	for {
		var r server.Reply
		if err := dec.Decode(&r); err != nil {
			return
		}
		if r.ID == 0 {
			said <- r
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

var errGone = errors.New("its connection has ended")

func (n *connection) ask(ctx context.Context, q server.Request) (r server.Reply, err error) {
	ch := make(chan server.Reply, 1)
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
		return r, errGone
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
}
