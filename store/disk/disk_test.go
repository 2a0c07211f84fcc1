package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/mvcc"
)

func TestMain(m *testing.M) {
	// pebble v2.1.7 leaves its disk watcher behind when Open fails; a process that cannot open its
	// database ends.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

// generator makes a stream of records as a core could.
type generator struct {
	t           *rapid.T
	term        uint64
	start, last uint64
	n           int
	all         *core.Durable // what the records so far make
}

func (g *generator) next() *core.Record {
	g.n++
	r := &core.Record{}
	if g.n == 1 {
		g.start, g.last, g.term = 1, 1, 1
		return &core.Record{Member: 3, Cluster: 4, Boot: 1, Replace: true, Changes: g.changes(), LogIndex: 1, LogTerm: 1, HardState: g.hardState()}
	}
	switch rapid.IntRange(0, 9).Draw(g.t, "kind") {
	case 0:
		r.Boot = uint64(g.n)
	case 1: // a snapshot
		g.last += uint64(rapid.IntRange(1, 9).Draw(g.t, "ahead"))
		g.start = g.last
		r.Replace, r.Changes, r.LogIndex, r.LogTerm, r.HardState = true, g.changes(), g.last, g.term, g.hardState()
	case 2:
		if g.last > g.start {
			g.start = rapid.Uint64Range(g.start+1, g.last).Draw(g.t, "cut")
			r.LogIndex, r.LogTerm = g.start, g.all.Entries[g.start-g.all.LogIndex-1].GetTerm()
		}
	case 3, 4, 5:
		r.Changes = g.changes()
	default: // entries, perhaps over a tail
		first := rapid.Uint64Range(g.start+1, g.last+1).Draw(g.t, "first")
		g.term++
		for i := range uint64(rapid.IntRange(1, 4).Draw(g.t, "entries")) {
			r.Entries = append(r.Entries, &raftpb.Entry{Index: proto.Uint64(first + i), Term: proto.Uint64(g.term), Data: []byte(fmt.Sprint(g.n))})
			g.last = first + i
		}
		r.HardState = g.hardState()
	}
	return r
}

func (g *generator) hardState() *raftpb.HardState {
	return &raftpb.HardState{Term: proto.Uint64(g.term), Vote: proto.Uint64(uint64(g.n)), Commit: proto.Uint64(g.start)}
}

func (g *generator) changes() []mvcc.Change {
	var all []mvcc.Change
	for range rapid.IntRange(1, 3).Draw(g.t, "changes") {
		c := mvcc.Change{Key: rapid.SampledFrom([]string{"v1", "v2", "m", "r\xff"}).Draw(g.t, "key")}
		if !rapid.Bool().Draw(g.t, "delete") {
			c.Value = []byte(fmt.Sprint(g.n))
		}
		all = append(all, c)
	}
	return all
}

func equal(t require.TestingT, want, got *core.Durable) {
	require.Equal(t, want.Member, got.Member)
	require.Equal(t, want.Boot, got.Boot)
	require.Equal(t, want.LogIndex, got.LogIndex)
	require.Equal(t, want.LogTerm, got.LogTerm)
	require.Truef(t, proto.Equal(want.HardState, got.HardState), "hard state %v, not %v", got.HardState, want.HardState)
	require.Len(t, got.Entries, len(want.Entries))
	for i := range want.Entries {
		require.True(t, proto.Equal(want.Entries[i], got.Entries[i]))
	}
	if len(want.State)+len(got.State) > 0 {
		require.Equal(t, want.State, got.State)
	}
}

// TestCrash writes a stream, pulls the plug, and expects the folded prefix up to the last sync.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		d, err := Open("db", Options{FS: fs})
		require.NoError(t, err)
		synced, all := &core.Durable{}, &core.Durable{}
		g := &generator{t: t, all: all}
		for range rapid.IntRange(1, 5).Draw(t, "lives") {
			for range rapid.IntRange(0, 10).Draw(t, "writes") {
				var batch []*core.Record
				for range rapid.IntRange(1, 3).Draw(t, "records") {
					r := g.next()
					batch = append(batch, r)
					all.Apply(r)
				}
				sync := rapid.Bool().Draw(t, "sync")
				require.NoError(t, d.Write(batch, sync))
				if sync {
					synced = all.Clone()
				}
			}
			if rapid.Bool().Draw(t, "crash") {
				fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
				_ = d.Close() // the old file system is gone
				if synced.Boot == 0 {
					return // nothing is left, as of a member that never started
				}
				*all = *synced.Clone()
				g.start, g.last = all.LogIndex, all.LogIndex+uint64(len(all.Entries))
			} else {
				require.NoError(t, d.Close()) // writes what is left
				synced = all.Clone()
			}
			d, err = Open("db", Options{FS: fs})
			require.NoError(t, err)
			got, err := d.Load()
			require.NoError(t, err)
			if synced.Boot == 0 {
				require.Zero(t, got.Boot)
			} else {
				equal(t, all, got)
			}
		}
		require.NoError(t, d.Close())
	})
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, Options{})
	require.NoError(t, err)
	first := &core.Record{Member: 3, Cluster: 4, Boot: 1, LogIndex: 1, LogTerm: 1, HardState: &raftpb.HardState{}}
	for i := range 50 {
		first.Changes = append(first.Changes, mvcc.Change{Key: fmt.Sprint("v", i), Value: make([]byte, 1000)})
	}
	require.NoError(t, d.Write([]*core.Record{first}, true))
	require.NoError(t, d.db.Flush())
	require.NoError(t, d.Close())

	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	b, err := os.ReadFile(tables[0])
	require.NoError(t, err)
	b[200] ^= 0x40
	require.NoError(t, os.WriteFile(tables[0], b, 0o600))

	d, err = Open(dir, Options{})
	if err == nil {
		_, err = d.Load()
		_ = d.Close()
	}
	require.Error(t, err, "a flipped bit must not go unnoticed")
}

func TestStrangeRecord(t *testing.T) {
	d, err := Open("db", Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	require.NoError(t, d.db.Set([]byte("zz"), []byte("?"), nil))
	_, err = d.Load()
	require.ErrorContains(t, err, "damaged or unknown")
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	_, err = Open(dir, Options{})
	require.ErrorContains(t, err, "open database")
}

// TestDiskFails: a write or sync that fails is an error, not a loss.
func TestDiskFails(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWrite},
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
	} {
		t.Run(name, func(t *testing.T) {
			broken := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
				if slices.Contains(kinds, op.Kind) {
					return syscall.ENOSPC
				}
				return nil
			})}
			d, err := Open("db", Options{FS: errorfs.Wrap(vfs.NewMem(), &broken)})
			require.NoError(t, err)
			first := &core.Record{Member: 3, Cluster: 4, Boot: 1, LogIndex: 1, LogTerm: 1, HardState: &raftpb.HardState{}}
			require.NoError(t, d.Write([]*core.Record{first}, true))
			broken.On()
			err = d.Write([]*core.Record{{Boot: 2}}, true)
			broken.Off()
			require.ErrorContains(t, err, "no space left on device")
			_ = d.Close()
		})
	}
}
