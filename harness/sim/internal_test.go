package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The queue gives what a sorted list would.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var list []queued
		seq := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				seq++
				at := time.Duration(rapid.IntRange(0, 20).Draw(t, "at"))
				q.push(at, seq, &event{token: seq})
				list = append(list, queued{at: at, seq: seq})
				slices.SortFunc(list, func(a, b queued) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
			},
			"pop": func(t *rapid.T) {
				var e event
				at, ok := q.pop(&e)
				require.Equal(t, len(list) > 0, ok)
				if ok {
					require.Equal(t, list[0].at, at)
					require.Equal(t, list[0].seq, e.token)
					list = list[1:]
				}
			},
		})
	})
}

// recordDisk keeps what it was handed.
type recordDisk struct{ records []int }

func (d *recordDisk) Apply(record any) { d.records = append(d.records, record.(int)) }

// Whatever is written, synced and lost: the disk has a prefix of what was written, nothing that was
// synced is missing after any end, and nothing that was written is missing after a kill.
func TestWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w writes
		d := &recordDisk{}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var all []int         // ever written
		tokens := []uint64{0} // of all, so far
		told, synced := 0, 0  // so many of all were said to be written, to be durable
		syncs := false        // what is on its way is synced
		flying := 0           // so many of all will have arrived then
		prefix := func(least int) {
			require.GreaterOrEqual(t, len(d.records), least)
			require.True(t, slices.Equal(all[:len(d.records)], d.records), "%v is no prefix of %v", d.records, all)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				x := write{record: len(all), sync: rapid.Bool().Draw(t, "sync")}
				if x.sync || rapid.Bool().Draw(t, "awaited") {
					x.token = uint64(len(all) + 1)
				}
				all = append(all, len(all))
				tokens = append(tokens, x.token)
				w.add(x)
			},
			"start": func(*rapid.T) {
				if sync, ok := w.start(); ok {
					syncs, flying = sync, len(all)
				}
			},
			"arrive": func(t *rapid.T) {
				if !w.busy {
					return
				}
				token := w.arrive(d)
				require.Equal(t, slices.Max(tokens[told+1:flying+1]), token)
				told = flying
				if syncs {
					synced = flying
				}
				prefix(synced)
			},
			"end": func(t *rapid.T) {
				how := rapid.SampledFrom([]ending{killed, powerLost, stopped}).Draw(t, "how")
				w.end(d, how, r)
				prefix(map[ending]int{killed: told, powerLost: synced, stopped: len(all)}[how])
				all = all[:len(d.records)] // the next process goes on from there
				told, synced, flying = len(all), len(all), len(all)
				tokens = tokens[:len(all)+1]
				require.Equal(t, writes{}, w)
			},
		})
	})
}
