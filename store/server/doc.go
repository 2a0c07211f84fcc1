// Package server runs one member: it gives store/core a clock, a disk, peers, and clients that speak
// the etcd v3 API over gRPC.
//
// One goroutine owns the core and never waits for anybody: the disk has a queue and answers when it
// is done, each peer has a queue that drops messages when it is full or the peer is away, and every
// call has a place for its answer. Messages between members go over gRPC streams, acknowledged one
// by one; a connection on which nothing is acknowledged for an election timeout is replaced.
package server
