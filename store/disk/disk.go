// Package disk makes a member's records durable in one pebble database.
//
// Keys: "id" whose data it is, "boot", "hard" raft's hard state, "log" the position before the
// first log entry, l<index> log entries, s<key> the state. Numbers are big endian. One record is one
// batch, so that it is on disk as a whole or not at all, and pebble's log keeps them in order.
package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/store/core"
)

// Options of a Disk. The zero value is for a real directory.
type Options struct {
	FS vfs.FS // nil: the operating system's
	// Logger hears of pebble's errors; Fatalf must not return. A write or sync that failed is fatal,
	// since nobody knows what a disk holds after it. nil: errors panic, the rest is dropped.
	Logger pebble.Logger
}

// Disk is an open database. Write and Load must not be called concurrently.
type Disk struct {
	db *pebble.DB
	// last is the index of the last log entry.
	last   uint64
	loaded atomic.Bool
}

var (
	idKey    = []byte("id")
	bootKey  = []byte("boot")
	hardKey  = []byte("hard")
	startKey = []byte("log")
	// State keys are between statePrefix and stateEnd.
	statePrefix, stateEnd = []byte("s"), []byte("t")
)

const (
	entryPrefix = 'l'
	// Memory is bounded so that an idle member stays small: two memtables and the block cache.
	memtableBytes = 4 << 20
	cacheBytes    = 8 << 20
)

// Open opens the database in dir or makes it. Only one process can have it open.
func Open(dir string, o Options) (*Disk, error) {
	if o.Logger == nil {
		o.Logger = panics{}
	}
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	d := &Disk{}
	// A damaged file is an error of Load, but the end of a member that runs: its writes would stall.
	damage := func(i pebble.DataCorruptionInfo) {
		if d.loaded.Load() {
			o.Logger.Fatalf("%s is damaged: %v", i.Path, i.Details)
		}
	}
	var err error
	d.db, err = pebble.Open(dir, &pebble.Options{
		EventListener: &pebble.EventListener{DataCorruption: damage},
		FS:            o.FS, Logger: o.Logger, Cache: cache, MemTableSize: memtableBytes, MemTableStopWritesThreshold: 4,
		MaxOpenFiles: 128, FormatMajorVersion: pebble.FormatNewest,
	})
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fmt.Errorf("open database %s: another process has it open", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", dir, err)
	}
	return d, nil
}

// Close flushes and closes the database.
func (d *Disk) Close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

// Size returns the bytes of the database's files.
func (d *Disk) Size() int64 { return int64(d.db.Metrics().DiskSpaceUsage()) }

// Write adds records to the stream. With sync, they and all before them are durable when it returns.
// After an error the Disk is of no use.
func (d *Disk) Write(records []*core.Record, sync bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // pebble panics, or its Fatalf does, when a write fails
			err = fmt.Errorf("write record: %v", r)
		}
	}()
	for i, r := range records {
		o := pebble.NoSync
		if sync && i == len(records)-1 {
			o = pebble.Sync
		}
		if err := d.write(r, o); err != nil {
			return fmt.Errorf("write record: %w", err)
		}
	}
	return nil
}

func (d *Disk) write(r *core.Record, o *pebble.WriteOptions) error {
	b := d.db.NewBatch()
	defer func() { _ = b.Close() }()
	if err := d.fill(b, r); err != nil {
		return err
	}
	if b.Empty() { // it still must sync what was before
		if err := b.LogData(nil, nil); err != nil {
			return err
		}
	}
	return b.Commit(o)
}

// fill adds a record's parts to b in the order in which core.Durable folds them.
func (d *Disk) fill(b *pebble.Batch, r *core.Record) error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	if r.Member != 0 {
		note(b.Set(idKey, pair(r.Member, r.Cluster), nil))
	}
	if r.Boot != 0 {
		note(b.Set(bootKey, binary.BigEndian.AppendUint64(nil, r.Boot), nil))
	}
	if r.Replace {
		note(b.DeleteRange(statePrefix, stateEnd, nil))
		note(b.DeleteRange(entryKey(0), entryKey(d.last+1), nil))
		d.last = 0
	}
	for _, c := range r.Changes {
		key := append(append(make([]byte, 0, 1+len(c.Key)), statePrefix...), c.Key...)
		if c.Value == nil {
			note(b.Delete(key, nil))
		} else {
			note(b.Set(key, c.Value, nil))
		}
	}
	if r.LogIndex != 0 {
		note(b.DeleteRange(entryKey(0), entryKey(r.LogIndex+1), nil))
		note(b.Set(startKey, pair(r.LogIndex, r.LogTerm), nil))
		d.last = max(d.last, r.LogIndex)
	}
	note(d.fillEntries(b, r.Entries))
	if r.HardState != nil {
		v, err := proto.Marshal(r.HardState)
		note(err)
		note(b.Set(hardKey, v, nil))
	}
	return errors.Join(errs...)
}

func (d *Disk) fillEntries(b *pebble.Batch, entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		v, err := proto.Marshal(e)
		if err != nil {
			return err
		}
		if err := b.Set(entryKey(e.GetIndex()), v, nil); err != nil {
			return err
		}
	}
	last := entries[len(entries)-1].GetIndex()
	if d.last > last { // the rest of the old tail conflicts
		if err := b.DeleteRange(entryKey(last+1), entryKey(d.last+1), nil); err != nil {
			return err
		}
	}
	d.last = last
	return nil
}

func entryKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{entryPrefix}, index)
}

func pair(a, b uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a), b)
}

// Load reads everything back. It is an error if something is damaged or does not belong there.
func (d *Disk) Load() (*core.Durable, error) {
	it, err := d.db.NewIter(nil)
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	defer func() { _ = it.Close() }()
	out := &core.Durable{State: map[string][]byte{}}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = load(out, it.Key(), append([]byte{}, value...))
		}
		if err != nil {
			return nil, fmt.Errorf("recover: record %q: %w", it.Key(), err)
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	d.last = out.LogIndex + uint64(len(out.Entries))
	d.loaded.Store(true)
	return out, out.Check()
}

var errDamaged = errors.New("it is damaged or unknown")

func load(d *core.Durable, key, value []byte) error {
	name := string(key)
	switch {
	case name == string(idKey) && len(value) == 16:
		d.Member, d.Cluster = binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])
	case name == string(bootKey) && len(value) == 8:
		d.Boot = binary.BigEndian.Uint64(value)
	case name == string(hardKey):
		d.HardState = &raftpb.HardState{}
		return proto.Unmarshal(value, d.HardState)
	case name == string(startKey) && len(value) == 16:
		d.LogIndex, d.LogTerm = binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])
	case key[0] == entryPrefix && len(key) == 9:
		e := &raftpb.Entry{}
		if err := proto.Unmarshal(value, e); err != nil {
			return err
		}
		if e.GetIndex() != binary.BigEndian.Uint64(key[1:]) {
			return fmt.Errorf("it holds log entry %d", e.GetIndex())
		}
		d.Entries = append(d.Entries, e)
	case key[0] == statePrefix[0] && len(key) > 1:
		d.State[name[1:]] = value
	default:
		return errDamaged
	}
	return nil
}

// panics is the logger that is used if none is given.
type panics struct{}

func (panics) Infof(string, ...any)              {}
func (panics) Errorf(string, ...any)             {}
func (panics) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
