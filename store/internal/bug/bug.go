// Package bug names the mistakes that can be planted in the store, so that the harness can be tried
// on them. Only builds with the tag "bugs" contain them: elsewhere Enabled is constant false and the
// compiler drops the branch.
package bug

// The planted mistakes. Each constant is used at the place where a real store would make it.
const (
	StaleRead           = "stale-read"             // linearizable reads come from the local state
	LeaderLocalRead     = "leader-local-read"      // a leader answers reads without asking a quorum
	LeaseRead           = "lease-read"             // a leader trusts its clock instead of a quorum
	ReadIndexNotAwaited = "read-index-not-awaited" // a read is answered before its index is applied
	ReadIDReused        = "read-id-reused"         // read ids start again after a restart
	AckBeforeCommit     = "ack-before-commit"      // a put is answered when it is proposed
	SendBeforeSync      = "send-before-sync"       // votes and acks leave before the disk has them
	NoFsync             = "no-fsync"               // nothing is ever synced
	HardStateNotSynced  = "hard-state-not-synced"  // term and vote alone are not synced
	VoteNotPersisted    = "vote-not-persisted"     // the vote is not in the hard state on disk
	SuffixNotTruncated  = "suffix-not-truncated"   // a conflicting tail stays in the log on disk
	DoubleApply         = "double-apply"           // a proposal retried is a proposal applied again
	ApplyNotAtomic      = "apply-not-atomic"       // data and applied index are two writes
	DedupeNotDurable    = "dedupe-not-durable"     // the table of applied proposals is lost in a crash
	SnapshotMissingKey  = "snapshot-missing-key"   // a snapshot lacks its first key
	SnapshotDropsDedupe = "snapshot-drops-dedupe"  // a snapshot lacks the table of applied proposals
	SnapshotNotReported = "snapshot-not-reported"  // raft never hears what became of a snapshot
	AckAnyEntryAtIndex  = "ack-any-entry-at-index" // a put is answered by whatever came to its index
)

// Names lists all planted mistakes.
var Names = []string{
	StaleRead, LeaderLocalRead, LeaseRead, ReadIndexNotAwaited, ReadIDReused, AckBeforeCommit,
	SendBeforeSync, NoFsync, HardStateNotSynced, VoteNotPersisted, SuffixNotTruncated, DoubleApply,
	ApplyNotAtomic, DedupeNotDurable, SnapshotMissingKey, SnapshotDropsDedupe, SnapshotNotReported,
	AckAnyEntryAtIndex,
}
