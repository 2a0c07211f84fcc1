package server

import (
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// beat is the last heartbeat of a leader's clock that arrived here.
type beat struct {
	from uint64
	at   time.Time
}

// timedHeartbeat says whether a message is a heartbeat that a leader's clock made it send. Those that
// confirm reads are sent whenever reads come, and carry their context.
func timedHeartbeat(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgHeartbeat && len(m.GetContext()) == 0
}

// tellSilence logs when the leader that is followed no longer was last heard of by a timed heartbeat:
// that tells at which phase of its heartbeat interval it was lost. It is called from within the loop.
func (s *Server) tellSilence(leader uint64) {
	if s.beat.from == leader {
		s.log.Named("raft").Sugar().Infof("%x heard the last timed heartbeat of %x %.3fms ago", s.id, leader, float64(time.Since(s.beat.at))/float64(time.Millisecond))
	}
}
