package figure16

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/faultline-chaos/faultline/experiments/figure16/server"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// Model is a small event simulation of the set-up of figure 16 of the Raft paper: five servers whose
// logs all differ, a leader that dies at any moment between two heartbeats, which had reached all
// others at once, and elections as in the paper's figure 2. It shares nothing with this repository's
// store or simulation but a queue, so that they can be held against it.
type Model struct {
	Min, Max time.Duration // election timeouts are uniform between them; heartbeats every half Min
	Cap      time.Duration // a trial is given up after so long
	// Delay draws how long one message takes, one way, all that a disk needs included.
	Delay func(*rand.Rand) time.Duration
	// Late draws how late a timer fires. nil: never.
	Late func(*rand.Rand) time.Duration
}

// The law that was fitted to the paper's curves: 0.5 ms and an exponential 3.5 ms.
const (
	DelayMin  = 500 * time.Microsecond
	DelayMean = 4 * time.Millisecond
)

// drawDelay draws from it.
func drawDelay(r *rand.Rand) time.Duration {
	return DelayMin + time.Duration(r.ExpFloat64()*float64(DelayMean-DelayMin))
}

const (
	modelSurvivors = 4
	modelQuorum    = 3 // of five servers
)

// Trial is the time from the leader's death until two survivors have heard from a new leader, so that
// a majority of the servers knows it. It is false, and Cap, where that did not happen within Cap.
func (m Model) Trial(r *rand.Rand) (time.Duration, bool) {
	t := &modelTrial{Model: m, rand: r, heard: map[int]uint{}}
	// The last heartbeat was at -died.
	died := time.Duration(r.Float64() * float64(m.Min/2))
	for i := range t.servers {
		t.restart(i, -died)
	}
	for t.queue.Next() < int64(m.Cap) {
		e := t.queue.Pop()
		if t.happens(e) {
			return e.at, true
		}
	}
	return m.Cap, false
}

// Sample is n trials.
func (m Model) Sample(r *rand.Rand, n int) (s sweep.Sample) {
	for range n {
		if d, over := m.Trial(r); over {
			s.Values = append(s.Values, d)
		} else {
			s.Bounds = append(s.Bounds, d)
		}
	}
	return s
}

type modelTrial struct {
	Model
	rand    *rand.Rand
	servers [modelSurvivors]modelServer // the lower the number, the longer the log
	queue   server.Queue[modelEvent]
	heard   map[int]uint // by term: bits of the servers that heard from its leader
}

type modelServer struct {
	term      int
	voted     bool // in term
	candidate bool
	leads     bool
	votes     int
	timer     int // number of the last start of the election timer
}

type modelKind uint8

const (
	modelTimeout modelKind = iota
	modelAsk
	modelGrant
	modelRefuse
	modelBeat
	modelNextBeat
)

type modelEvent struct {
	at       time.Duration
	kind     modelKind
	from, to int
	term     int // of the message; of a timeout: which start of the timer
}

func (t *modelTrial) add(at time.Duration, kind modelKind, from, to, term int) {
	t.queue.Push(int64(at), modelEvent{at, kind, from, to, term})
}

// restart starts a server's election timer anew.
func (t *modelTrial) restart(i int, now time.Duration) {
	t.servers[i].timer++
	d := t.Min + time.Duration(t.rand.Float64()*float64(t.Max-t.Min))
	if t.Late != nil {
		d += t.Late(t.rand)
	}
	t.add(now+d, modelTimeout, i, i, t.servers[i].timer)
}

func (t *modelTrial) send(now time.Duration, kind modelKind, from, to int) {
	t.add(now+t.Delay(t.rand), kind, from, to, t.servers[from].term)
}

func (t *modelTrial) toOthers(now time.Duration, kind modelKind, from int) {
	for to := range t.servers {
		if to != from {
			t.send(now, kind, from, to)
		}
	}
}

// happens says whether that was the end.
func (t *modelTrial) happens(e modelEvent) bool {
	s := &t.servers[e.to]
	switch e.kind {
	case modelTimeout:
		if e.term == s.timer && !s.leads {
			*s = modelServer{term: s.term + 1, voted: true, candidate: true, votes: 1, timer: s.timer}
			t.restart(e.to, e.at)
			t.toOthers(e.at, modelAsk, e.to)
		}
		return false
	case modelNextBeat:
		if s.leads && s.term == e.term {
			t.beat(e.at, e.to)
		}
		return false
	}
	if e.term > s.term {
		if s.leads { // a leader has no timer
			t.restart(e.to, e.at)
		}
		*s = modelServer{term: e.term, timer: s.timer}
	}
	switch e.kind {
	case modelAsk:
		if e.term == s.term && !s.voted && e.from < e.to { // the candidate's log is the longer one
			s.voted = true
			t.restart(e.to, e.at)
			t.send(e.at, modelGrant, e.to, e.from)
		} else {
			t.send(e.at, modelRefuse, e.to, e.from)
		}
	case modelGrant:
		if s.candidate && e.term == s.term {
			if s.votes++; s.votes == modelQuorum {
				s.candidate, s.leads = false, true
				t.beat(e.at, e.to)
			}
		}
	case modelBeat:
		if e.term == s.term {
			s.candidate = false
			t.restart(e.to, e.at)
			t.heard[e.term] |= 1 << e.to
			return bits.OnesCount(t.heard[e.term]) == 2
		}
	}
	return false
}

// beat sends a leader's heartbeats, now and ever after.
func (t *modelTrial) beat(now time.Duration, leader int) {
	t.toOthers(now, modelBeat, leader)
	t.add(now+t.Min/2, modelNextBeat, leader, leader, t.servers[leader].term)
}
