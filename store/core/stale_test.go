package core

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
)

// quietScript is a script of three members of which 1 leads and k was put once, at revision 2.
func quietScript(t *testing.T, bug string) *script {
	s := &script{t: t, quiet: true, bug: bug}
	s.create(3, 0, 0)
	s.settle()
	for range 11 {
		s.input(1, (*Core).Tick)
	}
	s.settle()
	s.put(1, "1")
	s.settle()
	require.EqualValues(t, 2, s.members[0].core.Status().Revision)
	return s
}

func (s *script) put(id uint64, value string) {
	s.input(id, func(c *Core) { c.Submit(100, &pb.PutRequest{Key: []byte("k"), Value: []byte(value)}) })
}

// read submits a linearizable read of k and returns the revision that it is answered at once, 0 if it
// is not.
func (s *script) read(id uint64) (revision int64) {
	s.replied = func(e Effect) {
		if r, ok := e.Response.(*pb.RangeResponse); ok && e.Call == 200 {
			revision = r.Kvs[0].ModRevision
		}
	}
	s.input(id, func(c *Core) { c.Submit(200, &pb.RangeRequest{Key: []byte("k")}) })
	return revision
}

// readAfterPause lets a leader sleep through its successor's first write and returns what it answers
// when it wakes.
func readAfterPause(t *testing.T, bug string) int64 {
	s := quietScript(t, bug)
	for range 12 {
		s.input(2, (*Core).Tick)
	}
	for range 10 {
		s.input(3, (*Core).Tick)
	}
	for range 20 {
		s.move("drop", 0, 1)
		s.move("deliver", 0, 0)
		for id := uint64(2); id <= 3; id++ {
			s.sync(id)
			s.apply(id)
		}
	}
	s.put(2, "2")
	for range 20 {
		s.move("drop", 0, 1)
		s.move("deliver", 0, 0)
		for id := uint64(2); id <= 3; id++ {
			s.sync(id)
			s.apply(id)
		}
	}
	require.EqualValues(t, 3, s.members[1].core.Status().Revision)
	return s.read(1)
}

// readAfterRestart restarts a member that waits for a read index, lets k be put behind its back, and
// returns what it answers when the index for the first read comes after the second was asked.
func readAfterRestart(t *testing.T, bug string) (revision int64) {
	s := quietScript(t, bug)
	require.Zero(t, s.read(2))
	s.move("deliver", 2, 1)
	s.move("deliver", 1, 0)
	s.move("deliver", 0, 1)
	require.Len(t, s.network, 1)
	late := s.network[0].Message
	require.Equal(t, raftpb.MsgReadIndexResp, late.GetType())
	s.network, s.from = nil, nil

	s.members[1].core, s.members[1].works = nil, nil
	s.start(2)
	s.sync(2)
	s.put(1, "2")
	for range 5 {
		s.move("drop", 0, 2)
		s.move("deliver", 0, 0)
		s.sync(1)
		s.sync(3)
		s.apply(1)
	}
	require.EqualValues(t, 3, s.members[0].core.Status().Revision)
	s.input(1, (*Core).Tick)
	s.move("deliver", 1, 2) // so that it knows whom to ask
	require.Zero(t, s.read(2))
	s.replied = func(e Effect) {
		if r, ok := e.Response.(*pb.RangeResponse); ok {
			revision = r.Kvs[0].ModRevision
		}
	}
	s.input(2, func(c *Core) { c.Step(late) })
	return revision
}

// TestReadAfterPause: a clock is no proof of leadership.
func TestReadAfterPause(t *testing.T) { require.Zero(t, readAfterPause(t, "")) }

// TestReadAfterRestart: read indexes for another start of a member are not its own.
func TestReadAfterRestart(t *testing.T) { require.Zero(t, readAfterRestart(t, "")) }
