package checker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// world is a store with revisions and the watches on it; what it tells is right, until spoilt.
type world struct {
	r       *rand.Rand
	rev     int64
	now     map[string]history.WatchPrev
	past    []map[string]history.WatchPrev // the state by revision
	log     []history.WatchEvent
	ops     []history.Op
	cursors map[string]int // of watches, in log
}

func (w *world) add(process int, t history.Type, f string, v any) {
	w.ops = append(w.ops, history.Op{Index: len(w.ops), Process: process, Type: t, F: f, Value: history.EncodeValue(v)})
}

func (w *world) call(process int, f string, asked, got any) {
	w.add(process, history.Invoke, f, asked)
	if got == nil {
		w.add(process, history.Info, f, asked)
		return
	}
	w.add(process, history.OK, f, got)
}

// write changes one key; nobody may be told.
func (w *world) write() {
	key := "k" + strconv.Itoa(w.r.IntN(3))
	told := w.r.IntN(4) > 0
	before, had := w.now[key]
	e := history.WatchEvent{Type: "put", Key: key, Value: fmt.Sprint("v", len(w.ops))}
	if had {
		e.Prev = &before
	}
	asked := map[string]any{"key": key, "value": e.Value}
	f, got := "put", map[string]any{"key": key, "value": e.Value}
	if w.r.IntN(4) == 0 {
		f, asked = "delete", map[string]any{"key": key}
		e.Type, e.Value = "delete", ""
		got = map[string]any{"key": key, "deleted": 0}
		if had {
			got["deleted"] = 1
		}
	}
	if f == "put" || had {
		w.rev++
		e.Rev = w.rev
		w.log = append(w.log, e)
		if f == "put" {
			w.now[key] = history.WatchPrev{Value: e.Value, Rev: w.rev}
		} else {
			delete(w.now, key)
		}
		state := map[string]history.WatchPrev{}
		for k, v := range w.now {
			state[k] = v
		}
		w.past = append(w.past, state)
	}
	got["rev"] = w.rev
	if told {
		w.call(len(w.ops), f, asked, got)
	} else {
		w.call(len(w.ops), f, asked, nil)
	}
}

// deliver lets one of two watches see the next events.
func (w *world) deliver() {
	name := "w" + strconv.Itoa(w.r.IntN(2))
	v := history.WatchValue{Watch: name, Key: "k", Prefix: true, From: 2, PrevKV: true}
	got := v
	to := w.cursors[name] + w.r.IntN(len(w.log)-w.cursors[name]+1)
	got.Events = slices.Clone(w.log[w.cursors[name]:to])
	w.cursors[name] = to
	if to > 0 && w.r.IntN(3) == 0 {
		got.Progress = w.log[to-1].Rev
	}
	w.call(1_000_000+w.r.IntN(1000), history.FWatch, v, got)
}

// look is a serializable read of some past state.
func (w *world) look() {
	key := "k" + strconv.Itoa(w.r.IntN(3))
	at := w.r.IntN(len(w.past))
	v := history.SerializableValue{Key: key}
	got := history.SerializableValue{Key: key, Rev: int64(at) + 1}
	if x, ok := w.past[at][key]; ok {
		got.Value, got.ModRev = &x.Value, x.Rev
	}
	w.call(2_000_000+len(w.ops), "get-serializable", v, got)
}

func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 5)), rev: 1, now: map[string]history.WatchPrev{}, past: []map[string]history.WatchPrev{{}}, cursors: map[string]int{}}
	for range 30 {
		switch w.r.IntN(3) {
		case 0:
			w.write()
		case 1:
			w.deliver()
		default:
			w.look()
		}
	}
	return w
}

func TestNoFalseAlarmOfWatchesAndSerializableReads(t *testing.T) {
	decided := 0
	for seed := range uint64(20_000) {
		w := newWorld(seed)
		for _, c := range []history.Checker{Watch{}, Serializable{}} {
			v := c.Check(t.Context(), history.History{Ops: w.ops})
			require.NotEqual(t, history.Invalid, v.Validity, "seed %d, %s: %s", seed, c.Name(), v.Reason)
			if v.Validity == history.Valid {
				decided++
			}
		}
	}
	require.Greater(t, decided, 30_000)
}

// spoil breaks one delivery, and says whether it did.
func (w *world) spoil() bool {
	var at []int
	for i := range w.ops {
		if w.ops[i].F == history.FWatch && w.ops[i].Type == history.OK {
			at = append(at, i)
		}
	}
	w.r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	for _, i := range at {
		var v history.WatchValue
		if err := json.Unmarshal(w.ops[i].Value, &v); err != nil {
			panic(err)
		}
		n := len(v.Events)
		if n < 3 {
			continue
		}
		switch w.r.IntN(4) {
		case 0: // left out, and later ones came
			v.Events = slices.Delete(v.Events, 1, 2)
			if !w.known(v.Watch) {
				continue
			}
		case 1:
			v.Events[0], v.Events[1] = v.Events[1], v.Events[0]
		case 2:
			v.Events = append(v.Events, v.Events[n-1])
		case 3:
			v.Events[n-1].Type, v.Events[n-1].Value = "put", "never written"
		}
		w.ops[i].Value = history.EncodeValue(v)
		return true
	}
	return false
}

// known says whether somebody else tells every change: the other watch has seen all that this one has.
func (w *world) known(name string) bool {
	other := "w0"
	if name == other {
		other = "w1"
	}
	return w.cursors[other] >= w.cursors[name]
}

func TestSpoiltWatchesAreFound(t *testing.T) {
	spoilt := 0
	for seed := range uint64(5_000) {
		w := newWorld(seed)
		if !w.spoil() {
			continue
		}
		spoilt++
		v := Watch{}.Check(t.Context(), history.History{Ops: w.ops})
		require.Equal(t, history.Invalid, v.Validity, "seed %d: %s", seed, v.Reason)
	}
	require.Greater(t, spoilt, 1000)
}
