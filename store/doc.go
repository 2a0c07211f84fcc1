// Package store is a replicated key-value store that speaks the etcd v3 API: Raft for order,
// multi-version keys, one pebble database for everything durable.
//
//   - core: one member without I/O, goroutines or clock. The server and the simulation drive it.
//   - mvcc: the state machine.
//   - disk: what core writes, made durable with pebble.
//   - server: core with timers, peers, disk and the gRPC API around it.
package store
