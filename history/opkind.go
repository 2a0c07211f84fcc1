package history

import "errors"

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

// KindBefore is the kind of a client's op in a history whose lines do not say it, as none did before
// there was Op.Kind: by its name. Of others nothing is known.
func KindBefore(f string) Kind {
	switch f {
	case "get", "read", "range", "list", "scan", "count", FProbeGet, "balances", "get-serializable", "watch":
		return KindRead
	case "put", "cas", "delete", FProbePut, FTxn, "append", "add", "transfer", "open",
		"acquire", "release", "keep-alive", "fenced", "grant", "revoke", "compact":
		return KindWrite
	}
	return ""
}
