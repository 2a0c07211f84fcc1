package server

import (
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/disk"
)

// loop owns the core: every input, one after the other, and what comes out. It waits for nobody.
func (s *Server) loop() {
	tick := time.NewTicker(s.cfg.HeartbeatInterval)
	defer tick.Stop()
	defer s.failCalls()
	s.carryOut()
	for {
		select {
		case <-s.loopCtx.Done():
			return
		case <-tick.C:
			s.core.Tick()
			s.meter.observe(s.core.Status())
		case e := <-s.inbox:
			s.input(e)
		}
		s.carryOut()
	}
}

func (s *Server) input(e event) {
	switch e.kind {
	case evMessage:
		if !e.at.IsZero() {
			s.beat = beat{e.message.GetFrom(), e.at}
		}
		s.core.Step(e.message)
	case evCall:
		s.last++
		s.calls[s.last] = e.answer
		s.core.Submit(s.last, e.req)
	case evPersisted:
		s.core.Persisted(e.token)
	case evSent:
		s.core.Sent(e.token, e.ok)
	case evLost:
		s.core.ReportUnreachable(e.id)
	case evPeer:
		s.core.SetMember(e.id, e.name, e.urls)
	case evTransfer:
		s.core.TransferLeader(e.id)
	case evInspect:
		e.answer <- answer{resp: s.core.Status()}
	}
}

// carryOut does what the core asks for, work first come first served.
func (s *Server) carryOut() {
	works := s.effects(nil)
	for len(works) > 0 {
		next := works[0]
		s.core.Apply(next)
		works = s.effects(works[1:])
	}
}

func (s *Server) effects(works []uint64) []uint64 {
	for _, e := range s.core.Effects() {
		switch e.Kind {
		case core.Send:
			s.send(e)
		case core.Write:
			s.disks.add(e)
		case core.Work:
			works = append(works, e.Token)
		case core.Reply:
			if ch, ok := s.calls[e.Call]; ok {
				delete(s.calls, e.Call)
				ch <- answer{e.Response, e.Err}
			}
		}
	}
	return works
}

func (s *Server) send(e core.Effect) {
	for _, p := range s.peers {
		if p.id != e.To {
			continue
		}
		if e.Token != 0 {
			s.group.Go(func() { p.snapshot(s.ctx, e.Message, e.Token) })
		} else {
			p.send(e.Message)
		}
	}
}

func (s *Server) failCalls() {
	for call, ch := range s.calls {
		delete(s.calls, call)
		ch <- answer{err: rpctypes.ErrGRPCStopped}
	}
}

// persisted tells the loop what is durable.
func (s *Server) persisted(token uint64) {
	_ = s.post(s.loopCtx, event{kind: evPersisted, token: token})
}

// diskQueue holds records on their way to the disk. Everything that gathers while the disk is busy
// becomes durable with one sync.
type diskQueue struct {
	mu      sync.Mutex
	wake    sync.Cond
	once    sync.Once
	effects []core.Effect
	closed  bool
}

func (q *diskQueue) init() { q.once.Do(func() { q.wake.L = &q.mu }) }

func (q *diskQueue) add(e core.Effect) {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.effects = append(q.effects, e)
	q.wake.Signal()
}

// close lets run end once it has written what is queued.
func (q *diskQueue) close() {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Signal()
}

// take returns all that is queued; it waits for something. ok is false in the end.
func (q *diskQueue) take() (effects []core.Effect, ok bool) {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.effects) == 0 && !q.closed {
		q.wake.Wait()
	}
	effects, q.effects = q.effects, nil
	return effects, len(effects) > 0
}

// run writes until close. A write that fails is the end of the member: done is not called any more.
func (q *diskQueue) run(d *disk.Disk, done func(token uint64), m *meter, fail func(error)) {
	for {
		effects, ok := q.take()
		if !ok {
			return
		}
		records := make([]*core.Record, 0, len(effects))
		var token uint64
		sync := false
		for _, e := range effects {
			records = append(records, e.Record)
			token = max(token, e.Token)
			sync = sync || e.Sync
		}
		start := time.Now()
		if err := d.Write(records, sync); err != nil {
			fail(err)
			return
		}
		m.wrote(time.Since(start), len(records), sync)
		if token != 0 {
			done(token)
		}
	}
}
