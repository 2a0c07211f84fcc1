package results

import (
	"bytes"

	"github.com/faultline-chaos/faultline/history"
)

// ParseHistory reads the content of history.jsonl. The ops' values share b's memory, so b must not
// change afterwards. cut says what was left out: a last line without its end, as a crash leaves it.
// Everything else that is damaged is a *history.DamageError: it names the line and what is wrong with
// it.
func ParseHistory(b []byte) (ops []history.Op, cut string, err error) {
	ops = make([]history.Op, 0, bytes.Count(b, []byte{'\n'})+1)
	cut, err = history.ParseOps(b, func(r *history.RawOp, _ *history.Sequence, _ []byte) error {
		ops = append(ops, r.Op())
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return ops, cut, nil
}
