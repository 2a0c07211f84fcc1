package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Form is what a call does, and so what its value holds. Of the zero value, which ops of names have that
// are not in the table, a reader knows nothing but Op.Kind.
type Form uint8

// The forms. What the values hold stands at the types that they are read into.
const (
	OtherForm Form = iota

	FormGet    // Register; a probe's get, too
	FormPut    // Register; a probe's put, too. One that names a lease attaches the key to it (LeaseValue)
	FormCAS    // Register
	FormDelete // Register
	FormAppend // Register: adds Value to the text that Key holds

	FormTxn // TxnRows

	FormAdd  // SetValue: Element is added
	FormRead // SetValue: the answer's Elements are all there are

	FormOpen     // BankValue: Balances are what accounts began with
	FormTransfer // BankValue
	FormBalances // BankValue: the answer's Balances are those of all accounts at once

	FormSerializableGet // SerializableValue: a read that a member may answer from its own state, without asking others (etcd's serializable range)
	FormWatch           // WatchValue: one delivery of a watch stream
	FormCompact         // CompactValue: drops the store's history

	FormAcquire   // LockValue; ok: the process holds the lock
	FormRelease   // LockValue, by its holder; ok: it holds it no more
	FormKeepAlive // LockValue or LeaseValue: of the lease behind a lock, or of a lease; ok: it was renewed
	FormFenced    // LockValue: an act on what the lock protects, with the holder's token; ok: it was accepted

	FormGrant  // LeaseValue
	FormRevoke // LeaseValue
)

// forms is the table of names: what an op of a name does, and whether it reads or writes where its line
// does not say (Op.Kind), as none did before there was that. Those that are used most come first.
var forms = [...]struct {
	name string
	form Form
	kind Kind
}{
	{"get", FormGet, KindRead},
	{"put", FormPut, KindWrite},
	{"cas", FormCAS, KindWrite},
	{"delete", FormDelete, KindWrite},
	{FProbePut, FormPut, KindWrite},
	{FProbeGet, FormGet, KindRead},
	{FTxn, FormTxn, KindWrite},
	{"append", FormAppend, KindWrite},
	{"add", FormAdd, KindWrite},
	{"read", FormRead, KindRead},
	{"open", FormOpen, KindWrite},
	{"transfer", FormTransfer, KindWrite},
	{"balances", FormBalances, KindRead},
	{"get-serializable", FormSerializableGet, KindRead},
	{FWatch, FormWatch, KindRead},
	{"compact", FormCompact, KindWrite},
	{"acquire", FormAcquire, KindWrite},
	{"release", FormRelease, KindWrite},
	{"keep-alive", FormKeepAlive, KindWrite},
	{"fenced", FormFenced, KindWrite},
	{"grant", FormGrant, KindWrite},
	{"revoke", FormRevoke, KindWrite},
	{"range", OtherForm, KindRead},
	{"list", OtherForm, KindRead},
	{"scan", OtherForm, KindRead},
	{"count", OtherForm, KindRead},
}

// Named is what the table says of a name: nothing where it is not there.
func Named(name string) (Form, Kind) {
	for i := range forms {
		if forms[i].name == name {
			return forms[i].form, forms[i].kind
		}
	}
	return OtherForm, ""
}

// Form is what the op does.
func (op *Op) Form() Form {
	form, _ := Named(op.F)
	return form
}

// String is the name of the form's ops.
func (f Form) String() string {
	for i := range forms {
		if forms[i].form == f && f != OtherForm {
			return forms[i].name
		}
	}
	return "other"
}

// Register says whether ops of the form are those of a register: get, put, cas or delete.
func (f Form) Register() bool { return f >= FormGet && f <= FormDelete }

// Decode reads an op's value. An error names the op.
func Decode[T any](op *Op) (v T, err error) {
	if err = json.Unmarshal(op.Value, &v); err != nil {
		err = fmt.Errorf("op %d: value of a %s: %w", op.Index, op.F, err)
	}
	return v, err
}

