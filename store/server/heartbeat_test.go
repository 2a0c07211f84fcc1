package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTimedHeartbeats(t *testing.T) {
	of := func(kind raftpb.MessageType, context string) *raftpb.Message {
		return &raftpb.Message{Type: &kind, Context: []byte(context)}
	}
	require.True(t, timedHeartbeat(of(raftpb.MsgHeartbeat, "")))
	require.False(t, timedHeartbeat(of(raftpb.MsgHeartbeat, "12345678")), "it confirms reads")
	require.False(t, timedHeartbeat(of(raftpb.MsgApp, "")))
}

func TestSilenceOfALostLeaderIsLogged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	s := &Server{id: 0xa, log: zap.New(core)}
	s.tellSilence(0xb)
	require.Zero(t, logs.Len(), "it was never heard")
	s.beat = beat{0xb, time.Now().Add(-1500 * time.Millisecond)}
	s.tellSilence(0xc)
	require.Zero(t, logs.Len())
	s.tellSilence(0xb)
	require.Equal(t, 1, logs.Len())
	require.Regexp(t, `^a heard the last timed heartbeat of b [0-9]{4,}\.[0-9]{3}ms ago$`, logs.All()[0].Message)
}
