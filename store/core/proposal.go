package core

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// id names a proposal: the member that made it, that member's start, and a number. The entry that
// carries an id is applied once, however often it was proposed.
type id struct{ member, boot, seq uint64 }

// Entry data: kind, id, request. Numbers are big endian.
const (
	kindPut byte = iota + 1
	kindDelete
	kindTxn
	kindCompact
	headerSize = 1 + 3*8
)

func encodeProposal(i id, req any) ([]byte, error) {
	var kind byte
	switch req.(type) {
	case *etcdserverpb.PutRequest:
		kind = kindPut
	case *etcdserverpb.DeleteRangeRequest:
		kind = kindDelete
	case *etcdserverpb.TxnRequest:
		kind = kindTxn
	case *etcdserverpb.CompactionRequest:
		kind = kindCompact
	default:
		return nil, fmt.Errorf("encode proposal: %T cannot be proposed", req)
	}
	m := req.(proto.Message)
	b := make([]byte, 0, headerSize+proto.Size(m))
	b = append(b, kind)
	b = binary.BigEndian.AppendUint64(b, i.member)
	b = binary.BigEndian.AppendUint64(b, i.boot)
	b = binary.BigEndian.AppendUint64(b, i.seq)
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, m)
}

func decodeID(b []byte) (id, error) {
	if len(b) < headerSize || b[0] < kindPut || b[0] > kindCompact {
		return id{}, fmt.Errorf("decode proposal: %d bytes are not one", len(b))
	}
	return id{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])}, nil
}

func decodeProposal(b []byte) (id, any, error) {
	i, err := decodeID(b)
	if err != nil {
		return i, nil, err
	}
	var m proto.Message
	switch b[0] {
	case kindPut:
		m = &etcdserverpb.PutRequest{}
	case kindDelete:
		m = &etcdserverpb.DeleteRangeRequest{}
	case kindTxn:
		m = &etcdserverpb.TxnRequest{}
	case kindCompact:
		m = &etcdserverpb.CompactionRequest{}
	}
	if err := proto.Unmarshal(b[headerSize:], m); err != nil {
		return i, nil, fmt.Errorf("decode proposal %+v: %w", i, err)
	}
	return i, m, nil
}

// maxPending is how many proposals of one member may be under way. A power of two.
const maxPending = 1024

// slot is the last proposal applied of those with the same number modulo maxPending.
type slot struct{ boot, seq uint64 }

func (s slot) covers(i id) bool { return s.boot > i.boot || s.boot == i.boot && s.seq >= i.seq }

// ledger remembers which proposals were applied: for each member a ring of maxPending slots. A
// member keeps at most one proposal of each slot under way, so none that is still wanted is ever
// mistaken for an applied one.
type ledger struct {
	members []uint64 // as they appeared
	rings   [][]slot
	sum     uint64 // of all slots, for comparing replicas
}

func (l *ledger) slot(i id) *slot {
	for n, m := range l.members {
		if m == i.member {
			return &l.rings[n][i.seq%maxPending]
		}
	}
	l.members = append(l.members, i.member)
	l.rings = append(l.rings, make([]slot, maxPending))
	return &l.rings[len(l.rings)-1][i.seq%maxPending]
}

// slotKey and slotValue are a slot's record in the state.
const slotPrefix = 'd'

func slotKey(member, seq uint64) string {
	var b [11]byte
	b[0] = slotPrefix
	binary.BigEndian.PutUint64(b[1:], member)
	binary.BigEndian.PutUint16(b[9:], uint16(seq%maxPending))
	return string(b[:])
}

func slotValue(s slot) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), s.boot)
	return binary.BigEndian.AppendUint64(b, s.seq)
}

// mark notes i as applied.
func (l *ledger) mark(i id) {
	s := l.slot(i)
	l.sum -= slotSum(i.member, *s)
	*s = slot{i.boot, i.seq}
	l.sum += slotSum(i.member, *s)
}

// slotSum mixes a slot into one number (splitmix64's finalizer).
func slotSum(member uint64, s slot) uint64 {
	if s == (slot{}) {
		return 0
	}
	x := member*0x9e3779b97f4a7c15 + s.boot*0xbf58476d1ce4e5b9 + s.seq
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// load reads a slot's record.
func (l *ledger) load(key string, value []byte) error {
	if len(key) != 11 || len(value) != 16 {
		return fmt.Errorf("load applied proposals: record %q is damaged", key)
	}
	member, n := binary.BigEndian.Uint64([]byte(key[1:9])), binary.BigEndian.Uint16([]byte(key[9:]))
	i := id{member, binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])}
	if i.seq%maxPending != uint64(n) {
		return fmt.Errorf("load applied proposals: record %q is damaged", key)
	}
	l.mark(i)
	return nil
}