// SetValue is the value of the ops of a set. Elements are any JSON.
type SetValue struct {
	Element  json.RawMessage   `json:"element"`
	Elements []json.RawMessage `json:"elements"`
}

// BankValue is the value of the ops of a bank.
type BankValue struct {
	From     string           `json:"from"` // transfer
	To       string           `json:"to"`
	Amount   int64            `json:"amount"`
	Done     *bool            `json:"done"` // of an answered transfer: false where there was not enough money; nil: it was made
	Balances map[string]int64 `json:"balances"`
}

// Accounts are the names of the balances, in order, and what is on them in all.
func (v *BankValue) Accounts() (names []string, total int64) {
	for k, n := range v.Balances {
		names = append(names, k)
		total += n
	}
	slices.Sort(names)
	return names, total
}

// SerializableValue is the value of a serializable read.
type SerializableValue struct {
	Key     string    `json:"key"`
	Value   *string   `json:"value"`             // nil: absent
	ModRev  int64     `json:"mod,omitempty"`     // revision of the key's last write; 0: not reported
	Rev     int64     `json:"rev,omitempty"`     // the member's revision at the read; 0: not reported
	Session []Session `json:"session,omitempty"` // what the client asked for, at invocation
}

// Session is a session guarantee (Terry et al., Session Guarantees for Weakly Consistent Replicated
// Data, 1994). A session is a process.
type Session string

// The guarantees.
const (
	MonotonicReads Session = "monotonic-reads"  // not older than what the session read before
	ReadYourWrites Session = "read-your-writes" // not older than what the session wrote before
)

// FWatch is the F of watch deliveries.
const FWatch = "watch"

// WatchValue is the value of a delivery of a watch stream. The invocation says what was asked for, the
// completion what came. The ops of one stream are in the order in which their deliveries came.
type WatchValue struct {
	Watch     string       `json:"watch"` // names the stream in its history
	Key       string       `json:"key"`
	Prefix    bool         `json:"prefix,omitempty"`    // all keys that begin with Key
	From      int64        `json:"from,omitempty"`      // the first revision asked for; 0: from now on
	PrevKV    bool         `json:"prev_kv,omitempty"`   // previous values were asked for
	Events    []WatchEvent `json:"events,omitempty"`    //
	Progress  int64        `json:"progress,omitempty"`  // a bookmark: everything up to this revision had been delivered
	Compacted int64        `json:"compacted,omitempty"` // the stream ended: what it needed below this revision was compacted
}

// WatchEvent is a change of one key.
type WatchEvent struct {
	Type  EventType  `json:"type"`
	Key   string     `json:"key"`
	Value string     `json:"value,omitempty"`
	Rev   int64      `json:"rev"`
	Prev  *WatchPrev `json:"prev,omitempty"` // what the key was before; nil: not reported
}

// EventType is what a change of a key was.
type EventType string

// The types.
const (
	EventPut    EventType = "put"
	EventDelete EventType = "delete"
)

// WatchPrev is the previous state of a key that existed.
type WatchPrev struct {
	Value string `json:"value"`
	Rev   int64  `json:"rev,omitempty"` // 0: not reported
}

// CompactValue is the value of an op that drops the store's history up to a revision.
type CompactValue struct {
	Rev int64 `json:"rev"`
}

// LockValue is the value of the ops of a lock.
type LockValue struct {
	Lock  string        `json:"lock"`
	Token int64         `json:"token,omitempty"` // fencing token; an acquisition's completion tells it. 0: the lock has none
	TTL   time.Duration `json:"ttl,omitempty"`   // of an acquisition whose holder is forgotten after so long without a keep-alive; 0: never
}

// LeaseValue is the value of the ops of a lease, and the part of a put's or get's value that is about one.
type LeaseValue struct {
	Lease int64         `json:"lease"`
	TTL   time.Duration `json:"ttl,omitempty"` // as granted; of a keep-alive: as renewed, 0 where the lease was gone
}
