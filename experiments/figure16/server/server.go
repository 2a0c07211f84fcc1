package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/disk"
)

// Command is the name of the command of faultline that is a server, and takes Options as arguments.
const Command = "paper-node"

// Options say where a server is. Nothing here says how it elects.
type Options struct {
	Control, Peer string // host:port to listen on, for the controller and for the other servers
	DataDir       string
}

// Run serves until ctx ends, or something fails.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d, err := disk.Open(o.DataDir+"/db", disk.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if _, err := d.Load(); err != nil {
		return err
	}
	a, err := newAlarm(ctx)
	if err != nil {
		return err
	}
	s := &server{
		ctx: ctx, fail: cancel, alarm: a, peer: o.Peer,
		inbox: make(chan frame, 1024), commands: make(chan command), writes: make(chan write, 1024), wrote: make(chan write, 1024),
	}
	defer s.group.Wait()
	defer cancel(nil)
	s.group.Go(func() { s.writeAll(d) })
	for addr, serve := range map[string]func(net.Conn){o.Control: s.control, o.Peer: s.receive} {
		if err := s.listen(addr, serve); err != nil {
			return err
		}
	}
	return s.loop() //nolint:contextcheck // the context is the server's own field
}

// server owns a trial. Everything that concerns it happens in loop.
type server struct {
	ctx      context.Context
	fail     context.CancelCauseFunc
	group    sync.WaitGroup
	alarm    *alarm
	peer     string // Options.Peer
	inbox    chan frame
	commands chan command
	writes   chan write
	wrote    chan write

	trial      *trial
	started    Trial
	disk       *core.Durable // of the trial, as formatted
	links      [Servers + 1]*link
	controller *controller
}

// write is a record on its way to the disk.
type write struct {
	trial   uint32
	records []*core.Record
	token   uint64
	sync    bool
	born    int64
	done    chan struct{} // closed once it is durable: nothing else is told
}

// command is a controller's request.
type command struct {
	Request
	from *controller
}

func (s *server) listen(addr string, serve func(net.Conn)) error {
	l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	context.AfterFunc(s.ctx, func() { _ = l.Close() })
	s.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if s.ctx.Err() == nil {
					s.fail(fmt.Errorf("accept on %s: %w", addr, err))
				}
				return
			}
			s.group.Go(func() {
				defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
	return nil
}

// receive hands over what another server sends.
func (s *server) receive(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		select {
		case s.inbox <- f:
		case <-s.ctx.Done():
			return
		}
	}
}

