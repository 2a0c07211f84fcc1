// Package live judges a run while it goes on, by invariants that cost next to nothing an op. It needs nothing
// but the ops; checker.Live asks the same of a whole history.
package live

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/faultline-chaos/faultline/history"
)

// Name is that of its verdicts.
const Name = "live"

// Monitor judges a run while it goes on, by invariants that cost next to nothing an op. It finds less
// than the checkers that see the whole history, and never what they would not call a violation:
//
//   - An answer is never of an older revision than an answer that was there before it was asked for.
//     That holds for each client alone, too.
//   - A linearizable read, a successful compare-and-set and a found absence never show what was
//     overwritten before they were invoked, or was never written (liveKey; values are written once).
//   - Members hash equal states, at equal revisions, to equal numbers (history.HashValue).
//
// The order is that of the recorder, as in all checkers. Keys are taken to be absent at the start.
// Of transactions, banks and sets see liveTxns. Ops of other shapes are passed over.
//
// Memory is bounded, however long the run: by the ops that are open, by monitorKeys, monitorValues and
// monitorHashes, about 40 MiB, and by the bounds of liveTxns. What is forgotten is not judged.
type Monitor struct {
	mu        sync.Mutex
	open      map[int]*openOp // by process
	floor     reported
	keys      keyTable
	txns      liveTxns
	hashes    hashRing
	answers   int // judged
	compared  int // hashes that had one to be compared with
	violation *history.Verdict
}

// reported is a revision and the op whose answer reported it.
type reported struct {
	revision int64
	op       int
}

// openOp is a client's op that has not ended.
type openOp struct {
	form  history.Form
	value history.RegisterValue
	call  int // index of its invocation
	floor reported
	key   *liveKey
	after write // the newest write of key that had certainly happened before; see liveKey.settled
}

// NewMonitor makes one that has seen nothing.
func NewMonitor() *Monitor {
	return &Monitor{open: map[int]*openOp{}, floor: reported{op: -1}, keys: newKeyTable(), txns: newLiveTxns()}
}

// Observe takes the next op of the history, as a harness.RecorderOptions.Observe does. After a
// violation it does nothing more.
func (m *Monitor) Observe(op *history.Op) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.violation != nil:
	case op.Client():
		m.client(op)
	case op.Process == history.HarnessProcess && op.F == history.FHash && op.Type == history.OK:
		m.hash(op)
	}
}

// Violation is the first one, nil if there was none.
func (m *Monitor) Violation() *history.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.violation
}

// Judged is how much was looked at so far: answers of clients, and hashes of members that could be
// compared with another one's.
func (m *Monitor) Judged() (answers, hashes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers, m.compared
}

func (m *Monitor) violated(evidence []int, format string, args ...any) {
	if m.violation == nil {
		m.violation = &history.Verdict{Checker: Name, Validity: history.Invalid, Reason: fmt.Sprintf(format, args...), Evidence: evidence}
	}
}

func (m *Monitor) client(op *history.Op) {
	if op.Type == history.Invoke {
		if form := op.Form(); form.Register() {
			m.invoke(form, op)
		} else {
			m.txns.invoke(op, m.floor)
		}
		return
	}
	o := m.open[op.Process]
	if o == nil {
		m.other(op)
		return
	}
	delete(m.open, op.Process)
	if op.Type == history.OK {
		if v, err := op.Register(); err == nil && v.Key == o.value.Key {
			m.answers++
			m.revision(op, o, v)
			if bad := o.key.answered(o, v, op.Index); bad != nil {
				m.violated(bad.evidence, "%s", bad.reason)
			}
		}
	} else if bad := o.key.ended(o, op.Type == history.Info, op.Index); bad != nil {
		m.violated(bad.evidence, "%s", bad.reason)
	}
	m.keys.closed(o)
}

// other takes the end of a call that is not on one key.
func (m *Monitor) other(op *history.Op) {
	bad, rev, judged := m.txns.ended(op)
	if judged {
		m.answers++
	}
	if bad != nil {
		m.violated(bad.evidence, "%s", bad.reason)
	}
	m.report(rev, op.Index)
}

// report takes a revision that an answer reported.
func (m *Monitor) report(rev int64, op int) {
	if rev > m.floor.revision {
		m.floor = reported{rev, op}
	}
}

func (m *Monitor) invoke(form history.Form, op *history.Op) {
	v, err := op.Register()
	if err != nil || m.open[op.Process] != nil {
		return
	}
	o := &openOp{form: form, value: v, call: op.Index, floor: m.floor, key: m.keys.get(v.Key)}
	o.after = o.key.settled
	m.open[op.Process] = o
	m.keys.opened(o)
}

// revision judges the revision that an answer tells. A write that did something has one of its own.
func (m *Monitor) revision(op *history.Op, o *openOp, v history.RegisterValue) {
	if v.Rev <= 0 {
		return
	}
	own := o.form == history.FormPut || v.DidSwap() || v.DidDelete()
	if f := o.floor; v.Rev < f.revision || own && v.Rev == f.revision {
		m.violated([]int{f.op, o.call, op.Index}, "revisions went back: %s (op %d) was answered revision %d, but before it was invoked, op %d had been answered revision %d",
			o, op.Index, v.Rev, f.op, f.revision)
	}
	m.report(v.Rev, op.Index)
}

func (o *openOp) String() string { return fmt.Sprintf("%s %s", o.form, o.value.Key) }

// monitorHashes is how many revisions' hashes are remembered. Members are asked for one revision at
// once, and answer within seconds.
const monitorHashes = 64

// hashRing remembers the last revisions that were hashed.
type hashRing struct {
	slots [monitorHashes]hashed
	next  int
}

type hashed struct {
	history.HashValue
	node history.NodeID
	op   int
}

func (m *Monitor) hash(op *history.Op) {
	var v history.HashValue
	if json.Unmarshal(op.Value, &v) != nil || v.Revision <= 0 {
		return
	}
	for _, h := range m.hashes.slots {
		if h.node == "" || h.Revision != v.Revision || h.CompactRevision != v.CompactRevision {
			continue
		}
		m.compared++
		if h.Hash != v.Hash {
			m.violated([]int{h.op, op.Index}, "states differ at revision %d: %s hashes it to %08x (op %d), %s to %08x (op %d)",
				v.Revision, h.node, h.Hash, h.op, op.Node, v.Hash, op.Index)
		}
		return
	}
	m.hashes.slots[m.hashes.next] = hashed{v, op.Node, op.Index}
	m.hashes.next = (m.hashes.next + 1) % monitorHashes
}
