package history

import (
	"encoding/json"
	"errors"
	"slices"
)

// Kind says whether an op can change the state of the system. The zero value says nothing: such an op
// counts as neither.
type Kind string

const (
	KindRead  Kind = "read"  // it changes nothing, so that any error of its means Fail
	KindWrite Kind = "write" // it may change something, and may read as well
)

// OpKind is one kind of op that a workload makes. Where some ops of a name only read and others write,
// as transactions do, the workload has one OpKind for either.
type OpKind struct {
	Name string // F of its ops
	Kind Kind
	Doc  string // how a person would say what it does, one line
}

// ErrRejected ends an op that certainly did not happen because its own condition was not met, as a
// transfer whose accounts another one changed meanwhile. The system did what was asked of it: such an op
// is no failure of service (Op.Rejected).
var ErrRejected = errors.New("rejected by its own condition")

// DeclaredKind is the declared kind of an op named f: that of its name, and of kind where it says one. It is
// false where there is none, or where an op of two kinds does not say which.
func DeclaredKind(declared []OpKind, f string, kind Kind) (found Kind, ok bool) {
	for _, k := range declared {
		if k.Name != f || kind != "" && kind != k.Kind {
			continue
		}
		if ok && found != k.Kind {
			return "", false
		}
		found, ok = k.Kind, true
	}
	return found, ok
}

// OfRegisters says whether all declared ops are those of registers.
func OfRegisters(declared []OpKind) bool {
	return len(declared) > 0 && !slices.ContainsFunc(declared, func(k OpKind) bool {
		form, _ := Named(k.Name)
		return !form.Register()
	})
}

// KindBefore is the kind of a client's op in a history whose lines do not say it. Of names that are not in the
// table nothing is known.
func KindBefore(f string) Kind {
	_, kind := Named(f)
	return kind
}

// KindOf is the kind of an op that its maker does not know: by its name, and of a transaction that only reads
// by its ops.
func KindOf(op *Op) Kind {
	form, kind := Named(op.F)
	if form != FormTxn {
		return kind
	}
	rows, err := op.Txn()
	writes := func(o []json.RawMessage) bool {
		return len(o) == 0 || string(o[0]) != `"`+string(TxnGet)+`"` && string(o[0]) != `"`+string(TxnRange)+`"`
	}
	if err != nil || slices.ContainsFunc(rows.Ops, writes) || slices.ContainsFunc(rows.Else, writes) {
		return kind
	}
	return KindRead
}
