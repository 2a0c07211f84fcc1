package workloads

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Append makes transactions that append unique numbers to lists and read lists, as Jepsen's
// list-append does. A list is one key's value. A transaction reads its lists in one transaction of the
// store, and writes them in a second one if none of them has changed since; otherwise it certainly did
// not happen. Every few seconds it moves on to new lists, so that they stay short. It needs a system
// whose KV is a Txner. The zero value is ready to use.
type Append struct {
	Keys       int           // in use at a time; 4
	Generation time.Duration // after which it moves on to new keys; 4 s
	Think      time.Duration // mean pause of a worker between its calls; 20 ms
	Timeout    time.Duration // of one attempt; 150 ms
}

func (p Append) withDefaults() Append {
	if p.Keys == 0 {
		p.Keys = 4
	}
	if p.Generation == 0 {
		p.Generation = 4 * time.Second
	}
	p.Think, p.Timeout = pacing(p.Think, p.Timeout)
	return p
}

// Name is append.
func (Append) Name() string { return "append" }

// Ops are transactions of both kinds.
func (Append) Ops() []history.OpKind { return txnOps("read lists", "append to lists and read them") }

// Checkers judge its histories.
func (Append) Checkers() []history.Checker { return []history.Checker{checker.Anomalies{}} }

// appendOp is one append (of add), or one read.
type appendOp struct {
	key   string
	add   int // 0: it reads
	list  []string
	known bool
}

// appendTxn is the value of its ops: {"ops":[["append","k1",3],["r","k2",[1,2]]]}.
type appendTxn []appendOp

// AppendJSON writes it; a read that was not answered is null.
func (t appendTxn) AppendJSON(b []byte) []byte {
	b = append(b, `{"ops":[`...)
	for i, o := range t {
		if i > 0 {
			b = append(b, ',')
		}
		if o.add != 0 {
			b = strconv.AppendQuote(append(b, `["append",`...), o.key)
			b = append(strconv.AppendInt(append(b, ','), int64(o.add), 10), ']')
			continue
		}
		b = append(strconv.AppendQuote(append(b, `["r",`...), o.key), ',')
		if o.known {
			b = append(append(append(b, '['), strings.Join(o.list, ",")...), ']')
		} else {
			b = append(b, "null"...)
		}
		b = append(b, ']')
	}
	return append(b, "]}"...)
}

// Run calls until ctx ends.
func (p Append) Run(ctx context.Context, w *harness.Worker) error {
	p = p.withDefaults()
	made := 0
	return loop(ctx, w, p.Think, func() harness.Attempt {
		var t appendTxn
		first := int(w.Env.Now()/p.Generation) * p.Keys
		for range 1 + w.Rand.IntN(4) {
			o := appendOp{key: keyName(first + w.Rand.IntN(p.Keys))}
			if w.Rand.IntN(2) == 0 {
				made++
				o.add = made*w.Count + w.ID
			}
			t = append(t, o)
		}
		a := p.attempt(t)
		a.Timeout = p.Timeout
		return a
	})
}

func (p Append) attempt(t appendTxn) harness.Attempt {
	reads := true
	for _, o := range t {
		reads = reads && o.add == 0
	}
	return harness.Attempt{F: history.FTxn, Kind: txnKind(reads), Value: t, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		return t.run(ctx, kv, reads)
	}}
}

// run does it; see Append.
func (t appendTxn) run(ctx context.Context, kv harness.KV, readOnly bool) (appendTxn, error) {
	var keys []string
	for _, o := range t {
		if !slices.Contains(keys, o.key) {
			keys = append(keys, o.key)
		}
	}
	seen, err := readSnapshot(ctx, kv, keys)
	if err != nil {
		return t, fmt.Errorf("%w: read the lists: %w", harness.ErrNotApplied, err)
	}
	lists := map[string][]string{}
	for _, k := range keys {
		if v, ok := seen.values[k]; ok {
			lists[k] = strings.Split(v, ",")
		}
	}
	done := make(appendTxn, len(t))
	changed := map[string]bool{}
	for i, o := range t {
		list := lists[o.key]
		if o.add != 0 {
			lists[o.key] = append(list[:len(list):len(list)], strconv.Itoa(o.add))
			changed[o.key] = true
		} else {
			o.list, o.known = list, true
		}
		done[i] = o
	}
	if readOnly {
		return done, nil
	}
	lines := map[string]string{}
	for _, k := range keys {
		if changed[k] {
			lines[k] = strings.Join(lists[k], ",")
		}
	}
	return done, seen.write(ctx, kv, lines)
}

// Final reads every list of the last two generations; the workers use different members.
func (p Append) Final(ctx context.Context, w *harness.Worker) error {
	p = p.withDefaults()
	var t appendTxn
	end := (int(w.Env.Now()/p.Generation) + 1) * p.Keys
	for k := max(0, end-2*p.Keys); k < end; k++ {
		t = append(t, appendOp{key: keyName(k)})
	}
	return finalAttempt(ctx, w, p.attempt(t), p.Timeout)
}
