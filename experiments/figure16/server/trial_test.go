package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/store/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is five trials on one virtual clock.
type world struct {
	t      *testing.T
	now    int64
	queue  Queue[func()]
	trials [Servers + 1]*trial
	events []Reply
	heard  map[uint64]int // by term
}

func (w *world) after(d time.Duration, do func()) {
	w.queue.Push(w.now+int64(d), do)
}

// place is a server's way to the world.
type place struct {
	w    *world
	self int
}

const (
	wire  = 50 * time.Microsecond
	fsync = 300 * time.Microsecond
)

func (p place) send(to uint64, f frame) {
	p.w.after(wire, func() {
		if t := p.w.trials[to]; t != nil {
			t.arrive(f, p.w.now)
		}
	})
}

func (p place) write(e core.Effect, born int64) {
	if e.Token == 0 {
		return
	}
	p.w.after(fsync, func() {
		if t := p.w.trials[p.self]; t != nil {
			t.persisted(e.Token, born, p.w.now)
		}
	})
}

func (p place) event(kind string, at int64, term uint64) {
	p.w.events = append(p.w.events, Reply{Event: kind, At: at, Term: term})
	if kind == EvHeard {
		p.w.heard[term]++
	}
}

func settings(low, high int) Trial {
	return Trial{
		Number: 7, Min: time.Duration(low) * time.Millisecond, Max: time.Duration(high) * time.Millisecond,
		Tick: 100 * time.Microsecond, Delay: [2]time.Duration{500 * time.Microsecond, 4 * time.Millisecond},
	}
}

func (w *world) start(s Trial, i int) {
	s.Self = i
	d, _, err := Format(i)
	require.NoError(w.t, err)
	w.trials[i], err = newTrial(s, d, place{w, i}, w.now)
	require.NoError(w.t, err)
}

// until lets things happen until enough is true, or nothing may happen before limit.
func (w *world) until(limit int64, enough func() bool) {
	for !enough() {
		next := limit
		for _, t := range w.trials {
			if t != nil {
				next = min(next, t.next())
			}
		}
		next = min(next, w.queue.Next())
		w.now = max(w.now, next)
		if next >= limit {
			return
		}
		for w.queue.Next() <= w.now {
			w.queue.Pop()()
		}
		for _, t := range w.trials {
			if t != nil {
				t.turn(w.now)
			}
		}
	}
}

func (w *world) index(kind string) int {
	return slices.IndexFunc(w.events, func(r Reply) bool { return r.Event == kind })
}

// crash runs a trial, and says how long it took until two survivors had heard of a new leader.
func crash(t *testing.T, s Trial, seed uint64) (*world, time.Duration) {
	t.Helper()
	w := &world{t: t, now: 1, heard: map[uint64]int{}}
	s.Seed = seed
	for i := Servers; i >= 1; i-- { // server 1 last: it campaigns at once
		w.start(s, i)
	}
	w.until(int64(time.Second), func() bool { return w.index(EvBroadcast) >= 0 })
	require.GreaterOrEqual(t, w.index(EvBroadcast), 0, "server 1 leads")
	interval := int64(s.Min / 2)
	w.until(w.now+interval+int64(seed*7919)%interval, func() bool { return false })
	require.Negative(t, w.index(EvCampaign), "nobody campaigns while it leads")
	require.Empty(t, w.heard)
	w.trials[Leader] = nil
	crashed := w.now
	two := func() bool {
		for _, n := range w.heard {
			if n >= 2 {
				return true
			}
		}
		return false
	}
	w.until(crashed+int64(time.Minute), two)
	require.True(t, two())
	return w, time.Duration(w.now - crashed)
}

// TestTrials: a leader is found after the timeouts that were asked for, by one of the two servers whose
// logs are long enough, and narrow ranges split votes.
func TestTrials(t *testing.T) {
	for _, c := range []struct {
		name        string
		s           Trial
		least, most time.Duration // of the median
		splits      bool
	}{
		{"wide", settings(150, 300), 140 * time.Millisecond, 220 * time.Millisecond, false},
		{"short", settings(12, 24), 20 * time.Millisecond, 45 * time.Millisecond, false},
		{"narrow", settings(150, 151), 500 * time.Millisecond, 3 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []time.Duration
			campaigns, delays, led := 0, []int64(nil), 0
			for seed := range uint64(40) {
				w, took := crash(t, c.s, seed)
				got = append(got, took)
				for _, e := range w.events {
					if e.Event == EvCampaign {
						campaigns++
					}
				}
				var leads []int
				for i, x := range w.trials {
					if x != nil && x.core.Status().Role == raft.StateLeader {
						leads = append(leads, i)
					}
					if x != nil {
						delays = append(delays, x.ruler.Delays...)
						for _, late := range x.ruler.Late {
							require.Less(t, late, int64(c.s.Tick), "the virtual clock is never late")
						}
					}
				}
				led += min(len(leads), 1) // one may have been voted out since
				require.NotContains(t, leads, 4, "its log is too short")
				require.NotContains(t, leads, 5)
			}
			require.Greater(t, led, 30)
			slices.Sort(got)
			require.Greater(t, got[20], c.least)
			require.Less(t, got[20], c.most)
			require.Equal(t, c.splits, campaigns > 40*Servers)
			mean := time.Duration(0)
			for _, d := range delays {
				require.GreaterOrEqual(t, d, int64(500*time.Microsecond))
				mean += time.Duration(d) / time.Duration(len(delays))
			}
			require.InDelta(t, 4*time.Millisecond, mean, float64(700*time.Microsecond), "as the trial asks, writes included")
		})
	}
}

