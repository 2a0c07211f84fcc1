package mvcc

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// model is the state machine written as stupidly as possible: it keeps every write and replays them
// all for each question.
type model struct {
	writes    []write
	rev       int64
	compacted int64
}

type write struct {
	rev     int64
	key     string
	value   string
	lease   int64
	deleted bool
}

// at returns all keys at a revision.
func (m *model) at(rev int64) map[string]*mvccpb.KeyValue {
	state := map[string]*mvccpb.KeyValue{}
	for _, w := range m.writes {
		if w.rev > rev {
			continue
		}
		old := state[w.key]
		if w.deleted {
			delete(state, w.key)
			continue
		}
		kv := &mvccpb.KeyValue{Key: []byte(w.key), Value: []byte(w.value), Lease: w.lease, CreateRevision: w.rev, ModRevision: w.rev, Version: 1}
		if old != nil {
			kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
		}
		state[w.key] = kv
	}
	return state
}

func in(key string, from, end []byte) bool {
	switch {
	case len(end) == 0:
		return key == string(from)
	case string(end) == "\x00":
		return key >= string(from)
	}
	return key >= string(from) && key < string(end)
}

func (m *model) selected(rev int64, from, end []byte) (kvs []*mvccpb.KeyValue) {
	state := m.at(rev)
	for _, k := range slices.Sorted(maps.Keys(state)) {
		if in(k, from, end) {
			kvs = append(kvs, state[k])
		}
	}
	return kvs
}

// now is the revision of the latest write, also of a transaction under way.
func (m *model) now() int64 {
	if n := len(m.writes); n > 0 {
		return max(m.rev, m.writes[n-1].rev)
	}
	return m.rev
}

func (m *model) read(r *pb.RangeRequest) (*pb.RangeResponse, error) {
	rev := r.Revision
	if rev > m.rev {
		return nil, rpctypes.ErrGRPCFutureRev
	}
	if rev > 0 && rev < m.compacted {
		return nil, rpctypes.ErrGRPCCompacted
	}
	if rev <= 0 {
		rev = m.now()
	}
	kvs := m.selected(rev, r.Key, r.RangeEnd)
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: m.now()}, Count: int64(len(kvs))}
	if r.CountOnly {
		return resp, nil
	}
	kvs = slices.DeleteFunc(kvs, func(kv *mvccpb.KeyValue) bool {
		return kv.ModRevision < r.MinModRevision || r.MaxModRevision != 0 && kv.ModRevision > r.MaxModRevision ||
			kv.CreateRevision < r.MinCreateRevision || r.MaxCreateRevision != 0 && kv.CreateRevision > r.MaxCreateRevision
	})
	if r.SortOrder == pb.RangeRequest_NONE && r.Limit > 0 && len(kvs) > int(r.Limit) &&
		r.MinModRevision == 0 && r.MaxModRevision == 0 && r.MinCreateRevision == 0 && r.MaxCreateRevision == 0 {
		kvs = kvs[:r.Limit+1] // before it is sorted, as in etcd
	}
	slices.SortStableFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		var c int
		switch r.SortTarget {
		case pb.RangeRequest_KEY:
			c = strings.Compare(string(a.Key), string(b.Key))
		case pb.RangeRequest_VERSION:
			c = cmp.Compare(a.Version, b.Version)
		case pb.RangeRequest_CREATE:
			c = cmp.Compare(a.CreateRevision, b.CreateRevision)
		case pb.RangeRequest_MOD:
			c = cmp.Compare(a.ModRevision, b.ModRevision)
		case pb.RangeRequest_VALUE:
			c = strings.Compare(string(a.Value), string(b.Value))
		}
		if r.SortOrder == pb.RangeRequest_DESCEND {
			c = -c
		}
		return c
	})
	if r.Limit > 0 && len(kvs) > int(r.Limit) {
		kvs, resp.More = kvs[:r.Limit], true
	}
	if r.KeysOnly {
		for _, kv := range kvs {
			kv.Value = nil
		}
	}
	resp.Kvs = kvs
	return resp, nil
}

