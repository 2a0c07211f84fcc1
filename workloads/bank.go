package workloads

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Bank moves money between accounts and reads all of them at once. An account is a key. A transfer reads
// both in one transaction of the store, and writes both in a second one if neither has changed meanwhile;
// else it certainly did not happen. It needs a system whose KV is a Txner. The zero value is ready to use.
type Bank struct {
	Accounts int           // 5
	Opening  int64         // on each; 20
	Think    time.Duration // mean pause of a worker between its calls; 20 ms
	Timeout  time.Duration // of one attempt; 150 ms
}

func (b Bank) withDefaults() Bank {
	if b.Accounts == 0 {
		b.Accounts = 5
	}
	if b.Opening == 0 {
		b.Opening = 20
	}
	b.Think, b.Timeout = pacing(b.Think, b.Timeout)
	return b
}

// Name is bank.
func (Bank) Name() string { return "bank" }

// Ops are transfers and reads, and the opening of the accounts.
func (Bank) Ops() []history.OpKind {
	return []history.OpKind{
		{Name: "open", Kind: history.KindWrite, Doc: "open all accounts, unless they are open"},
		{Name: "transfer", Kind: history.KindWrite, Doc: "move money between two accounts, if neither has changed since it was read"},
		{Name: "balances", Kind: history.KindRead, Doc: "read all accounts in one transaction"},
	}
}

// Checkers judge its histories.
func (Bank) Checkers() []history.Checker { return []history.Checker{checker.Bank{NoNegative: true}} }

var errOpen = errors.New("the accounts have been opened already")

// balances is the value of open and balances: {"balances":{"a0":20}}, in the order of accounts.
type balances struct {
	names  []string
	amount []int64 // nil: not answered
}

// AppendJSON writes it.
func (v balances) AppendJSON(b []byte) []byte {
	if v.amount == nil {
		return append(b, "{}"...)
	}
	b = append(b, `{"balances":{`...)
	for i, n := range v.names {
		b = strconv.AppendInt(append(strconv.AppendQuote(comma(b, i), n), ':'), v.amount[i], 10)
	}
	return append(b, "}}"...)
}

// transfer is the value of its op: {"from":"a0","to":"a1","amount":3,"done":true}.
type transfer struct {
	from, to       string
	amount         int64
	answered, done bool
}

// AppendJSON writes it; without done until it was answered.
func (t transfer) AppendJSON(b []byte) []byte {
	b = strconv.AppendQuote(append(b, `{"from":`...), t.from)
	b = strconv.AppendQuote(append(b, `,"to":`...), t.to)
	b = strconv.AppendInt(append(b, `,"amount":`...), t.amount, 10)
	if t.answered {
		b = strconv.AppendBool(append(b, `,"done":`...), t.done)
	}
	return append(b, '}')
}

func (b Bank) names() (out []string) {
	for i := range b.Accounts {
		out = append(out, "a"+strconv.Itoa(i))
	}
	return out
}

// Run opens the accounts, unless another worker has, and makes calls until ctx ends.
func (b Bank) Run(ctx context.Context, w *harness.Worker) error {
	b = b.withDefaults()
	names, open := b.names(), false
	return loop(ctx, w, b.Think, func() harness.Attempt {
		var a harness.Attempt
		switch {
		case !open:
			a = b.open(names, &open)
		case w.Rand.IntN(4) == 0:
			a = b.read(names)
		default:
			i, j := w.Rand.IntN(len(names)), w.Rand.IntN(len(names)-1)
			if j >= i {
				j++
			}
			a = transfer{from: names[i], to: names[j], amount: 1 + w.Rand.Int64N(5)}.attempt()
		}
		a.Timeout = b.Timeout
		return a
	})
}

func (b Bank) open(names []string, open *bool) harness.Attempt {
	return harness.Attempt{F: "open", Value: balances{names: names}, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		done := balances{names: names}
		var t history.Txn
		for _, n := range names {
			t.If = append(t.If, history.TxnCompare{Target: history.TxnCreate, Result: "=", Key: n})
			t.Ops = append(t.Ops, history.TxnOp{Kind: history.TxnPut, Key: n, Value: strconv.FormatInt(b.Opening, 10)})
			done.amount = append(done.amount, b.Opening)
		}
		answer, err := runTxn(ctx, kv, t)
		if err != nil {
			return balances{names: names}, err
		}
		if *open = true; !answer.Succeeded {
			err = fmt.Errorf("%w: %w", history.ErrRejected, errOpen)
		}
		return done, err
	}}
}

func (b Bank) read(names []string) harness.Attempt {
	return harness.Attempt{F: "balances", Value: balances{names: names}, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		seen, err := readSnapshot(ctx, kv, names)
		if err != nil {
			return balances{names: names}, err
		}
		done := balances{amount: []int64{}}
		for _, n := range names {
			if v, ok := seen.values[n]; ok { // a missing account is a finding for the checker
				amount, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					return balances{names: names}, fmt.Errorf("%w: account %s: %w", harness.ErrNotApplied, n, err)
				}
				done.names, done.amount = append(done.names, n), append(done.amount, amount)
			}
		}
		return done, nil
	}}
}

func (t transfer) attempt() harness.Attempt {
	return harness.Attempt{F: "transfer", Value: t, Invoke: func(ctx context.Context, kv harness.KV) (any, error) {
		seen, err := readSnapshot(ctx, kv, []string{t.from, t.to})
		if err != nil {
			return t, fmt.Errorf("%w: read the accounts: %w", harness.ErrNotApplied, err)
		}
		from, err := strconv.ParseInt(seen.values[t.from], 10, 64)
		to, err2 := strconv.ParseInt(seen.values[t.to], 10, 64)
		if err = errors.Join(err, err2); err != nil {
			return t, fmt.Errorf("%w: read the accounts: %w", harness.ErrNotApplied, err)
		}
		done := t
		if done.answered = true; from < t.amount {
			return done, nil
		}
		done.done = true
		return done, seen.write(ctx, kv, map[string]string{
			t.from: strconv.FormatInt(from-t.amount, 10), t.to: strconv.FormatInt(to+t.amount, 10),
		})
	}}
}

// Final reads all accounts; the workers use different members.
func (b Bank) Final(ctx context.Context, w *harness.Worker) error {
	b = b.withDefaults()
	return finalAttempt(ctx, w, b.read(b.names()), b.Timeout)
}
