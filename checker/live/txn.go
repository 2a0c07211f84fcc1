package live

import (
	"container/list"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Bounds of what a Monitor keeps of calls on more than one key.
const (
	monitorElements = 1 << 16 // of a set
	monitorLists    = 1 << 10 // lists that were used last
	monitorAppends  = 1 << 12 // acknowledged appends of a list that no read has shown
)

// liveTxns judges the calls on more than one key: transactions that append to lists and read them,
// transactions that tell revisions, banks and sets. A read must show what was acknowledged, or read,
// before it was invoked; reads of a list must be beginnings of each other, and all reads of a bank make
// the same total. What it calls a violation Anomalies, Revision, Bank and SetFull call one.
type liveTxns struct {
	open  map[int]*liveCall // by process
	lists listTable
	bank  struct {
		accounts []string
		total    int64
		op       int // whose answer that was; -1: none yet
	}
	set liveSet
}

// liveCall is a call that has not ended: what its answer must show.
type liveCall struct {
	call  int
	floor reported
	lists map[string]listView
	known int // elements of the set
}

// liveSet is what is known of a set. Nothing more is kept when it is full, and less is judged then.
type liveSet struct {
	added   map[string]bool // or tried
	known   []knownText     // in the order in which that became known
	isKnown map[string]bool
	full    bool
}

// knownText is a JSON text and the op that shows that it is there.
type knownText struct {
	text string
	op   int
}

// liveList is what is known of a list.
type liveList struct {
	name string
	listView
	place *list.Element
}

// listView is a list at a time. Its slices are not written to again.
type listView struct {
	longest  []string
	op       int         // whose answer that was
	appended []knownText // what was acknowledged and is not in longest
}

type listTable struct {
	byName map[string]*liveList
	used   *list.List // of *liveList, the last used first
}

func newLiveTxns() liveTxns {
	t := liveTxns{open: map[int]*liveCall{}, lists: listTable{map[string]*liveList{}, list.New()}}
	t.set.added, t.set.isKnown = map[string]bool{}, map[string]bool{}
	t.bank.op = -1
	return t
}

// invoke takes an invocation, and the newest revision that was reported before it.
func (t *liveTxns) invoke(op *history.Op, floor reported) {
	c := &liveCall{call: op.Index, floor: floor, known: len(t.set.known)}
	switch op.Form() {
	case history.FormTxn:
		v, err := op.Txn()
		if err != nil {
			return
		}
		c.lists = t.lists.views(v.Ops)
	case history.FormAdd:
		t.set.invoked(op)
	case history.FormRead, history.FormOpen, history.FormBalances:
	default:
		return
	}
	t.open[op.Process] = c
}

// ended takes the end of a call. judged is false for what says nothing; rev is the revision that an
// answer tells.
func (t *liveTxns) ended(op *history.Op) (bad *found, rev int64, judged bool) {
	c := t.open[op.Process]
	delete(t.open, op.Process)
	if c == nil || op.Type != history.OK {
		return nil, 0, false
	}
	switch op.Form() {
	case history.FormTxn:
		return t.txn(c, op)
	case history.FormAdd:
		t.set.acknowledged(op)
		return nil, 0, true
	case history.FormRead:
		bad, judged = t.set.read(c, op)
	default:
		bad, judged = t.balances(c, op)
	}
	return bad, 0, judged
}

func (t *liveTxns) txn(c *liveCall, op *history.Op) (bad *found, rev int64, judged bool) {
	v, err := op.Txn()
	if err != nil {
		return nil, 0, false
	}
	for _, o := range v.Ops {
		f, key, ok := listOp(o)
		if !ok {
			continue
		}
		if f == "append" {
			t.lists.get(key).acknowledged(string(o[2]), op.Index)
			judged = true
			continue
		}
		var got []json.RawMessage
		if len(o[2]) == 0 || o[2][0] != '[' || json.Unmarshal(o[2], &got) != nil {
			continue // a read of what is no list, or of none
		}
		judged = true
		if bad = t.lists.get(key).read(c, c.lists[key], got, op.Index); bad != nil {
			return bad, 0, true
		}
	}
	if v.Rev > 0 {
		return c.revision(op, &v), v.Rev, true
	}
	return nil, 0, judged
}

// revision judges the revision of a transaction. One that put something has one of its own.
func (c *liveCall) revision(op *history.Op, v *history.TxnRows) *found {
	own := slices.ContainsFunc(v.Ran(), func(o []json.RawMessage) bool { return len(o) > 0 && string(o[0]) == `"w"` })
	if v.Rev > c.floor.revision || !own && v.Rev == c.floor.revision {
		return nil
	}
	return &found{[]int{c.floor.op, c.call, op.Index}, fmt.Sprintf("revisions went back: a txn (op %d) was answered revision %d, but before it was invoked, op %d had been answered revision %d",
		op.Index, v.Rev, c.floor.op, c.floor.revision)}
}

// listOp is an append to a list, or a read.
func listOp(o []json.RawMessage) (f, key string, ok bool) {
	if len(o) < 3 {
		return "", "", false
	}
	switch string(o[0]) {
	case `"append"`:
		return "append", string(o[1]), true
	case `"r"`:
		return "r", string(o[1]), true
	}
	return "", "", false
}

// views are the lists that ops read, as they are now.
func (t *listTable) views(ops [][]json.RawMessage) map[string]listView {
	var out map[string]listView
	for _, o := range ops {
		f, key, ok := listOp(o)
		if k := t.byName[key]; ok && f == "r" && k != nil {
			if out == nil {
				out = map[string]listView{}
			}
			out[key] = k.listView
		}
	}
	return out
}

func (t *listTable) get(name string) *liveList {
	k := t.byName[name]
	if k == nil {
		k = &liveList{name: name}
		k.place = t.used.PushFront(k)
		t.byName[name] = k
	}
	t.used.MoveToFront(k.place)
	for len(t.byName) > monitorLists {
		last := t.used.Remove(t.used.Back()).(*liveList)
		delete(t.byName, last.name)
	}
	return k
}

// acknowledged takes an append that certainly happened.
func (k *liveList) acknowledged(text string, op int) {
	if slices.Contains(k.longest, text) || len(k.appended) >= monitorAppends {
		return
	}
	k.appended = append(k.appended, knownText{text, op}) // beyond the end of all views
}

// read judges a read of the list, which was as before says when it was invoked.
func (k *liveList) read(c *liveCall, before listView, raw []json.RawMessage, op int) *found {
	got, in := make([]string, len(raw)), make(map[string]bool, len(raw))
	for i, b := range raw {
		got[i] = string(b)
		in[got[i]] = true
	}
	if !startsWith(got, before.longest) {
		return &found{[]int{before.op, c.call, op}, fmt.Sprintf("a stale answer: a txn (op %d) read [%s] of list %s, but [%s] had been read before it was invoked (op %d)",
			op, endOf(got), k.name, endOf(before.longest), before.op)}
	}
	for _, a := range before.appended {
		if !in[a.text] {
			return &found{[]int{a.op, c.call, op}, fmt.Sprintf("a write was lost: a txn (op %d) read [%s] of list %s, without %s, whose append had been acknowledged before it was invoked (op %d)",
				op, endOf(got), k.name, a.text, a.op)}
		}
	}
	switch {
	case startsWith(k.longest, got):
		return nil
	case !startsWith(got, k.longest):
		return &found{[]int{k.op, op}, fmt.Sprintf("two orders: list %s was read as [%s] (op %d) and as [%s] (op %d), and neither is the beginning of the other",
			k.name, endOf(k.longest), k.op, endOf(got), op)}
	}
	k.longest, k.op = got, op
	k.appended = slices.DeleteFunc(slices.Clone(k.appended), func(a knownText) bool { return in[a.text] })
	return nil
}

func startsWith(l, with []string) bool {
	return len(with) <= len(l) && slices.Equal(l[:len(with)], with)
}

// endOf is a list in words, of which the end matters.
func endOf(l []string) string {
	const most = 8
	if len(l) > most {
		return "… " + strings.Join(l[len(l)-most:], " ")
	}
	return strings.Join(l, " ")
}

// balances judges a read of a bank, and takes what it was opened with.
func (t *liveTxns) balances(c *liveCall, op *history.Op) (*found, bool) {
	v, err := history.Decode[history.BankValue](op)
	if err != nil || v.Balances == nil {
		return nil, false
	}
	names, total := v.Accounts()
	b := &t.bank
	switch {
	case b.op < 0:
		b.accounts, b.total, b.op = names, total, op.Index
	case !slices.Equal(names, b.accounts):
		return &found{[]int{b.op, c.call, op.Index}, fmt.Sprintf("wrong accounts: %v (op %d), which were %v (op %d)", names, op.Index, b.accounts, b.op)}, true
	case total != b.total:
		return &found{[]int{b.op, c.call, op.Index}, fmt.Sprintf("wrong total: the balances make %d in all (op %d), and made %d before (op %d)", total, op.Index, b.total, b.op)}, true
	}
	return nil, true
}

// elementOf is that of an add.
func elementOf(op *history.Op) (string, bool) {
	v, err := history.Decode[history.SetValue](op)
	return string(v.Element), err == nil && v.Element != nil
}

func (s *liveSet) invoked(op *history.Op) {
	if text, ok := elementOf(op); ok && !s.full {
		s.added[text] = true
		s.full = len(s.added) >= monitorElements
	}
}

func (s *liveSet) acknowledged(op *history.Op) {
	if text, ok := elementOf(op); ok {
		s.learn(text, op.Index)
	}
}

func (s *liveSet) learn(text string, op int) {
	if s.added[text] && !s.isKnown[text] {
		s.isKnown[text] = true
		s.known = append(s.known, knownText{text, op})
	}
}

// read judges a read of the set.
func (s *liveSet) read(c *liveCall, op *history.Op) (*found, bool) {
	v, err := history.Decode[history.SetValue](op)
	if err != nil || v.Elements == nil {
		return nil, false
	}
	in := make(map[string]bool, len(v.Elements))
	for _, b := range v.Elements {
		in[string(b)] = true
		if !s.added[string(b)] && !s.full {
			return &found{[]int{c.call, op.Index}, fmt.Sprintf("a read (op %d) shows element %s, which nobody added", op.Index, b)}, true
		}
	}
	for _, k := range s.known[:c.known] {
		if !in[k.text] {
			return &found{[]int{k.op, c.call, op.Index}, fmt.Sprintf("a read (op %d) lacks element %s, which was known before it was invoked (op %d)", op.Index, k.text, k.op)}, true
		}
	}
	for _, b := range v.Elements {
		s.learn(string(b), op.Index)
	}
	return nil, true
}
