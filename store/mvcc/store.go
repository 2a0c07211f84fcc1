package mvcc

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RaduBerinde/btreemap"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// degree of the index tree: wide enough to keep it flat, small enough to insert cheaply.
const degree = 16

// Store holds all keys and their history since the last compaction.
type Store struct {
	keys *btreemap.BTreeMap[string, *history]
	// rev is the main revision of the last write.
	rev int64
	// compacted is the revision of the last compaction; revisions below it cannot be read.
	compacted int64
	// writing is the main revision of the transaction that is running, sub the number of its writes.
	writing, sub int64
	// sum adds up the hashes of all version records, so that it can follow single changes.
	sum  uint64
	size int64
}

// history is all retained versions of one key, oldest first, at least one.
type history struct{ versions []version }

// version is one write to a key.
type version struct {
	main, sub              int64
	create, counter, lease int64
	value                  []byte
	deleted                bool
}

// New returns an empty store, at revision 1.
func New() *Store {
	return &Store{keys: btreemap.New[string, *history](degree, strings.Compare), rev: 1}
}

// Revision returns the main revision of the last write.
func (s *Store) Revision() int64 { return s.rev }

// CompactRevision returns the revision of the last compaction, 0 if there was none.
func (s *Store) CompactRevision() int64 { return s.compacted }

// Size returns the bytes that the retained records take.
func (s *Store) Size() int64 { return s.size }

// at returns the version that is visible at revision rev, nil if there is none or it is a deletion.
func (h *history) at(rev int64) *version {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if v := &h.versions[i]; v.main <= rev {
			if v.deleted {
				return nil
			}
			return v
		}
	}
	return nil
}

// lookup returns the version of key that is visible at rev.
func (s *Store) lookup(key []byte, rev int64) *version {
	if _, h, ok := s.keys.Get(string(key)); ok {
		return h.at(rev)
	}
	return nil
}

// scan calls fn for the keys from key up to, without, end that are visible at rev, in order, until
// fn says stop. An empty end means the one key; "\0" means no upper bound.
func (s *Store) scan(key, end []byte, rev int64, fn func(key string, v *version) bool) {
	if len(end) == 0 {
		if v := s.lookup(key, rev); v != nil {
			fn(string(key), v)
		}
		return
	}
	upper := btreemap.Max[string]()
	if !isFromKey(end) {
		if string(end) <= string(key) {
			return
		}
		upper = btreemap.LT(string(end))
	}
	s.keys.AscendFunc(btreemap.GE(string(key)), upper, func(k string, h *history) bool {
		if v := h.at(rev); v != nil {
			return fn(k, v)
		}
		return true
	})
}

func isFromKey(end []byte) bool { return len(end) == 1 && end[0] == 0 }

func (v *version) keyValue(key string) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key: []byte(key), Value: v.value, CreateRevision: v.create, ModRevision: v.main,
		Version: v.counter, Lease: v.lease,
	}
}

// readRevision returns the revision that a read of the latest state sees: inside a transaction, its
// own writes too.
func (s *Store) readRevision() int64 {
	if s.sub > 0 {
		return s.writing
	}
	return s.rev
}

// checkRevision says whether a read may ask for rev.
func (s *Store) checkRevision(rev int64) error {
	switch {
	case rev > s.rev:
		return rpctypes.ErrGRPCFutureRev
	case rev > 0 && rev < s.compacted:
		return rpctypes.ErrGRPCCompacted
	}
	return nil
}

// Range answers a range request. The header of the answer has the revision only. Errors are etcd's.
func (s *Store) Range(r *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	if err := s.checkRevision(r.GetRevision()); err != nil {
		return nil, err
	}
	current := s.readRevision()
	rev := r.GetRevision()
	if rev <= 0 {
		rev = current
	}
	resp := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{Revision: current}}
	limit := r.GetLimit()
	if r.GetSortOrder() != etcdserverpb.RangeRequest_NONE || filters(r) {
		limit = 0 // what is first, or left over, is known only in the end
	}
	s.scan(r.GetKey(), r.GetRangeEnd(), rev, func(k string, v *version) bool {
		resp.Count++
		if !r.GetCountOnly() && (limit <= 0 || resp.Count <= limit+1) && passes(r, v) {
			resp.Kvs = append(resp.Kvs, v.keyValue(k))
		}
		return true
	})
	if sorts(r) {
		sortKVs(resp.Kvs, r.GetSortOrder(), r.GetSortTarget())
	}
	if r.GetLimit() > 0 && int64(len(resp.Kvs)) > r.GetLimit() {
		resp.Kvs, resp.More = resp.Kvs[:r.GetLimit()], true
	}
	if r.GetKeysOnly() {
		for _, kv := range resp.Kvs {
			kv.Value = nil
		}
	}
	return resp, nil
}

// sorts says whether the answer is not in the order of keys. A target without an order sorts, in
// ascending order, but what the limit left: so does etcd.
func sorts(r *etcdserverpb.RangeRequest) bool {
	return r.GetSortOrder() != etcdserverpb.RangeRequest_NONE || r.GetSortTarget() != etcdserverpb.RangeRequest_KEY
}

func filters(r *etcdserverpb.RangeRequest) bool {
	return r.GetMinModRevision() != 0 || r.GetMaxModRevision() != 0 ||
		r.GetMinCreateRevision() != 0 || r.GetMaxCreateRevision() != 0
}

func passes(r *etcdserverpb.RangeRequest, v *version) bool {
	return v.main >= r.GetMinModRevision() && (r.GetMaxModRevision() == 0 || v.main <= r.GetMaxModRevision()) &&
		v.create >= r.GetMinCreateRevision() && (r.GetMaxCreateRevision() == 0 || v.create <= r.GetMaxCreateRevision())
}

// sortKVs sorts what came in the order of keys; equal elements stay in that order.
func sortKVs(kvs []*mvccpb.KeyValue, order etcdserverpb.RangeRequest_SortOrder, target etcdserverpb.RangeRequest_SortTarget) {
	less := func(a, b *mvccpb.KeyValue) int {
		switch target {
		case etcdserverpb.RangeRequest_VERSION:
			return cmp.Compare(a.Version, b.Version)
		case etcdserverpb.RangeRequest_CREATE:
			return cmp.Compare(a.CreateRevision, b.CreateRevision)
		case etcdserverpb.RangeRequest_MOD:
			return cmp.Compare(a.ModRevision, b.ModRevision)
		case etcdserverpb.RangeRequest_VALUE:
			return strings.Compare(string(a.Value), string(b.Value))
		default:
			return strings.Compare(string(a.Key), string(b.Key))
		}
	}
	slices.SortStableFunc(kvs, func(a, b *mvccpb.KeyValue) int {
		if order == etcdserverpb.RangeRequest_DESCEND {
			return less(b, a)
		}
		return less(a, b)
	})
}