// TestLate: what a machine is late is told, and delays what follows.
func TestLate(t *testing.T) {
	w := &world{t: t, now: 1, heard: map[uint64]int{}}
	for i := Servers; i >= 1; i-- {
		w.start(settings(150, 150), i)
	}
	w.until(int64(time.Second), func() bool { return w.trials[2].led })
	x := w.trials[2]
	due := x.next()
	w.trials = [Servers + 1]*trial{}
	w.queue = Queue[func()]{}
	x.turn(due - 1)
	require.Negative(t, w.index(EvCampaign))
	x.turn(due + int64(5*time.Millisecond))
	require.GreaterOrEqual(t, w.index(EvCampaign), 0)
	require.Equal(t, []int64{int64(5 * time.Millisecond)}, x.ruler.Late)
	require.InDelta(t, due+int64(155*time.Millisecond), x.next(), float64(200*time.Microsecond), "the next timer starts when it is started")
}

func TestTrialRefuses(t *testing.T) {
	for name, change := range map[string]func(*Trial){
		"no tick":   func(s *Trial) { s.Tick = 0 },
		"backwards": func(s *Trial) { s.Max = s.Min - s.Tick },
		"odd":       func(s *Trial) { s.Min += s.Tick },
		"delays":    func(s *Trial) { s.Delay[1] = 0 },
	} {
		s := settings(150, 300)
		s.Self = 2
		change(&s)
		d, _, err := Format(2)
		require.NoError(t, err)
		_, err = newTrial(s, d, nil, 1)
		require.ErrorContains(t, err, "multiples of two ticks", name)
	}
}

// TestMagic: who does not say it gets nothing but a sentence.
func TestMagic(t *testing.T) {
	s := &server{commands: make(chan command)}
	for _, first := range []string{"{\"id\":1,\"op\":\"hello\"}\n", "GET / HTTP/1.1\n", "\n"} {
		ours, theirs := net.Pipe()
		go func() { s.control(theirs); _ = theirs.Close() }()
		_, err := ours.Write([]byte(first))
		require.NoError(t, err)
		said, err := io.ReadAll(ours)
		require.NoError(t, err)
		require.Equal(t, "this is no store: it takes part in faultline sweep --paper, and does nothing else\n", string(said))
	}
}

func TestFrames(t *testing.T) {
	f := frame{trial: 3, from: 2, born: 5, due: 9, message: &raftpb.Message{Type: raftpb.MsgVote.Enum(), Term: new(uint64(4))}}
	b, err := f.append(nil)
	require.NoError(t, err)
	got, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
	require.NoError(t, err)
	require.Equal(t, f.message.String(), got.message.String())
	got.message, f.message = nil, nil
	require.Equal(t, f, got)
	for n := range b {
		_, err := readFrame(bufio.NewReader(bytes.NewReader(b[:n])))
		require.Error(t, err)
	}
	long := bytes.Clone(b)
	long[0] = 0xff
	_, err = readFrame(bufio.NewReader(bytes.NewReader(long)))
	require.ErrorContains(t, err, "too many")
	stranger := bytes.Clone(b)
	stranger[11] = 9
	_, err = readFrame(bufio.NewReader(bytes.NewReader(stranger)))
	require.ErrorContains(t, err, "there is no server 9")
}

// FuzzFrame: whatever comes is a message or an error.
func FuzzFrame(f *testing.F) {
	b, err := (&frame{from: 1, message: &raftpb.Message{}}).append(nil)
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
		if err == nil {
			require.NotNil(t, got.message)
		}
	})
}

// TestTrialIsData: what a controller sends comes as it was.
func TestTrialIsData(t *testing.T) {
	s := settings(150, 151)
	s.Peers[3] = "10.70.0.3:2380"
	b, err := json.Marshal(Request{Op: OpTrial, Trial: &s})
	require.NoError(t, err)
	var got Request
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, &s, got.Trial)
}
