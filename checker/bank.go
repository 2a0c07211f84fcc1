package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"github.com/faultline-chaos/faultline/history"
	"slices"
)

// Bank judges transfers between accounts: ops transfer {"from":"a","to":"b","amount":5}, where an
// answered one says "done":false if there was not enough money, and balances {"balances":{"a":10}},
// which reads all of them at once. An op open with balances tells what they began with. Every read must
// be a consistent snapshot: the total is always the same, no account is missing or new, and, where the
// beginning is known, every account has what acknowledged transfers made of it, give or take those
// that were under way or of unknown outcome.
type Bank struct {
	NoNegative bool // no balance may be below zero
}

// Name is bank.
func (Bank) Name() string { return "bank" }

type transfer struct {
	attempt
	From, To string
	Amount   int64
	Done     *bool
}

// bankHistory is a history of transfers.
type bankHistory struct {
	ops       []history.Op
	opening   map[string]int64 // nil: not told
	transfers []transfer
	reads     []attempt
	balances  []map[string]int64
}

func bank(ops []history.Op) (*bankHistory, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	b := &bankHistory{ops: ops}
	for _, a := range all {
		op := &ops[a.invoke]
		if a.outcome == history.OK {
			op = &ops[a.done]
		}
		switch op.F {
		case "transfer":
			t := transfer{attempt: a}
			if err := json.Unmarshal(op.Value, &t); err != nil {
				return nil, fmt.Errorf("op %d: value of a transfer: %w", op.Index, err)
			}
			if a.outcome != history.Fail && (t.Done == nil || *t.Done) {
				b.transfers = append(b.transfers, t)
			}
		case "balances", "open":
			if a.outcome != history.OK {
				continue
			}
			var v struct{ Balances map[string]int64 }
			if err := json.Unmarshal(op.Value, &v); err != nil {
				return nil, fmt.Errorf("op %d: value of %s: %w", op.Index, op.F, err)
			}
			if op.F == "open" {
				b.opening = v.Balances
			} else {
				b.reads, b.balances = append(b.reads, a), append(b.balances, v.Balances)
			}
		}
	}
	return b, nil
}

func accounts(m map[string]int64) (names []string, total int64) {
	for k, v := range m {
		names = append(names, k)
		total += v
	}
	slices.Sort(names)
	return names, total
}

// Check needs transfers, and reads to compare.
func (c Bank) Check(_ context.Context, h history.History) history.Verdict {
	b, err := bank(h.Ops)
	if err != nil {
		return malformed(err)
	}
	nothing := func() history.Verdict {
		return unknown("%s and %s of the balances: there is nothing to compare", count(len(b.transfers), "transfer"), count(len(b.reads), "read"))
	}
	if len(b.reads) == 0 || b.opening == nil && len(b.reads) == 1 {
		return nothing()
	}
	expect, first := b.opening, "the opening"
	if expect == nil {
		expect, first = b.balances[0], fmt.Sprintf("the first read (op %d)", h.Ops[b.reads[0].done].Index)
	}
	names, total := accounts(expect)
	for i, r := range b.reads {
		index := h.Ops[r.done].Index
		got, sum := accounts(b.balances[i])
		if !slices.Equal(got, names) {
			return invalid(evidence(h.Ops, r.invoke, r.done), "wrong accounts: a read (op %d) shows %v where %s shows %v", index, got, first, names)
		}
		if sum != total {
			return invalid(evidence(h.Ops, r.invoke, r.done), "wrong total: the balances that a read (op %d) shows make %d in all, and those of %s %d", index, sum, first, total)
		}
		for _, k := range names {
			if v := b.balances[i][k]; c.NoNegative && v < 0 {
				return invalid(evidence(h.Ops, r.invoke, r.done), "negative: a read (op %d) shows %d on account %q", index, v, k)
			}
		}
		if b.opening != nil {
			if v, bad := b.compare(i, names); bad {
				return v
			}
		}
	}
	if len(b.transfers) == 0 {
		return nothing()
	}
	known := ""
	if b.opening == nil {
		known = "; what the accounts began with is not told, so a lost transfer could not have been seen"
	}
	return valid("%s, %s: %d in all, always%s", count(len(b.transfers), "transfer"), count(len(b.reads), "read"), total, known)
}

// compare holds a read against the transfers: those that were acknowledged before it began count, those
// that began after it ended do not, and each of the others may.
func (b *bankHistory) compare(i int, names []string) (history.Verdict, bool) {
	r := b.reads[i]
	low, high := map[string]int64{}, map[string]int64{}
	for _, k := range names {
		low[k], high[k] = b.opening[k], b.opening[k]
	}
	move := func(k string, by int64, sure bool) {
		if sure || by < 0 {
			low[k] += by
		}
		if sure || by > 0 {
			high[k] += by
		}
	}
	for _, t := range b.transfers {
		if t.invoke > r.done || t.From == t.To {
			continue
		}
		sure := t.outcome == history.OK && t.done < r.invoke
		move(t.From, -t.Amount, sure)
		move(t.To, t.Amount, sure)
	}
	for _, k := range names {
		if v := b.balances[i][k]; v < low[k] || v > high[k] {
			what := fmt.Sprintf("from %d to %d", low[k], high[k])
			if low[k] == high[k] {
				what = fmt.Sprint(low[k])
			}
			return invalid(evidence(b.ops, r.invoke, r.done), "stale or lost: a read (op %d) shows %d on account %q, where the transfers acknowledged by then make it %s", b.ops[r.done].Index, v, k, what), true
		}
	}
	return history.Verdict{}, false
}
