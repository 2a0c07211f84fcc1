// Package core is one member of the store without I/O: every input is a method, every output an
// Effect. It has no goroutine, clock or randomness of its own (but raft's, see Config.ElectionRand),
// and the same inputs give the same effects. It is not safe for concurrent use.
//
// # Driving a Core
//
//	c, err := core.New(cfg, durable)   // durable: what the disk holds; &Durable{} is an empty disk
//	for each input { c.Tick() | c.Step(m) | c.Submit(call, req) | c.Persisted(t) | c.Apply(t) | c.Sent(t, ok)
//	                 for _, e := range c.Effects() { ... } }
//
// Effects must be taken after New and after every input. Their slice is valid until the next input;
// what they point to never changes and may be kept, shared and passed on without copying.
//
//   - Send: deliver e.Message to member e.To by calling its Step; it may be lost, delayed, reordered
//     and duplicated. If e.Token is not 0 (snapshots), Sent(token, ok) must be called once the
//     message is delivered or given up: until then raft sends that member nothing.
//   - Write: append e.Record to the member's one stream of records. If e.Token is not 0 call
//     Persisted(token) once the record is written, and if e.Sync not before it and every record
//     before it are durable. Persisted(t) stands for all tokens up to t. A crash keeps a prefix of
//     the stream with at least every record up to the last synced one; Durable.Apply folds records,
//     and a member is started again with New on the folded prefix.
//   - Work: call Apply(token) soon. Works are done in order. They need no disk.
//   - Reply: the answer of a Submit, exactly one for each, never before what it depends on.
//
// raft panics when its invariants break, as with planted bugs that lose data ("tocommit(5) is out of
// range [lastIndex(3)]"): such a panic is a crash of the member, from any input.
//
// # Requests and errors
//
// Submit takes pointers to etcdserverpb's RangeRequest, PutRequest, DeleteRangeRequest, TxnRequest,
// CompactionRequest, StatusRequest, MemberListRequest and HashKVRequest. The answer is the response
// of that name, or one of rpctypes' gRPC errors. For writes:
//
//	ErrGRPCEmptyKey, ...DuplicateKey, ...TooManyOps, ...KeyNotFound, ...Compacted, ...FutureRev and
//	the like: certainly not applied
//	ErrGRPCNoLeader, ErrGRPCRequestTooManyRequests, ErrGRPCRequestTooLarge: never proposed, so
//	certainly not applied
//	ErrGRPCTimeout: proposed, outcome unknown; it may be applied later
//
// A member that does not lead forwards writes and asks the leader for read indexes. Calls wait for a
// leader for Config.NoLeaderTicks. A write that was forwarded is proposed again when the leader
// changes or nothing comes back, under the same id, and the state machine applies an id once, also
// when the network duplicates messages.
//
// # Order
//
// Hard state and entries are synced before the messages that depend on them leave. The changes of
// committed entries and the applied index are one record. A write is answered after it was applied
// here, a linearizable read at or after its read index.
package core
