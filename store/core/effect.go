package core

import "go.etcd.io/raft/v3/raftpb"

// Kind says which fields of an Effect count.
type Kind uint8

const (
	// Send: deliver Message to member To, or lose it. With a Token, call Sent with it once it is
	// known whether the message arrived; only snapshots have one, and raft waits for the answer.
	Send Kind = iota
	// Write: add Record to the one ordered stream of records. With Sync it must be durable, and all
	// before it, before Persisted(Token) is called; without Sync it must only be written. Token 0:
	// nobody waits.
	Write
	// Work: call Apply with Token soon. Works are done in the order they were asked for.
	Work
	// Reply: answer Call with Response or Err.
	Reply
)

// Effect is one output of a Core.
type Effect struct {
	Kind    Kind
	To      uint64
	Message *raftpb.Message
	Record  *Record
	Sync    bool
	Token   uint64
	Call    uint64
	// Response is the etcd response of the request's kind. Nobody may change it.
	Response any
	// Err is one of rpctypes' gRPC errors (ErrGRPC...).
	Err error
}
