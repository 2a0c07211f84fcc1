package results

import (
	"bytes"

	"github.com/faultline-chaos/faultline/harness"
)

// ParseHistory reads the content of history.jsonl. The ops' values share b's memory, so b must not
// change afterwards. cut says what was left out: a last line without its end, as a crash leaves it.
// Everything else that is damaged is a *harness.DamageError: it names the line and what is wrong with
// it.
func ParseHistory(b []byte) (ops []harness.Op, cut string, err error) {
	ops = make([]harness.Op, 0, bytes.Count(b, []byte{'\n'})+1)
	cut, err = harness.ParseOps(b, func(r *harness.RawOp, _ *harness.Sequence, _ []byte) error {
		ops = append(ops, r.Op())
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return ops, cut, nil
}
