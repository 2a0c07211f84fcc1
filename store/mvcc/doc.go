// Package mvcc is the store's state machine: keys with their history, as etcd's. It does no I/O and
// is not safe for concurrent use.
//
// Every write leaves its mark twice: in memory, and in a Batch as records for a disk. Records that
// were written in order and read back give the same state (Load).
//
// A revision is a pair: main counts transactions that wrote something, sub the writes inside one.
// An empty store is at main revision 1. What a request answers depends on the state alone, so
// replicas that apply the same requests stay equal; Hash compares them.
package mvcc
