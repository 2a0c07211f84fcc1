package core

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/store/internal/bug"
	"github.com/faultline-chaos/faultline/store/mvcc"
)

// state is what replication keeps equal: keys, applied proposals, configuration, and the index of
// the last entry in it.
type state struct {
	kv          *mvcc.Store
	done        ledger
	conf        *raftpb.ConfState
	index, term uint64
}

const (
	appliedKey = "r/applied"
	confKey    = "r/conf"
)

func newState(voters []uint64) *state {
	return &state{kv: mvcc.New(), conf: &raftpb.ConfState{Voters: voters, AutoLeave: new(bool)}, index: 1, term: 1}
}

func (s *state) appliedValue() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), s.index)
	return binary.BigEndian.AppendUint64(b, s.term)
}

func (s *state) confValue() []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.conf)
	if err != nil {
		panic(fmt.Sprintf("encode configuration: %v", err)) // numbers and a flag always encode
	}
	return b
}

// records returns all of the state, equal for equal states.
func (s *state) records() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if !yield(appliedKey, s.appliedValue()) || !yield(confKey, s.confValue()) {
			return
		}
		members := slices.Sorted(slices.Values(s.done.members))
		for _, m := range members {
			ring := s.done.rings[slices.Index(s.done.members, m)]
			for _, sl := range ring {
				if sl != (slot{}) && !yield(slotKey(m, sl.seq), slotValue(sl)) {
					return
				}
			}
		}
		s.kv.Records()(yield)
	}
}

// changes returns all of the state as changes to an empty one.
func (s *state) changes() []mvcc.Change {
	var all []mvcc.Change
	for k, v := range s.records() {
		all = append(all, mvcc.Change{Key: k, Value: v})
	}
	return all
}

// loadState is the inverse of records, whose order does not matter.
func loadState(records iter.Seq2[string, []byte]) (*state, error) {
	s := &state{}
	var err error
	s.kv, err = mvcc.Load(func(yield func(string, []byte) bool) {
		for k, v := range records {
			if mvcc.Owns(k) {
				if !yield(k, v) {
					return
				}
			} else if e := s.load(k, v); e != nil && err == nil {
				err = e
			}
		}
	})
	if err == nil && (s.conf == nil || s.index == 0) {
		err = fmt.Errorf("load state: the applied index or the configuration is missing")
	}
	return s, err
}

func (s *state) load(key string, value []byte) error {
	switch {
	case key == appliedKey && len(value) == 16:
		s.index, s.term = binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])
	case key == confKey:
		s.conf = &raftpb.ConfState{}
		if err := proto.Unmarshal(value, s.conf); err != nil {
			return fmt.Errorf("load state: record %q: %w", key, err)
		}
		s.conf = raftpb.EnsureConfState(s.conf)
	case key != "" && key[0] == slotPrefix:
		return s.done.load(key, value)
	default:
		return fmt.Errorf("load state: record %q is unknown or damaged", key)
	}
	return nil
}

// hash compares replicas.
func (s *state) hash() uint64 { return s.kv.Hash() + s.done.sum }

// A snapshot is snapshotMagic, the records, each with its key's and value's length before it, and
// a checksum of it all.
const snapshotMagic = "raftkv1\n"

func (c *Core) encodeSnapshot() []byte {
	b := []byte(snapshotMagic)
	skip := c.bug(bug.SnapshotMissingKey)
	for k, v := range c.state.records() {
		if skip && k[0] == 'v' {
			skip = false
			continue
		}
		if c.bug(bug.SnapshotDropsDedupe) && k[0] == slotPrefix {
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(k)))
		b = append(b, k...)
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return binary.BigEndian.AppendUint64(b, xxhash.Sum64(b))
}

// checkSnapshot says whether b is a whole snapshot.
func checkSnapshot(b []byte) error {
	if len(b) < len(snapshotMagic)+8 || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return fmt.Errorf("decode snapshot: %d bytes are not one", len(b))
	}
	end := len(b) - 8
	if xxhash.Sum64(b[:end]) != binary.BigEndian.Uint64(b[end:]) {
		return fmt.Errorf("decode snapshot: its checksum is wrong")
	}
	return nil
}

// decodeSnapshot is the inverse of encodeSnapshot. The state shares b's bytes.
func decodeSnapshot(b []byte) (*state, error) {
	if err := checkSnapshot(b); err != nil {
		return nil, err
	}
	b = b[len(snapshotMagic) : len(b)-8]
	bad := false
	next := func() []byte {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			bad, b = true, nil
			return nil
		}
		part := b[used : used+int(n) : used+int(n)]
		b = b[used+int(n):]
		return part
	}
	s, err := loadState(func(yield func(string, []byte) bool) {
		for len(b) > 0 {
			k, v := next(), next()
			if bad || !yield(string(k), v) {
				return
			}
		}
	})
	if bad {
		return nil, fmt.Errorf("decode snapshot: a record is cut short")
	}
	return s, err
}
