package history

import "strconv"

// FTxn is the F of a transaction's ops.
const FTxn = "txn"

// Txn is the value of a "txn" op of a store with revisions, as etcd is one. Its JSON is
//
//	{"if":[["value","=","x","1"],["mod","=","y",5]],
//	 "ops":[["r","x","1",4],["w","y","7"],["d","z",1]],
//	 "else":[["range","a","m",[["x","1",4]]]],
//	 "succeeded":true,"rev":12}
//
// where if and else are left out if they are empty, and succeeded and rev if it was not answered.
// Comparisons see the state before the transaction, each op the state that the ops before it left.
//
// Histories of other kinds of transactions have the same F and the same form with other ops:
// ["append","x",3] appends to a list, ["r","x",[1,2,3]] reads it, and keys and values may be numbers.
type Txn struct {
	If        []TxnCompare
	Ops, Else []TxnOp
	Answered  bool
	Succeeded bool  // every comparison held, so Ops ran
	Rev       int64 // the store's revision: the transaction's own where it changed something
}

// TxnTarget is what a comparison looks at.
type TxnTarget string

// The targets. Of an absent key every revision and the version is 0, and no comparison of its value
// holds.
const (
	TxnValue   TxnTarget = "value"
	TxnMod     TxnTarget = "mod"     // revision of the key's last write
	TxnCreate  TxnTarget = "create"  // revision at which it came into being
	TxnVersion TxnTarget = "version" // writes since then, that one included
)

// TxnCompare is one comparison: Target of Key, Result, and Value or Number.
type TxnCompare struct {
	Target TxnTarget
	Result string // =, !=, <, >; of values: =, !=
	Key    string
	Value  string // for TxnValue
	Number int64  // for the others
}

// TxnOp is one op of a transaction, with its answer where there is one.
type TxnOp struct {
	Kind  TxnKind
	Key   string
	End   string    // of a range: the first key beyond it
	Value string    // of a put
	Items []TxnItem // answer of a read: what was found, in the order of keys
	Count int64     // answer of a delete: how many keys it deleted
	Done  bool      // there is an answer
}

// TxnKind says what a TxnOp does.
type TxnKind string

// The kinds.
const (
	TxnGet    TxnKind = "r"
	TxnRange  TxnKind = "range"
	TxnPut    TxnKind = "w"
	TxnDelete TxnKind = "d"
)

// TxnItem is one key that a read found.
type TxnItem struct {
	Key, Value string
	Mod        int64 // revision of its last write; 0: not reported
}

// AppendJSON writes the form in Txn's documentation. It quotes as Go does, for plain ASCII.
func (t Txn) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	if len(t.If) > 0 {
		b = append(b, `"if":[`...)
		for i, c := range t.If {
			b = c.appendJSON(comma(b, i))
		}
		b = append(b, `],`...)
	}
	b = appendTxnOps(append(b, `"ops":`...), t.Ops)
	if len(t.Else) > 0 {
		b = appendTxnOps(append(b, `,"else":`...), t.Else)
	}
	if t.Answered {
		b = strconv.AppendBool(append(b, `,"succeeded":`...), t.Succeeded)
	}
	if t.Rev != 0 {
		b = strconv.AppendInt(append(b, `,"rev":`...), t.Rev, 10)
	}
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

func appendTxnOps(b []byte, ops []TxnOp) []byte {
	b = append(b, '[')
	for i := range ops {
		b = ops[i].appendJSON(comma(b, i))
	}
	return append(b, ']')
}

func (c TxnCompare) appendJSON(b []byte) []byte {
	b = strconv.AppendQuote(append(b, '['), string(c.Target))
	b = strconv.AppendQuote(append(b, ','), c.Result)
	b = strconv.AppendQuote(append(b, ','), c.Key)
	b = append(b, ',')
	if c.Target == TxnValue {
		b = strconv.AppendQuote(b, c.Value)
	} else {
		b = strconv.AppendInt(b, c.Number, 10)
	}
	return append(b, ']')
}

func (o *TxnOp) appendJSON(b []byte) []byte {
	b = strconv.AppendQuote(append(b, '['), string(o.Kind))
	b = strconv.AppendQuote(append(b, ','), o.Key)
	b = append(b, ',')
	switch {
	case o.Kind == TxnPut:
		b = strconv.AppendQuote(b, o.Value)
	case o.Kind == TxnRange:
		b = o.appendItems(strconv.AppendQuote(b, o.End))
	case o.Kind == TxnDelete && o.Done:
		b = strconv.AppendInt(b, o.Count, 10)
	case o.Kind == TxnGet && len(o.Items) > 0:
		b = o.Items[0].appendJSON(b)
	default:
		b = append(b, "null"...)
	}
	return append(b, ']')
}

func (o *TxnOp) appendItems(b []byte) []byte {
	if !o.Done {
		return append(b, ",null"...)
	}
	b = append(b, ",["...)
	for i, item := range o.Items {
		b = strconv.AppendQuote(append(comma(b, i), '['), item.Key)
		b = append(item.appendJSON(append(b, ',')), ']')
	}
	return append(b, ']')
}

// appendJSON writes value and, if told, revision.
func (i TxnItem) appendJSON(b []byte) []byte {
	b = strconv.AppendQuote(b, i.Value)
	if i.Mod != 0 {
		b = strconv.AppendInt(append(b, ','), i.Mod, 10)
	}
	return b
}
