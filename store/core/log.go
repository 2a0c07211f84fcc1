package core

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// logStore is the durable part of the raft log in memory, where raft reads it. Entries come here
// once they are on disk.
type logStore struct {
	index, term uint64 // of the entry before entries
	entries     []*raftpb.Entry
	hardState   *raftpb.HardState
	conf        *raftpb.ConfState
	snapshot    func() *raftpb.Snapshot
}

var _ raft.Storage = (*logStore)(nil)

func (l *logStore) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return l.hardState, l.conf, nil
}

func (l *logStore) last() uint64 { return l.index + uint64(len(l.entries)) }

func (l *logStore) FirstIndex() (uint64, error) { return l.index + 1, nil }
func (l *logStore) LastIndex() (uint64, error)  { return l.last(), nil }

// entryOverhead is about what an entry takes beside its data.
const entryOverhead = 16

func (l *logStore) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo <= l.index {
		return nil, raft.ErrCompacted
	}
	if hi > l.last()+1 {
		return nil, raft.ErrUnavailable
	}
	ents := l.entries[lo-l.index-1 : hi-l.index-1]
	size, n := uint64(0), 0
	for n < len(ents) {
		size += uint64(len(ents[n].GetData())) + entryOverhead
		if size > maxSize && n > 0 {
			break
		}
		n++
	}
	return ents[:n:n], nil
}

func (l *logStore) Term(i uint64) (uint64, error) {
	switch {
	case i < l.index:
		return 0, raft.ErrCompacted
	case i == l.index:
		return l.term, nil
	case i > l.last():
		return 0, raft.ErrUnavailable
	}
	return l.entries[i-l.index-1].GetTerm(), nil
}

func (l *logStore) Snapshot() (*raftpb.Snapshot, error) { return l.snapshot(), nil }

// append adds entries, replacing the log from the first one's index on.
func (l *logStore) append(ents []*raftpb.Entry) {
	for len(ents) > 0 && ents[0].GetIndex() <= l.index {
		ents = ents[1:]
	}
	if len(ents) == 0 {
		return
	}
	at := ents[0].GetIndex() - l.index - 1
	switch have := uint64(len(l.entries)); {
	case at > have:
		panic(fmt.Sprintf("append to raft log: entry %d follows %d", ents[0].GetIndex(), l.last()))
	case at < have: // raft may still hold the old tail
		l.entries = append(l.entries[:at:at], ents...)
	default:
		l.entries = append(l.entries, ents...)
	}
}

// compact drops the entries up to index.
func (l *logStore) compact(index uint64) {
	if index <= l.index {
		return
	}
	term, err := l.Term(index)
	if err != nil {
		panic(fmt.Sprintf("compact raft log to %d: it ends at %d", index, l.last()))
	}
	l.entries = l.entries[index-l.index:]
	l.index, l.term = index, term
}

// reset empties the log after a snapshot.
func (l *logStore) reset(index, term uint64) { l.index, l.term, l.entries = index, term, nil }

// after returns a copy of the entries behind index.
func (l *logStore) after(index uint64) []*raftpb.Entry {
	if index >= l.last() || index < l.index {
		return nil
	}
	return slices.Clone(l.entries[index-l.index:])
}
