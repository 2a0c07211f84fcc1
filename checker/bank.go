package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/history"
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

// bankEntry is a transfer, or a read.
type bankEntry struct {
	attempt
	history.BankValue
}

// bankHistory is a history of transfers.
type bankHistory struct {
	ops       []history.Op
	opening   history.BankValue // without balances: not reported
	transfers []bankEntry
	reads     []bankEntry
}

func bank(ops []history.Op) (*bankHistory, error) {
	all, err := attempts(ops)
	if err != nil {
		return nil, err
	}
	b := &bankHistory{ops: ops}
	for _, a := range all {
		if a.form != history.FormTransfer && (a.outcome != history.OK || a.form != history.FormBalances && a.form != history.FormOpen) {
			continue
		}
		v, err := history.Decode[history.BankValue](a.said)
		switch {
		case err != nil:
			return nil, err
		case a.form == history.FormOpen:
			b.opening = v
		case a.form == history.FormBalances:
			b.reads = append(b.reads, bankEntry{a, v})
		case a.outcome != history.Fail && (v.Done == nil || *v.Done):
			b.transfers = append(b.transfers, bankEntry{a, v})
		}
	}
	return b, nil
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
	opened := b.opening.Balances != nil
	if len(b.reads) == 0 || !opened && len(b.reads) == 1 {
		return nothing()
	}
	expect, first := b.opening, "the opening"
	if !opened {
		expect, first = b.reads[0].BankValue, fmt.Sprintf("the first read (op %d)", h.Ops[b.reads[0].done].Index)
	}
	names, total := expect.Accounts()
	for _, r := range b.reads {
		index := h.Ops[r.done].Index
		got, sum := r.Accounts()
		if !slices.Equal(got, names) {
			return invalid(evidence(h.Ops, r.invoke, r.done), "wrong accounts: a read (op %d) shows %v, but %s shows %v", index, got, first, names)
		}
		if sum != total {
			return invalid(evidence(h.Ops, r.invoke, r.done), "wrong total: the balances in a read (op %d) add up to %d, and those of %s to %d", index, sum, first, total)
		}
		for _, k := range names {
			if v := r.Balances[k]; c.NoNegative && v < 0 {
				return invalid(evidence(h.Ops, r.invoke, r.done), "negative: a read (op %d) shows %d on account %q", index, v, k)
			}
		}
		if opened {
			if v, bad := b.compare(&r, names); bad {
				return v
			}
		}
	}
	if len(b.transfers) == 0 {
		return nothing()
	}
	known := ""
	if !opened {
		known = "; the initial balances are not known, so a lost transfer could not have been detected"
	}
	return valid("%s, %s: the total was always %d%s", count(len(b.transfers), "transfer"), count(len(b.reads), "read"), total, known)
}

// compare holds a read against the transfers: those that were acknowledged before it began count, those
// that began after it ended do not, and each of the others may.
func (b *bankHistory) compare(r *bankEntry, names []string) (history.Verdict, bool) {
	low, high := map[string]int64{}, map[string]int64{}
	for _, k := range names {
		low[k], high[k] = b.opening.Balances[k], b.opening.Balances[k]
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
		if v := r.Balances[k]; v < low[k] || v > high[k] {
			what := fmt.Sprintf("from %d to %d", low[k], high[k])
			if low[k] == high[k] {
				what = fmt.Sprint(low[k])
			}
			return invalid(evidence(b.ops, r.invoke, r.done), "stale or lost: a read (op %d) shows %d on account %q, but the transfers acknowledged by then make it %s", b.ops[r.done].Index, v, k, what), true
		}
	}
	return history.Verdict{}, false
}