func (m *model) canPut(r *pb.PutRequest) error {
	if (r.IgnoreValue || r.IgnoreLease) && m.at(m.rev)[string(r.Key)] == nil {
		return rpctypes.ErrGRPCKeyNotFound
	}
	return nil
}

func (m *model) put(r *pb.PutRequest) *pb.PutResponse {
	old := m.at(m.rev + 1)[string(r.Key)]
	w := write{rev: m.rev + 1, key: string(r.Key), value: string(r.Value), lease: r.Lease}
	if r.IgnoreValue {
		w.value = string(old.Value)
	}
	if r.IgnoreLease {
		w.lease = old.Lease
	}
	m.writes = append(m.writes, w)
	resp := &pb.PutResponse{Header: &pb.ResponseHeader{Revision: m.now()}}
	if r.PrevKv {
		resp.PrevKv = old
	}
	return resp
}

func (m *model) del(r *pb.DeleteRangeRequest) *pb.DeleteRangeResponse {
	kvs := m.selected(m.rev+1, r.Key, r.RangeEnd)
	for _, kv := range kvs {
		m.writes = append(m.writes, write{rev: m.rev + 1, key: string(kv.Key), deleted: true})
	}
	resp := &pb.DeleteRangeResponse{Header: &pb.ResponseHeader{Revision: m.now()}, Deleted: int64(len(kvs))}
	if r.PrevKv {
		resp.PrevKvs = kvs
	}
	return resp
}

// txn first decides and checks everything, then writes: before is the state of the decisions.
func (m *model) txn(r *pb.TxnRequest) (*pb.TxnResponse, error) {
	before := m.at(m.rev)
	var check func(r *pb.TxnRequest) error
	check = func(r *pb.TxnRequest) error {
		for _, op := range branch(r, before) {
			var err error
			switch {
			case op.GetRequestRange() != nil:
				rev := op.GetRequestRange().Revision
				if rev > m.rev {
					err = rpctypes.ErrGRPCFutureRev
				} else if rev > 0 && rev < m.compacted {
					err = rpctypes.ErrGRPCCompacted
				}
			case op.GetRequestPut() != nil:
				err = m.canPut(op.GetRequestPut())
			case op.GetRequestTxn() != nil:
				err = check(op.GetRequestTxn())
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := check(r); err != nil {
		return nil, err
	}
	return m.runTxn(r, before), nil
}

func branch(r *pb.TxnRequest, before map[string]*mvccpb.KeyValue) []*pb.RequestOp {
	for _, c := range r.Compare {
		if !modelHolds(c, before) {
			return r.Failure
		}
	}
	return r.Success
}

func (m *model) runTxn(r *pb.TxnRequest, before map[string]*mvccpb.KeyValue) *pb.TxnResponse {
	resp := &pb.TxnResponse{Succeeded: true}
	for _, c := range r.Compare {
		resp.Succeeded = resp.Succeeded && modelHolds(c, before)
	}
	for _, op := range branch(r, before) {
		out := &pb.ResponseOp{}
		switch {
		case op.GetRequestRange() != nil:
			answer, err := m.read(op.GetRequestRange())
			if err != nil {
				panic(err)
			}
			out.Response = &pb.ResponseOp_ResponseRange{ResponseRange: answer}
		case op.GetRequestPut() != nil:
			out.Response = &pb.ResponseOp_ResponsePut{ResponsePut: m.put(op.GetRequestPut())}
		case op.GetRequestDeleteRange() != nil:
			out.Response = &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: m.del(op.GetRequestDeleteRange())}
		case op.GetRequestTxn() != nil:
			out.Response = &pb.ResponseOp_ResponseTxn{ResponseTxn: m.runTxn(op.GetRequestTxn(), before)}
		}
		resp.Responses = append(resp.Responses, out)
	}
	resp.Header = &pb.ResponseHeader{Revision: m.now()}
	return resp
}

func modelHolds(c *pb.Compare, state map[string]*mvccpb.KeyValue) bool {
	var kvs []*mvccpb.KeyValue
	for k, kv := range state {
		if in(k, c.Key, c.RangeEnd) {
			kvs = append(kvs, kv)
		}
	}
	if len(kvs) == 0 {
		if c.Target == pb.Compare_VALUE {
			return false
		}
		kvs = append(kvs, &mvccpb.KeyValue{})
	}
	for _, kv := range kvs {
		var n int
		switch c.Target {
		case pb.Compare_VERSION:
			n = cmp.Compare(kv.Version, c.GetVersion())
		case pb.Compare_CREATE:
			n = cmp.Compare(kv.CreateRevision, c.GetCreateRevision())
		case pb.Compare_MOD:
			n = cmp.Compare(kv.ModRevision, c.GetModRevision())
		case pb.Compare_VALUE:
			n = strings.Compare(string(kv.Value), string(c.GetValue()))
		case pb.Compare_LEASE:
			n = cmp.Compare(kv.Lease, c.GetLease())
		}
		want := map[pb.Compare_CompareResult]bool{
			pb.Compare_EQUAL: n == 0, pb.Compare_NOT_EQUAL: n != 0, pb.Compare_GREATER: n > 0, pb.Compare_LESS: n < 0,
		}
		if !want[c.Result] {
			return false
		}
	}
	return true
}

// end closes the transaction that wrote.
func (m *model) end() { m.rev = m.now() }

// Generators. Few keys, so that things meet.

// TestAgainstModel runs the same requests on the store, on one that is saved and loaded all the time,
// and on the model.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := New(), &model{rev: 1}
		disk := map[string][]byte{}
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			var b Batch
			step(t, s, m, &b)
			m.end()
			for _, c := range b.Changes {
				if c.Value == nil {
					delete(disk, c.Key)
				} else {
					disk[c.Key] = c.Value
				}
			}
			fromDisk, err := Load(maps.All(disk))
			require.NoError(t, err)
			require.Equal(t, s.Hash(), fromDisk.Hash(), "what was written is not what is in memory")
			require.Equal(t, s.Size(), fromDisk.Size())
			fromSnapshot, err := Load(s.Records())
			require.NoError(t, err)
			require.Equal(t, s.Hash(), fromSnapshot.Hash())
			s = rapid.SampledFrom([]*Store{s, fromDisk, fromSnapshot}).Draw(t, "go on with")
		}
	})
}

