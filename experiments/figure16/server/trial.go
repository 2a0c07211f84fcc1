package server

import (
	"fmt"
	"math/rand/v2"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/store/core"
)

// trial is a server's part in one trial, without I/O: inputs are calls, with the time at which they
// come, and what comes out is handed to out.
type trial struct {
	Trial
	core   *core.Core
	rand   *rand.Rand
	out    output
	ticked int64           // when the last tick was
	led    bool            // server 1 leads, or did: timeouts and delays are the trial's
	sent   bool            // its first heartbeats
	held   Queue[frame]    // until they are due
	heard  map[uint64]bool // terms of leaders that were heard of
	ruler  Ruler
}

// output takes what comes out of a trial.
type output interface {
	send(to uint64, f frame)
	// write makes a record durable; persisted is to be called with token and born once it is.
	write(e core.Effect, born int64)
	event(kind string, at int64, term uint64)
}

// Format is what a server's disk holds at the start, and the records that bring it there: a new cluster's
// state, and a log that is shorter the higher its number is.
func Format(self int) (*core.Durable, []*core.Record, error) {
	d := &core.Durable{}
	first, err := core.New(config(self), d)
	if err != nil {
		return nil, nil, err
	}
	var records []*core.Record
	for _, e := range first.Effects() {
		if e.Kind == core.Write {
			records = append(records, e.Record)
			d.Apply(e.Record)
		}
	}
	log := &core.Record{}
	for i := range entries[self] {
		log.Entries = append(log.Entries, &raftpb.Entry{Term: new(uint64(1)), Index: new(d.LogIndex + 1 + uint64(i)), Type: raftpb.EntryNormal.Enum()})
	}
	d.Apply(log)
	return d, append(records, log), nil
}

// config is a member's, before elections are the paper's.
func config(self int) core.Config {
	cfg := core.Config{ID: uint64(self), Cluster: 1, ElectionTicks: 10}
	for i := 1; i <= Servers; i++ {
		cfg.Members = append(cfg.Members, core.Member{ID: uint64(i), Name: fmt.Sprintf("n%d", i)})
	}
	return cfg
}

// Config makes a server elect as in the paper. Until led says that server 1 leads, nobody but it
// campaigns, and it does so once and at once; then timeouts are the trial's, drawn from r.
func (t Trial) Config(r *rand.Rand, led *bool) core.Config {
	cfg := config(t.Self)
	cfg.PlainElections = true
	cfg.ElectionTicks = int(t.Min / t.Tick)
	cfg.HeartbeatTicks = cfg.ElectionTicks / 2
	ticks, spread, asked := cfg.ElectionTicks, int((t.Max-t.Min)/t.Tick), false
	cfg.ElectionRand = func() int {
		switch {
		case *led && spread > 0: // a timer that starts between two ticks is up to one tick short
			return ticks + 1 + r.IntN(spread)
		case *led:
			return ticks
		case t.Self == Leader && !asked: // it must win this campaign
			asked = true
			return 2
		default:
			return 1 << 30
		}
	}
	return cfg
}

// Check says what is wrong with the timeouts and delays.
func (t Trial) Check() error {
	if t.Tick <= 0 || t.Min < 2*t.Tick || t.Max < t.Min || t.Min%(2*t.Tick) != 0 || t.Max%t.Tick != 0 || t.Delay[0] < 0 || t.Delay[1] < t.Delay[0] {
		return fmt.Errorf("election timeouts of %v to %v in ticks of %v with delays of %v: timeouts must be multiples of two ticks, and neither may fall", t.Min, t.Max, t.Tick, t.Delay)
	}
	return nil
}

// newTrial starts one on a formatted disk.
func newTrial(t Trial, d *core.Durable, out output, now int64) (*trial, error) {
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("start trial %d: %w", t.Number, err)
	}
	r := &trial{Trial: t, rand: rand.New(rand.NewPCG(t.Seed, uint64(t.Self))), out: out, ticked: now, heard: map[uint64]bool{}}
	var err error
	if r.core, err = core.New(t.Config(r.rand, &r.led), d); err != nil {
		return nil, fmt.Errorf("start trial %d: %w", t.Number, err)
	}
	r.carryOut(now, now)
	return r, nil
}

