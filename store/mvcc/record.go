package mvcc

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"

	"github.com/RaduBerinde/btreemap"
	"github.com/cespare/xxhash/v2"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Records of the state on disk and in snapshots:
//
//	v<main, 8 bytes><sub, 8 bytes>  one version: flags, create, counter, lease, key, value
//	m/rev, m/compacted              8 bytes
//
// Numbers in keys are big endian, so that records sort by revision.
const (
	versionPrefix = 'v'
	revisionKey   = "m/rev"
	compactedKey  = "m/compacted"
)

// Change is one record written, or with a nil Value deleted. Its bytes must not be changed.
type Change struct {
	Key   string
	Value []byte
}

// Batch gathers the changes of the requests that are applied together.
type Batch struct{ Changes []Change }

// Set adds a written record.
func (b *Batch) Set(key string, value []byte) {
	if b.Changes == nil {
		b.Changes = make([]Change, 0, 4) // what one put and its bookkeeping take
	}
	b.Changes = append(b.Changes, Change{key, value})
}

// Delete adds a deleted record.
func (b *Batch) Delete(key string) { b.Changes = append(b.Changes, Change{Key: key}) }

// Owns says whether a record belongs to this package, by its key.
func Owns(key string) bool {
	return len(key) > 0 && key[0] == versionPrefix || key == revisionKey || key == compactedKey
}

func recordKey(main, sub int64) string {
	var b [17]byte
	b[0] = versionPrefix
	binary.BigEndian.PutUint64(b[1:], uint64(main))
	binary.BigEndian.PutUint64(b[9:], uint64(sub))
	return string(b[:])
}

func encodeInt(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func encodeVersion(key string, v *version) []byte {
	b := make([]byte, 0, 1+4*binary.MaxVarintLen32+len(key)+len(v.value))
	if v.deleted {
		b = append(b, 1)
	} else {
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(v.create))
		b = binary.AppendUvarint(b, uint64(v.counter))
		b = binary.AppendUvarint(b, uint64(v.lease))
	}
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	return append(b, v.value...)
}

var errRecord = errors.New("damaged record")

// decodeVersion is the inverse of recordKey and encodeVersion. The value shares rec's bytes.
func decodeVersion(recKey string, rec []byte) (key string, v version, err error) {
	if len(recKey) != 17 || recKey[0] != versionPrefix || len(rec) == 0 || rec[0] > 1 {
		return "", v, errRecord
	}
	v.main = int64(binary.BigEndian.Uint64([]byte(recKey[1:9])))
	v.sub = int64(binary.BigEndian.Uint64([]byte(recKey[9:])))
	v.deleted = rec[0] == 1
	rec = rec[1:]
	number := func() int64 {
		n, used := binary.Uvarint(rec)
		if used <= 0 {
			err = errRecord
			return 0
		}
		rec = rec[used:]
		return int64(n)
	}
	if !v.deleted {
		v.create, v.counter, v.lease = number(), number(), number()
	}
	size := number()
	if err != nil || size <= 0 || size > int64(len(rec)) || v.deleted && size != int64(len(rec)) {
		return "", v, errRecord
	}
	if !v.deleted {
		v.value = rec[size:len(rec):len(rec)]
	}
	return string(rec[:size]), v, nil
}

func recordHash(key string, value []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(key)
	_, _ = d.Write(value)
	return d.Sum64()
}

// Load makes the store that wrote the records, given in any order. Records that it does not own are
// an error, as are damaged ones.
func Load(records iter.Seq2[string, []byte]) (*Store, error) {
	s := New()
	type loaded struct {
		key string
		v   version
	}
	var versions []loaded
	for k, rec := range records {
		switch {
		case k == revisionKey && len(rec) == 8:
			s.rev = int64(binary.BigEndian.Uint64(rec))
		case k == compactedKey && len(rec) == 8:
			s.compacted = int64(binary.BigEndian.Uint64(rec))
		default:
			key, v, err := decodeVersion(k, rec)
			if err != nil {
				return nil, fmt.Errorf("load state: record %q: %w", k, err)
			}
			s.count(k, rec, 1)
			versions = append(versions, loaded{key, v})
		}
	}
	slices.SortFunc(versions, func(a, b loaded) int {
		return cmp.Or(cmp.Compare(a.v.main, b.v.main), cmp.Compare(a.v.sub, b.v.sub))
	})
	for _, l := range versions {
		_, h, ok := s.keys.Get(l.key)
		if !ok {
			h = &history{}
			s.keys.ReplaceOrInsert(l.key, h)
		}
		h.versions = append(h.versions, l.v)
	}
	return s, nil
}

// Records returns all records of the state, in an order that depends on the state alone.
func (s *Store) Records() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if !yield(revisionKey, encodeInt(s.rev)) || s.compacted > 0 && !yield(compactedKey, encodeInt(s.compacted)) {
			return
		}
		for k, h := range s.keys.Ascend(btreemap.Min[string](), btreemap.Max[string]()) {
			for i := range h.versions {
				v := &h.versions[i]
				if !yield(recordKey(v.main, v.sub), encodeVersion(k, v)) {
					return
				}
			}
		}
	}
}

// Hash returns a number that is equal for equal states. It costs nothing, since every change keeps
// it up to date.
func (s *Store) Hash() uint64 {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], s.sum)
	binary.BigEndian.PutUint64(b[8:], uint64(s.rev))
	binary.BigEndian.PutUint64(b[16:], uint64(s.compacted))
	return xxhash.Sum64(b[:])
}

// HashAt returns the CRC-32C of the versions up to revision rev, 0 for the latest, that a
// compaction leaves; at is the revision that was hashed. Errors as for reads.
func (s *Store) HashAt(rev int64) (hash uint32, at int64, err error) {
	switch {
	case rev > s.rev:
		return 0, s.rev, rpctypes.ErrGRPCFutureRev
	case rev > 0 && rev < s.compacted:
		return 0, s.rev, rpctypes.ErrGRPCCompacted
	case rev == 0:
		rev = s.rev
	}
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for k, h := range s.keys.Ascend(btreemap.Min[string](), btreemap.Max[string]()) {
		for i := range h.versions {
			if v := &h.versions[i]; v.main <= rev {
				_, _ = crc.Write([]byte(recordKey(v.main, v.sub)))
				_, _ = crc.Write(encodeVersion(k, v))
			}
		}
	}
	return crc.Sum32(), rev, nil
}
