package mvcc

import (
	"github.com/RaduBerinde/btreemap"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// begin starts a transaction; all its writes have one main revision.
func (s *Store) begin() { s.writing, s.sub = s.rev+1, 0 }

// end finishes it. One without writes makes no revision.
func (s *Store) end(b *Batch) {
	if s.sub > 0 {
		s.rev = s.writing
		b.Set(revisionKey, encodeInt(s.rev))
	}
	s.writing, s.sub = 0, 0
}

// Put answers a put request and adds its records to b. Requests must have passed Check.
func (s *Store) Put(r *etcdserverpb.PutRequest, b *Batch) (*etcdserverpb.PutResponse, error) {
	if err := s.checkPut(r); err != nil {
		return nil, err
	}
	s.begin()
	defer s.end(b)
	return s.put(r, b), nil
}

// checkPut refuses what can only be refused by the state.
func (s *Store) checkPut(r *etcdserverpb.PutRequest) error {
	if (r.GetIgnoreValue() || r.GetIgnoreLease()) && s.lookup(r.GetKey(), s.rev) == nil {
		return rpctypes.ErrGRPCKeyNotFound
	}
	return nil
}

func (s *Store) put(r *etcdserverpb.PutRequest, b *Batch) *etcdserverpb.PutResponse {
	resp := &etcdserverpb.PutResponse{Header: &etcdserverpb.ResponseHeader{Revision: s.writing}}
	key := string(r.GetKey())
	next := version{main: s.writing, sub: s.sub, create: s.writing, counter: 1, value: r.GetValue(), lease: r.GetLease()}
	_, h, _ := s.keys.Get(key)
	if h == nil {
		h = &history{}
		s.keys.ReplaceOrInsert(key, h)
	} else if prev := h.at(s.writing); prev != nil {
		next.create, next.counter = prev.create, prev.counter+1
		if r.GetIgnoreValue() {
			next.value = prev.value
		}
		if r.GetIgnoreLease() {
			next.lease = prev.lease
		}
		if r.GetPrevKv() {
			resp.PrevKv = prev.keyValue(key)
		}
	}
	s.add(key, h, next, b)
	return resp
}

// DeleteRange answers a delete request and adds its records to b.
func (s *Store) DeleteRange(r *etcdserverpb.DeleteRangeRequest, b *Batch) *etcdserverpb.DeleteRangeResponse {
	s.begin()
	defer s.end(b)
	return s.deleteRange(r, b)
}

func (s *Store) deleteRange(r *etcdserverpb.DeleteRangeRequest, b *Batch) *etcdserverpb.DeleteRangeResponse {
	resp := &etcdserverpb.DeleteRangeResponse{}
	var keys []string
	s.scan(r.GetKey(), r.GetRangeEnd(), s.writing, func(k string, v *version) bool {
		keys = append(keys, k)
		if r.GetPrevKv() {
			resp.PrevKvs = append(resp.PrevKvs, v.keyValue(k))
		}
		return true
	})
	for _, k := range keys {
		_, h, _ := s.keys.Get(k)
		s.add(k, h, version{main: s.writing, sub: s.sub, deleted: true}, b)
	}
	resp.Deleted = int64(len(keys))
	resp.Header = &etcdserverpb.ResponseHeader{Revision: s.readRevision()}
	return resp
}

// add appends a version to a key's history.
func (s *Store) add(key string, h *history, v version, b *Batch) {
	h.versions = append(h.versions, v)
	s.sub++
	k, val := recordKey(v.main, v.sub), encodeVersion(key, &v)
	s.count(k, val, 1)
	b.Set(k, val)
}

// count adds a version's record to the sums, or with sign -1 takes it away.
func (s *Store) count(key string, value []byte, sign int64) {
	s.size += sign * int64(len(key)+len(value))
	s.sum += uint64(sign) * recordHash(key, value)
}

// Compact forgets every version that is not visible at revision rev or later. ErrGRPCCompacted if
// that was done already, ErrGRPCFutureRev if rev is not reached.
func (s *Store) Compact(rev int64, b *Batch) error {
	if rev <= s.compacted {
		return rpctypes.ErrGRPCCompacted
	}
	if rev > s.rev {
		return rpctypes.ErrGRPCFutureRev
	}
	s.compacted = rev
	b.Set(compactedKey, encodeInt(rev))
	var gone []string
	s.keys.AscendFunc(btreemap.Min[string](), btreemap.Max[string](), func(k string, h *history) bool {
		if s.compactKey(k, h, rev, b) {
			gone = append(gone, k)
		}
		return true
	})
	for _, k := range gone {
		s.keys.Delete(k)
	}
	return nil
}

// compactKey drops old versions of one key and says whether none is left. A deletion at rev itself
// stays, because a watcher may still start there.
func (s *Store) compactKey(key string, h *history, rev int64, b *Batch) bool {
	keep := 0
	for keep+1 < len(h.versions) && h.versions[keep+1].main <= rev {
		keep++
	}
	if v := &h.versions[keep]; v.deleted && v.main < rev {
		keep++
	}
	for i := range h.versions[:keep] {
		v := &h.versions[i]
		k := recordKey(v.main, v.sub)
		s.count(k, encodeVersion(key, v), -1)
		b.Delete(k)
	}
	if keep > 0 { // a new slice, so that what is dropped can be freed
		h.versions = append([]version(nil), h.versions[keep:]...)
	}
	return len(h.versions) == 0
}
