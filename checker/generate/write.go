package generate

import (
	"bufio"
	"context"
	"io"
	"strconv"

	"github.com/faultline-chaos/faultline/history"
)

// What Write writes histories of: registers, lists that transactions append to, and registers that
// transactions read and write.
const (
	Registers    = "register"
	Lists        = "append"
	TxnRegisters = "rw-register"
)

// Workloads are the names that Write knows.
func Workloads() []string { return []string{Registers, Lists, TxnRegisters} }

// Write writes a history as history.jsonl, of one of Workloads: the same bytes for the same
// configuration.
func Write(ctx context.Context, c Config, workload string, w io.Writer) (truth Truth, err error) {
	out := bufio.NewWriterSize(w, 1<<20)
	switch workload {
	case Lists:
		truth, err = Appends(ctx, c, txnWriter(out))
	case TxnRegisters:
		truth, err = ReadWrites(ctx, c, txnWriter(out))
	default:
		truth, err = writeRegisters(ctx, c, out)
	}
	if err != nil {
		return truth, err
	}
	return truth, out.Flush()
}

func writeRegisters(ctx context.Context, c Config, out io.Writer) (Truth, error) {
	write := opWriter(out)
	var value []byte
	return Run(ctx, c, func(l *Line) error {
		value = appendValue(value[:0], l)
		return write(history.Op{Index: l.Position, Time: l.Time, Process: l.Process, Type: l.Type, F: l.Form.String(), Value: value, Node: l.Node})
	})
}

func txnWriter(out io.Writer) func(*TxnLine) error {
	write := opWriter(out)
	return func(l *TxnLine) error {
		return write(history.Op{Index: l.Position, Time: l.Time, Process: l.Process, Type: l.Type, F: history.FTxn, Value: l.Value, Node: l.Node})
	}
}

// opWriter writes op after op as lines. What became unknown did so by a timeout.
func opWriter(out io.Writer) func(history.Op) error {
	var line []byte
	return func(op history.Op) error {
		switch op.Type {
		case history.Invoke:
			op.Kind = history.KindOf(&op)
		case history.Info:
			op.Error = "timeout"
		}
		line = op.AppendJSON(line[:0])
		_, err := out.Write(line)
		return err
	}
}

// appendValue writes an op's value as the register workload does.
func appendValue(b []byte, l *Line) []byte {
	member := func(name string, v []byte) {
		b = append(append(append(b, ',', '"'), name...), '"', ':')
		if v == nil {
			b = append(b, "null"...)
			return
		}
		b = append(append(append(b, '"'), v...), '"')
	}
	b = append(append(append(b, `{"key":"`...), l.Key...), '"')
	switch l.Form {
	case history.FormGet, history.FormPut:
		member("value", l.Value)
	case history.FormCAS:
		member("old", l.Old)
		member("new", l.New)
		if l.Swapped != history.Unsaid {
			b = strconv.AppendBool(append(b, `,"swapped":`...), l.Swapped == history.Yes)
		}
	case history.FormDelete:
		switch l.Deleted {
		case history.Yes:
			b = append(b, `,"deleted":1`...)
		case history.No:
			b = append(b, `,"deleted":0`...)
		}
	}
	if l.Rev > 0 {
		b = strconv.AppendInt(append(b, `,"rev":`...), l.Rev, 10)
	}
	if l.Form == history.FormGet && l.Value != nil && l.Mod > 0 {
		b = strconv.AppendInt(append(b, `,"mod":`...), l.Mod, 10)
	}
	return append(b, '}')
}
