package formats

import (
	"bytes"
	"context"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

// form is a history in the way in which one checker judges it. It is used once.
type form struct {
	name   string // of the checker
	take   func(*history.RawOp) error
	enough func() bool // whether there is something to judge
	judge  func(context.Context, checker.Lines) history.Verdict
}

// forms are those that are tried, in their order, where a file is read for a checker, or "".
func forms(judge string) []*form {
	return []*form{registers(), transactions(), revised(judge != "")}
}

func registers() *form {
	keys, clients := checker.NewKeys(), 0
	var line checker.Line
	return &form{
		name: checker.Linearizable{}.Name(),
		take: func(op *history.RawOp) error {
			if ok, err := registerLine(&line, op); err != nil || !ok {
				return err
			}
			clients++
			return damage(keys.Add(&line))
		},
		enough: func() bool { return clients > 0 },
		judge: func(ctx context.Context, lines checker.Lines) history.Verdict {
			return checker.Linearizable{}.CheckKeys(ctx, keys, lines)
		},
	}
}

// transactions are those of lists and registers, which tell no revisions.
func transactions() *form {
	txns, answered := checker.NewTxns(), false
	return &form{
		name: checker.Anomalies{}.Name(),
		take: func(op *history.RawOp) error {
			if op.Form() != history.FormTxn || bytes.Contains(op.Value, []byte(`"rev":`)) {
				return errOther
			}
			answered = answered || op.Type == history.OK
			o := op.Op()
			return damage(txns.Add(&o))
		},
		enough: func() bool { return answered },
		judge: func(_ context.Context, lines checker.Lines) history.Verdict {
			return checker.Anomalies{}.CheckTxns(txns, lines)
		},
	}
}

// revised are calls of one store that tell its revisions: those that call for that, or all where that is
// what they are to be judged by.
func revised(all bool) *form {
	calls, enough, name := checker.NewCalls(), all, checker.Revision{}.Name()
	return &form{
		name: name,
		take: func(op *history.RawOp) error {
			o := op.Op()
			switch judgeOf(&o) {
			case name:
				enough = true
			case "", checker.Linearizable{}.Name():
			default:
				if !all {
					return errOther
				}
			}
			return damage(calls.Add(&o))
		},
		enough: func() bool { return enough },
		judge: func(ctx context.Context, lines checker.Lines) history.Verdict {
			return checker.Revision{}.CheckCalls(ctx, calls, lines)
		},
	}
}

// damage is an error about the line at hand.
func damage(err error) error {
	if err == nil {
		return nil
	}
	return &history.DamageError{Err: err}
}