// loop ends with what made it end.
func (s *server) loop() error {
	for {
		select {
		case <-s.ctx.Done():
			if err := context.Cause(s.ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case <-s.alarm.rang:
		case f := <-s.inbox:
			if s.trial != nil {
				s.trial.arrive(f, Now())
			}
		case w := <-s.wrote:
			if s.trial != nil && w.trial == s.trial.Number {
				s.trial.persisted(w.token, w.born, Now())
			}
		case c := <-s.commands:
			s.obey(c)
		}
		if s.trial == nil {
			continue
		}
		s.trial.turn(Now())
		if err := s.alarm.set(s.trial.next()); err != nil {
			return err
		}
	}
}

// obey carries out one request.
func (s *server) obey(c command) {
	reply := Reply{ID: c.ID}
	var err error
	switch {
	case c.Op == OpHello:
		reply.Peer = s.peer
	case c.Op == OpTrial && c.Trial != nil:
		err = s.reset(*c.Trial, c.from)
	case c.Op == OpCampaign && s.started.Self == Leader && s.trial == nil:
		s.trial, err = newTrial(s.started, s.disk, s, Now())
	case c.Op == OpRuler && s.trial != nil:
		reply.Ruler = &s.trial.ruler
	default:
		err = fmt.Errorf("request %q cannot be carried out now", c.Op)
	}
	if err != nil {
		reply.Error = err.Error()
	}
	c.from.say(reply)
}

// reset makes the server ready for a trial. Server 1 starts when it is told to campaign.
func (s *server) reset(t Trial, from *controller) error {
	s.trial, s.started, s.controller = nil, t, from
	if t.Self < 1 || t.Self > Servers {
		return fmt.Errorf("there is no server %d", t.Self)
	}
	var (
		records []*core.Record
		err     error
	)
	if s.disk, records, err = Format(t.Self); err != nil {
		return err
	}
	done := make(chan struct{})
	s.writes <- write{records: records, sync: true, done: done}
	select {
	case <-done:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	for i := 1; i <= Servers; i++ {
		if i == t.Self {
			continue
		}
		if s.links[i] == nil || s.links[i].broken.Load() {
			if s.links[i], err = s.connect(t.Peers[i]); err != nil {
				return fmt.Errorf("connect to server %d: %w", i, err)
			}
		}
	}
	if t.Self != Leader {
		s.trial, err = newTrial(t, s.disk, s, Now())
	}
	return err
}

// link is a connection to another server.
type link struct {
	conn   net.Conn
	broken atomic.Bool
}

const dialTime = 5 * time.Second

func (s *server) connect(addr string) (*link, error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTime)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &link{conn: c}
	s.group.Go(func() { // nothing ever comes but the end
		defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
		var b [1]byte
		_, _ = c.Read(b[:])
		l.broken.Store(true)
		_ = c.Close()
	})
	return l, nil
}

// send is the trial's: messages are small, and a connection that is full or broken loses them.
func (s *server) send(to uint64, f frame) {
	l := s.links[to]
	if l == nil || l.broken.Load() {
		return
	}
	b, err := f.append(nil)
	if err != nil {
		s.fail(err)
		return
	}
	if _, err := l.conn.Write(b); err != nil {
		l.broken.Store(true)
	}
}

// write is the trial's.
func (s *server) write(e core.Effect, born int64) {
	s.writes <- write{trial: s.started.Number, records: []*core.Record{e.Record}, token: e.Token, sync: e.Sync, born: born}
}

// event is the trial's.
func (s *server) event(kind string, at int64, term uint64) {
	s.controller.say(Reply{Event: kind, Trial: s.started.Number, At: at, Term: term})
}

// writeAll makes durable what has gathered, with one sync. Nothing waits for it but who wants to know.
func (s *server) writeAll(d *disk.Disk) {
	for {
		var batch []write
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		case <-s.ctx.Done():
			return
		}
		for more := true; more; {
			select {
			case w := <-s.writes:
				batch = append(batch, w)
			default:
				more = false
			}
		}
		var records []*core.Record
		sync := false
		for _, w := range batch {
			records, sync = append(records, w.records...), sync || w.sync
		}
		if err := d.Write(records, sync); err != nil {
			s.fail(err)
			return
		}
		for _, w := range batch {
			if w.done != nil {
				close(w.done)
			} else if w.token != 0 {
				s.wrote <- w
			}
		}
	}
}

// controller is who runs the trials.
type controller struct {
	mu   sync.Mutex
	conn net.Conn
}

// say drops what cannot be sent: the controller has gone.
func (c *controller) say(r Reply) {
	b, err := json.Marshal(r)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.conn.Write(append(b, '\n'))
}

// control hears a controller, if it is one.
func (s *server) control(conn net.Conn) {
	r := bufio.NewReaderSize(conn, 64<<10)
	if magic, err := r.ReadString('\n'); err != nil || magic != Magic {
		_, _ = conn.Write([]byte("this is no store: it takes part in faultline sweep --paper, and does nothing else\n"))
		return
	}
	c := &controller{conn: conn}
	dec := json.NewDecoder(r)
	for {
		var q Request
		if err := dec.Decode(&q); err != nil {
			return
		}
		select {
		case s.commands <- command{q, c}:
		case <-s.ctx.Done():
			return
		}
	}
}
