package history

import (
	"encoding/json"
	"fmt"
	"time"
)

// JSONAppender lets values avoid reflection.
type JSONAppender interface{ AppendJSON([]byte) []byte }

// EncodeValue is the JSON of an op's value. It panics for a value that has none: that is a mistake
// in a workload.
func EncodeValue(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	if a, ok := v.(JSONAppender); ok {
		return a.AppendJSON(nil)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode an op's value: %v", err))
	}
	return b
}

// FHash is an op of the harness process, on Node; its Value is a HashValue.
const FHash = "hash"

// HashValue is what a member says about its state at a revision: replicas that have the same
// Revision and CompactRevision must have the same Hash. Other pairs cannot be compared.
type HashValue struct {
	Revision        int64  `json:"rev"`     // at which the member was asked
	CompactRevision int64  `json:"compact"` // up to where history was dropped; at most 0: nowhere
	Hash            uint32 `json:"hash"`    // of the state
}

// FLogDigest is an op of the harness process, on Node, in which the member told a digest of its raft log.
const FLogDigest = "log-digest"

// LogDigestValue is the value of a FLogDigest op: what a member's log holds at an index.
type LogDigestValue struct {
	Index     uint64 `json:"index"`
	Term      uint64 `json:"term"`                // of the entry at Index
	Digest    string `json:"digest"`              // of all entries up to Index
	Committed bool   `json:"committed,omitempty"` // the member knew that the entry was committed
}

// Names of a probe's ops, and of the op that sums them up.
const (
	FProbePut = "probe-put"
	FProbeGet = "probe-get"
	FProbes   = "probes" // of the harness process, once, at the end of the load; Value a ProbesValue
)

// ProbeProcess is the first process of probes. Workers count from 0 and go on by one process for
// each unknown outcome: a thousand of them, each with one a millisecond, do not get here in the
// longest run.
const ProbeProcess = 1_000_000_000_000

// Probe says whether the op is a probe's and not a workload's.
func (op *Op) Probe() bool { return probe(op.F) }

func probe(f string) bool { return f == FProbePut || f == FProbeGet }

// ProbesValue sums up a run's probes.
type ProbesValue struct {
	Sent    int           `json:"sent"`     // probes that were sent
	Unsent  int           `json:"unsent"`   // probes that were due but skipped: their lane was still busy, or the harness was late by more than a timeout
	LateMax time.Duration `json:"late_max"` // the longest time from when a probe was due to when it was sent
}

// ProbeStep is the time from one probe of one kind to the next, which is another member's: with f of
// the members down, at most f probes in turn are theirs.
func ProbeStep(every time.Duration, members int) time.Duration {
	return max(1, every/time.Duration((members-1)/2+1))
}