func step(t *rapid.T, s *Store, m *model, b *Batch) {
	switch k := rapid.IntRange(0, 19).Draw(t, "request"); {
	case k < 5:
		r := genRange(t, m.rev)
		got, err := s.Range(r)
		want, wantErr := m.read(r)
		same(t, r, got, err, want, wantErr)
	case k < 10:
		r := genPut(t)
		got, err := s.Put(r, b)
		wantErr := m.canPut(r)
		var want *pb.PutResponse
		if wantErr == nil {
			want = m.put(r)
		}
		same(t, r, got, err, want, wantErr)
	case k < 13:
		r := genDelete(t)
		same(t, r, s.DeleteRange(r, b), nil, m.del(r), nil)
	case k < 18:
		r := genTxn(t, m.rev, 2)
		if Check(r) != nil {
			return
		}
		got, err := s.Txn(r, b)
		want, wantErr := m.txn(r)
		same(t, r, got, err, want, wantErr)
		if ReadOnly(r) {
			require.Empty(t, b.Changes)
		}
	default:
		rev := rapid.Int64Range(0, m.rev+1).Draw(t, "compact to")
		err := s.Compact(rev, b)
		switch {
		case rev <= m.compacted:
			require.Equal(t, rpctypes.ErrGRPCCompacted, err)
		case rev > m.rev:
			require.Equal(t, rpctypes.ErrGRPCFutureRev, err)
		default:
			require.NoError(t, err)
			m.compacted = rev
		}
	}
	require.Equal(t, m.now(), s.Revision())
}

func same[M proto.Message](t *rapid.T, req proto.Message, got M, err error, want M, wantErr error) {
	require.Equalf(t, wantErr, err, "%T %s", req, prototext.Format(req))
	if err == nil && !proto.Equal(got, want) {
		t.Fatalf("%T %s\nanswers\n%s\nnot\n%s", req, prototext.Format(req), prototext.Format(got), prototext.Format(want))
	}
}

