package systems

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/faultline-chaos/faultline/harness/sim"
	"github.com/faultline-chaos/faultline/store/core"
)

// raftWatch observes all members of a simulated cluster and checks raft's guarantees (Raft paper, figure 3):
// one leader per term, one vote per member and term, equal entries and equal state at equal index, and
// logs without gaps whose terms never decrease. The core itself checks the log that it recovers from disk.
type raftWatch struct {
	leaders map[uint64]int     // by term
	votes   map[voteKey]uint64 // for whom
	applied []applied          // by raft index; the zero value: nobody has applied it
}

type voteKey struct {
	member int
	term   uint64
}

// applied is what the first member that applied an index had then.
type applied struct {
	member      int // 0: none
	term, entry uint64
	hasEntry    bool // else the state came with a snapshot
	state       uint64
}

func newRaftWatch() *raftWatch {
	return &raftWatch{leaders: map[uint64]int{}, votes: map[voteKey]uint64{}}
}

func (w *raftWatch) hooks(node int, host sim.Host) core.Hooks {
	return core.Hooks{
		BecameLeader: func(term uint64) {
			if other, ok := w.leaders[term]; ok && other != node {
				host.Violated("n%d and n%d both lead in term %d", other, node, term)
			}
			w.leaders[term] = node
		},
		Applied: func(index, term, entry, state uint64) {
			w.agree(index, host, applied{member: node, term: term, entry: entry, hasEntry: true, state: state})
		},
		Restored: func(index, term, state uint64) {
			w.agree(index, host, applied{member: node, term: term, state: state})
		},
	}
}

// agree compares what a member has at an index with what others had.
func (w *raftWatch) agree(index uint64, host sim.Host, got applied) {
	for uint64(len(w.applied)) <= index {
		w.applied = append(w.applied, applied{})
	}
	was := &w.applied[index]
	switch {
	case was.member == 0:
		*was = got
	case was.term != got.term, was.hasEntry && got.hasEntry && was.entry != got.entry:
		host.Violated("n%d applied an entry of term %d at index %d, where n%d had another of term %d", got.member, got.term, index, was.member, was.term)
	case was.state != got.state:
		host.Violated("at index %d the state of n%d has hash %x, that of n%d %x", index, got.member, got.state, was.member, was.state)
	case !was.hasEntry:
		*was = got
	}
}

// sent looks at a message that leaves a member.
func (w *raftWatch) sent(node int, host sim.Host, m *raftpb.Message) {
	if m.GetType() != raftpb.MsgVoteResp || m.GetReject() {
		return
	}
	key := voteKey{node, m.GetTerm()}
	if other, ok := w.votes[key]; ok && other != m.GetTo() {
		host.Violated("n%d votes for n%d and n%d in term %d", node, other, m.GetTo(), m.GetTerm())
	}
	w.votes[key] = m.GetTo()
}

// wrote looks at a record that goes to a member's disk.
func (w *raftWatch) wrote(node int, host sim.Host, r *core.Record) {
	for i := 1; i < len(r.Entries); i++ {
		before, e := r.Entries[i-1], r.Entries[i]
		if e.GetIndex() != before.GetIndex()+1 || e.GetTerm() < before.GetTerm() {
			host.Violated("n%d writes entry %d of term %d behind entry %d of term %d", node, e.GetIndex(), e.GetTerm(), before.GetIndex(), before.GetTerm())
		}
	}
}

// simLogger writes raft's lines with their level before them.
type simLogger struct{ log func(string) }

var _ raft.Logger = simLogger{}

func (l simLogger) print(level string, v []any) { l.log(level + " " + fmt.Sprint(v...)) }
func (l simLogger) printf(level, format string, v []any) {
	l.log(level + " " + fmt.Sprintf(format, v...))
}

func (simLogger) Debug(...any)                     {}
func (simLogger) Debugf(string, ...any)            {}
func (l simLogger) Info(v ...any)                  { l.print("info", v) }
func (l simLogger) Infof(format string, v ...any)  { l.printf("info", format, v) }
func (l simLogger) Warning(v ...any)               { l.print("warn", v) }
func (l simLogger) Warningf(f string, v ...any)    { l.printf("warn", f, v) }
func (l simLogger) Error(v ...any)                 { l.print("error", v) }
func (l simLogger) Errorf(format string, v ...any) { l.printf("error", format, v) }
func (simLogger) Fatal(v ...any)                   { panic(fmt.Sprint(v...)) }
func (simLogger) Fatalf(format string, v ...any)   { panic(fmt.Sprintf(format, v...)) }
func (simLogger) Panic(v ...any)                   { panic(fmt.Sprint(v...)) }
func (simLogger) Panicf(format string, v ...any)   { panic(fmt.Sprintf(format, v...)) }
