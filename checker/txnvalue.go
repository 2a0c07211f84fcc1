package checker

import (
	"encoding/json"
	"fmt"

	"github.com/faultline-chaos/faultline/harness"
)

// txnValue is the JSON value of a "txn" op; see harness.Txn. Its ops are read by those who know what
// they mean.
type txnValue struct {
	If        [][]json.RawMessage `json:"if"`
	Ops       [][]json.RawMessage `json:"ops"`
	Else      [][]json.RawMessage `json:"else"`
	Succeeded *bool               `json:"succeeded"`
	Rev       int64               `json:"rev"`
}

func parseTxn(op *harness.Op) (v txnValue, err error) {
	if err := json.Unmarshal(op.Value, &v); err != nil {
		return v, fmt.Errorf("op %d: value of a txn: %w", op.Index, err)
	}
	return v, nil
}

// text is a JSON string.
func jsonString(b json.RawMessage) (s string, err error) { return s, json.Unmarshal(b, &s) }

// number is a JSON integer.
func jsonInt(b json.RawMessage) (n int64, err error) { return n, json.Unmarshal(b, &n) }