// next is when something is to be done, if nothing comes before.
func (t *trial) next() int64 {
	return min(t.nextTick(), t.held.Next())
}

// nextTick is when the next tick is that does something.
func (t *trial) nextTick() int64 { return t.ticked + int64(t.core.Quiet()+1)*int64(t.Tick) }

// turn does what is due, what was due first first. A machine that was late is late for all that follows,
// too: timers start when they are started.
func (t *trial) turn(now int64) {
	for t.next() <= now {
		if t.held.Next() <= t.nextTick() {
			t.deliver(t.held.Pop(), now)
			continue
		}
		t.tick(now)
	}
}

// pass counts the ticks until now that did nothing.
func (t *trial) pass(now int64) {
	n := (now - t.ticked) / int64(t.Tick)
	if n > 0 {
		t.core.Skip(int(n))
		t.ticked += n * int64(t.Tick)
	}
}

func (t *trial) tick(now int64) {
	due := t.nextTick()
	t.core.Skip(t.core.Quiet())
	if t.led {
		t.ruler.Late = append(t.ruler.Late, now-due)
	}
	t.ticked = now - (now-due)%int64(t.Tick)
	t.core.Tick()
	t.carryOut(now, now)
}

// arrive is a message of another server. It is handed over when it is due.
func (t *trial) arrive(f frame, now int64) {
	if f.trial != t.Number {
		return
	}
	t.held.Push(f.due, f)
	t.turn(now)
}

func (t *trial) deliver(f frame, now int64) {
	t.pass(now)
	kind := f.message.GetType()
	leads := kind == raftpb.MsgApp || kind == raftpb.MsgHeartbeat
	switch {
	case f.from == Leader:
		t.led = t.led || leads
	case t.led:
		t.ruler.Delays = append(t.ruler.Delays, now-f.born)
	}
	if term := f.message.GetTerm(); leads && f.from != Leader && !t.heard[term] {
		t.heard[term] = true
		t.out.event(EvHeard, now, term)
	}
	t.core.Step(f.message)
	t.carryOut(now, now)
}

// persisted says that the records of the write that was begun at born are durable.
func (t *trial) persisted(token uint64, born, now int64) {
	t.pass(now)
	t.core.Persisted(token)
	t.carryOut(now, born)
}

// carryOut does what the core asks for. Messages count from born: what led to them.
func (t *trial) carryOut(now, born int64) {
	var works []uint64
	for {
		for _, e := range t.core.Effects() {
			switch e.Kind {
			case core.Send:
				t.send(e, now, born)
			case core.Write:
				t.out.write(e, born)
			case core.Work:
				works = append(works, e.Token)
			case core.Reply: // there are no clients
			}
		}
		if len(works) == 0 {
			return
		}
		next := works[0]
		works = works[1:]
		t.core.Apply(next)
	}
}

// send holds back what would make all logs equal. Server 1's heartbeats reach the others at once.
func (t *trial) send(e core.Effect, now, born int64) {
	f := frame{trial: t.Number, from: uint32(t.Self), born: born, due: now, message: e.Message}
	kind := e.Message.GetType()
	switch {
	case t.Self == Leader && (kind == raftpb.MsgApp || kind == raftpb.MsgSnap):
		return
	case t.Self == Leader && kind == raftpb.MsgHeartbeat && !t.sent:
		t.sent = true
		t.out.event(EvBroadcast, now, 0)
	case t.led:
		if kind == raftpb.MsgVote && e.To == FirstOther(t.Self) {
			t.out.event(EvCampaign, now, 0)
		}
		f.due = born + int64(t.Delay[0]) + int64(t.rand.ExpFloat64()*float64(t.Delay[1]-t.Delay[0]))
	}
	t.out.send(e.To, f)
}

// FirstOther is the server to which a campaign's first message goes.
func FirstOther(self int) uint64 {
	if self == 1 {
		return 2
	}
	return 1
}
