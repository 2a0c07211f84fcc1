package checker

import (
	"context"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// LogMatching judges raft's Log Matching Property (Raft, figure 3): if two logs contain an entry with
// the same index and term, then they are identical in all entries up through that index; and State
// Machine Safety: no two members hold different committed entries at one index.
type LogMatching struct{}

// Name is log-matching.
func (LogMatching) Name() string { return "log-matching" }

// Check reads the ops log-digest.
func (LogMatching) Check(_ context.Context, h history.History) history.Verdict {
	type entry struct{ index, term uint64 }
	type told struct {
		history.LogDigestValue
		at int
	}
	seen, committed := map[entry]told{}, map[uint64]told{}
	compared, total := 0, 0
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.F != history.FLogDigest || op.Type != history.OK {
			continue
		}
		v, err := history.Decode[history.LogDigestValue](op)
		if err != nil {
			return malformed(err)
		}
		total++
		o, ok := seen[entry{v.Index, v.Term}]
		if ok && o.Digest != v.Digest {
			return invalid(evidence(h.Ops, o.at, i), "the logs of %s and %s both have entry %d of term %d, but differ at or before it, which violates Log Matching (ops %d and %d)",
				h.Ops[o.at].Node, op.Node, v.Index, v.Term, h.Ops[o.at].Index, op.Index)
		}
		if ok && h.Ops[o.at].Node != op.Node {
			compared++
		}
		seen[entry{v.Index, v.Term}] = told{v, i}
		if !v.Committed {
			continue
		}
		if o, ok := committed[v.Index]; ok && (o.Term != v.Term || o.Digest != v.Digest) {
			return invalid(evidence(h.Ops, o.at, i), "entry %d is committed on %s in term %d and on %s in term %d, which violates State Machine Safety (ops %d and %d)",
				v.Index, h.Ops[o.at].Node, o.Term, op.Node, v.Term, h.Ops[o.at].Index, op.Index)
		}
		committed[v.Index] = told{v, i}
	}
	if compared == 0 {
		return unknown("no two members reported the same entry: %s in all", count(total, "digest"))
	}
	return valid("%s, %s with another member's digest of the same entry: all agree", count(total, "digest"), count(compared, "comparison"))
}

// StateHash judges whether replicas that are at the same revision hold the same state, by the hashes
// that they were asked for.
type StateHash struct{}

// Name is state-hash.
func (StateHash) Name() string { return "state-hash" }

// Check reads the ops hash.
func (StateHash) Check(_ context.Context, h history.History) history.Verdict {
	type state struct{ revision, compacted int64 }
	type told struct {
		hash uint32
		at   int
	}
	seen := map[state]told{}
	compared, total := 0, 0
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.F != history.FHash || op.Type != history.OK {
			continue
		}
		v, err := history.Decode[history.HashValue](op)
		if err != nil {
			return malformed(err)
		}
		total++
		at := state{v.Revision, v.CompactRevision}
		o, ok := seen[at]
		switch {
		case !ok:
			seen[at] = told{v.Hash, i}
		case o.hash != v.Hash:
			return invalid(evidence(h.Ops, o.at, i), "%s and %s differ in their state at revision %d: hashes %08x and %08x (ops %d and %d)",
				h.Ops[o.at].Node, op.Node, v.Revision, o.hash, v.Hash, h.Ops[o.at].Index, op.Index)
		case h.Ops[o.at].Node != op.Node:
			compared++
		}
	}
	if compared == 0 {
		return unknown("no two members reported the hash of the same revision: %s in all", count(total, "hash"))
	}
	return valid("%s of %s, %s with another member's hash: all agree", strings.Replace(count(total, "hash"), "hashs", "hashes", 1), count(len(seen), "revision"), count(compared, "comparison"))
}