func TestCheck(t *testing.T) {
	k := []byte("k")
	put := func(key string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key)}}}
	}
	del := func(key, end string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)}}}
	}
	txn := func(yes, no []*pb.RequestOp) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: yes, Failure: no}}}
	}
	ops := func(ops ...*pb.RequestOp) []*pb.RequestOp { return ops }
	var many []*pb.RequestOp
	for i := range MaxTxnOps {
		many = append(many, put(fmt.Sprint(i)))
	}
	for _, c := range []struct {
		name string
		req  any
		want error
	}{
		{"range without key", &pb.RangeRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"range with a strange order", &pb.RangeRequest{Key: k, SortOrder: 9}, rpctypes.ErrGRPCInvalidSortOption},
		{"put without key", &pb.PutRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"put with and without value", &pb.PutRequest{Key: k, Value: k, IgnoreValue: true}, rpctypes.ErrGRPCValueProvided},
		{"put with and without lease", &pb.PutRequest{Key: k, Lease: 1, IgnoreLease: true}, rpctypes.ErrGRPCLeaseProvided},
		{"delete without key", &pb.DeleteRangeRequest{}, rpctypes.ErrGRPCEmptyKey},
		{"compare without key", &pb.TxnRequest{Compare: []*pb.Compare{{}}}, rpctypes.ErrGRPCEmptyKey},
		{"empty request", &pb.TxnRequest{Success: ops(&pb.RequestOp{})}, rpctypes.ErrGRPCKeyNotFound},
		{"128 requests", &pb.TxnRequest{Success: many}, nil},
		{"129 requests", &pb.TxnRequest{Success: append(many[:MaxTxnOps:MaxTxnOps], put("k"))}, rpctypes.ErrGRPCTooManyOps},
		{"129 nested", &pb.TxnRequest{Success: ops(txn(many, nil))}, rpctypes.ErrGRPCTooManyOps},
		{"one key twice", &pb.TxnRequest{Success: ops(put("k"), put("k"))}, rpctypes.ErrGRPCDuplicateKey},
		{"one key in both branches", &pb.TxnRequest{Success: ops(put("k")), Failure: ops(put("k"))}, nil},
		{"put and delete", &pb.TxnRequest{Success: ops(put("k"), del("a", "z"))}, rpctypes.ErrGRPCDuplicateKey},
		{"put and delete from a key on", &pb.TxnRequest{Success: ops(put("k"), del("a", "\x00"))}, rpctypes.ErrGRPCDuplicateKey},
		{"put beside a delete", &pb.TxnRequest{Success: ops(put("k"), del("a", "k"))}, nil},
		{"deletes that overlap", &pb.TxnRequest{Success: ops(del("a", "k"), del("a", "z"))}, nil},
		{"nested branches that share a key", &pb.TxnRequest{Success: ops(txn(ops(put("k")), ops(put("k"))))}, nil},
		{"nested and outer", &pb.TxnRequest{Success: ops(txn(ops(put("k")), nil), put("k"))}, rpctypes.ErrGRPCDuplicateKey},
		{"nested delete and outer put", &pb.TxnRequest{Success: ops(txn(nil, ops(del("k", ""))), put("k"))}, rpctypes.ErrGRPCDuplicateKey},
		{"two nested", &pb.TxnRequest{Success: ops(txn(ops(put("k")), nil), txn(nil, ops(put("k"))))}, rpctypes.ErrGRPCDuplicateKey},
		{"nested put, then nested delete", &pb.TxnRequest{Success: ops(txn(ops(put("k")), nil), txn(nil, ops(del("k", ""))))}, rpctypes.ErrGRPCDuplicateKey},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Check(c.req)) })
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(recordKey(3, 1), encodeVersion("k", &version{create: 2, counter: 2, lease: 7, value: []byte("v")}))
	f.Add(recordKey(3, 1), encodeVersion("k", &version{deleted: true}))
	f.Fuzz(func(t *testing.T, key string, rec []byte) {
		k, v, err := decodeVersion(key, rec)
		if err != nil {
			return
		}
		k2, v2, err := decodeVersion(recordKey(v.main, v.sub), encodeVersion(k, &v))
		require.NoError(t, err)
		require.Equal(t, k, k2)
		require.Equal(t, v, v2)
	})
}
