package core

import (
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/store/mvcc"
)

// Record is one atomic step of what a member writes. Everything durable is in one ordered stream of
// them; a crash keeps a prefix that holds every record up to the last synced one. Nobody may change
// one.
type Record struct {
	// Member and Cluster are set in the first record of a disk: whose it is.
	Member, Cluster uint64
	// Boot, if not 0, is the number of this start of the member.
	Boot uint64
	// Replace drops the whole state and log before Changes and Log: a snapshot came.
	Replace bool
	// Changes of the state: versions of keys, the applied index, the configuration, the proposals
	// that were applied.
	Changes []mvcc.Change
	// LogIndex, if not 0, drops all log entries up to it; LogTerm is the term of the entry there.
	LogIndex, LogTerm uint64
	// Entries replace the log from the first one's index on.
	Entries []*raftpb.Entry
	// HardState, if not nil, is raft's term, vote and commit index.
	HardState *raftpb.HardState
}

// Durable is what is on a member's disk. The zero value is an empty disk.
type Durable struct {
	Member, Cluster uint64
	Boot            uint64
	HardState       *raftpb.HardState
	// LogIndex and LogTerm are those of the entry before Entries.
	LogIndex, LogTerm uint64
	Entries           []*raftpb.Entry
	State             map[string][]byte
}

// Apply folds a record into d. It keeps references to the record's parts.
func (d *Durable) Apply(r *Record) {
	if r.Member != 0 {
		d.Member, d.Cluster = r.Member, r.Cluster
	}
	if r.Boot != 0 {
		d.Boot = r.Boot
	}
	if r.Replace {
		clear(d.State)
		d.Entries = nil
	}
	if d.State == nil {
		d.State = make(map[string][]byte, len(r.Changes))
	}
	for _, c := range r.Changes {
		if c.Value == nil {
			delete(d.State, c.Key)
		} else {
			d.State[c.Key] = c.Value
		}
	}
	if r.LogIndex != 0 {
		d.dropLog(r.LogIndex, r.LogTerm)
	}
	if len(r.Entries) > 0 {
		at := r.Entries[0].GetIndex() - d.LogIndex - 1
		d.Entries = append(d.Entries[:min(at, uint64(len(d.Entries)))], r.Entries...)
	}
	if r.HardState != nil {
		d.HardState = r.HardState
	}
}

func (d *Durable) dropLog(index, term uint64) {
	switch {
	case len(d.Entries) == 0 || index > d.LogIndex+uint64(len(d.Entries)):
		d.Entries = nil
	case index > d.LogIndex:
		d.Entries = d.Entries[index-d.LogIndex:]
	default:
		return
	}
	d.LogIndex, d.LogTerm = index, term
}

// Clone returns a copy that later records do not change. Record contents are shared.
func (d *Durable) Clone() *Durable {
	c := *d
	c.Entries = slices.Clone(d.Entries)
	c.State = maps.Clone(d.State)
	return &c
}

// Check says whether d can be the disk of a member: what Apply folds from a whole prefix of records
// always can.
func (d *Durable) Check() error {
	if d.Boot == 0 {
		if d.Member != 0 || d.HardState != nil || len(d.Entries) > 0 || len(d.State) > 0 {
			return fmt.Errorf("recover: there is data but no boot number")
		}
		return nil
	}
	if d.Member == 0 || d.Cluster == 0 || d.HardState == nil || d.LogIndex == 0 {
		return fmt.Errorf("recover member %x of cluster %x: its id, hard state or log start is missing", d.Member, d.Cluster)
	}
	term := d.LogTerm
	for i, e := range d.Entries {
		if e.GetTerm() < term {
			return fmt.Errorf("recover member %x: log entry %d is of term %d, but the one before it of term %d", d.Member, e.GetIndex(), e.GetTerm(), term)
		}
		term = e.GetTerm()
		if want := d.LogIndex + 1 + uint64(i); e.GetIndex() != want {
			return fmt.Errorf("recover member %x: log entry %d follows %d", d.Member, e.GetIndex(), want-1)
		}
	}
	return nil
}
