package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines are examples of what the fast way takes, and of what it must leave to encoding/json.
var lines = []string{
	`{"index":0,"time":1,"process":0,"type":"invoke","f":"put","value":{"key":"a","value":"1"},"node":"n1"}`,
	`{"index":7,"time":9,"process":-1,"type":"info","f":"inject","value":{"id":"f1","nodes":["n1"],"issued":3},"error":"a \"b\" ä"}`,
	`{ "f": "get", "process": 3, "type": "ok", "time": 7, "index": 0, "value": {"key" : "a", "value": null} }`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"txn","value":{"ops":[["append","x",1],["r","x",[1.5e3]]]},"call":2,"sched":4}`,
	`{"index":0,"time":5,"process":1,"type":"fail","f":"get","value":null,"error":""}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","value":[],"error":"\u00e4\ud800"}`,
	`{"index":0,"time":5,"process":1,"type":"invoke","f":"transfer","kind":"write"}`,
	`{"index":0,"time":5,"process":1,"type":"fail","f":"transfer","rejected":true,"error":"a key changed"}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"transfer","rejected": false ,"kind": "read"}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","kind":"reads","rejected":1}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","kind":"","rejected":truely}`,
	`{"index":0,"index":1,"time":5,"process":1,"type":"ok","f":"get"}`,
	`{"INDEX":4,"time":5,"process":1,"type":"ok","f":"get"}`,
	`{"index":007,"time":-0,"process":1.0,"type":"ok","f":"a","value":{"a":"}\""}}`,
	`{"index":1e3,"time":123456789012345678901,"process":-,"type":"ok","f":"a"}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","value":{"a":01}}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","value":{"a":"x",}}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","value":{"a":tru}}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get","value":nul,"error":5}`,
	`{"index":0,"time":5,"process":1,"type":"ok","f":"get",}`,
	`{"index":null,"time":5,"process":1,"type":null,"f":"get"}`,
	`{"f":"g\u0065t","type":"o\u006b","time":0,"index":0,"process":0}`,
	`{}`, `{`, ``, `null`, `[]`, `{"":""}`, `{"value":{}}`, `{"value":{"a":{}}}`, "{\"f\":\"a\tb\"}", "{\"value\":\"\x7f\"}",
}

// TestScanTakesTheCommonShape: what the recorder and other people's encoders write goes the fast way.
func TestScanTakesTheCommonShape(t *testing.T) {
	var r RawOp
	for _, l := range lines[:5] {
		require.True(t, r.scan([]byte(l)), l)
	}
	for _, op := range []Op{
		{Index: 3, Time: 12, Process: 4, Type: OK, F: "get", Value: []byte(`{"key":"a","value":null}`), Node: "n9", Call: 2, Sched: 5, Error: "x\n\"y\""},
		{Time: 12, Process: 4, Type: Invoke, F: "transfer", Kind: KindWrite, Value: []byte(`{}`), Node: "n9", Call: 2},
		{Time: 12, Process: 4, Type: Fail, F: "transfer", Node: "n9", Rejected: true, Error: "a key changed"},
	} {
		line := bytes.TrimSpace(op.AppendJSON(nil))
		want, err := json.Marshal(op)
		require.NoError(t, err)
		require.Equal(t, string(want), string(line))
		require.True(t, r.scan(line))
		require.Equal(t, op, r.Op())
	}
}

// TestKindOfALine: a line says its op's kind; of those that were written before lines did, the name does.
func TestKindOfALine(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		kind Kind
		err  string
	}{
		"said":            {`"process":0,"type":"invoke","f":"put","kind":"read"}`, KindRead, ""},
		"a new name":      {`"process":0,"type":"invoke","f":"mine","kind":"write"}`, KindWrite, ""},
		"an old read":     {`"process":0,"type":"invoke","f":"balances"}`, KindRead, ""},
		"an old write":    {`"process":0,"type":"invoke","f":"txn"}`, KindWrite, ""},
		"an old probe":    {`"process":1000000000000,"type":"invoke","f":"probe-get"}`, KindRead, ""},
		"nothing":         {`"process":0,"type":"invoke","f":"mine"}`, "", ""},
		"a completion":    {`"process":0,"type":"ok","f":"get"}`, "", ""},
		"no client's":     {`"process":-1,"type":"invoke","f":"read"}`, "", ""},
		"unknown":         {`"process":0,"type":"invoke","f":"put","kind":"both"}`, "", `unknown kind "both": allowed are read, write`},
		"rejected but ok": {`"process":0,"type":"ok","f":"put","rejected":true}`, "", "rejected: only an op of type fail is, and this one is of type ok"},
	} {
		t.Run(name, func(t *testing.T) {
			var r RawOp
			err := r.Parse([]byte(`{"index":0,"time":5,` + c.line))
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.kind, r.Kind)
		})
	}
}

// FuzzScan: wherever the fast way answers, encoding/json answers the same.
func FuzzScan(f *testing.F) {
	for _, l := range lines {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line, _, _ = bytes.Cut(line, []byte{'\n'})
		if invalidUTF8(line) >= 0 {
			return
		}
		var fast, slow RawOp
		if !fast.scan(line) {
			return
		}
		var op Op
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		err := d.Decode(&op)
		if err == nil {
			_, err = d.Token()
		}
		require.ErrorIs(t, err, io.EOF, "%s", line)
		got := fast.Op()
		if fast.Type == "" { // scan keeps no unknown type; Parse refuses it
			require.Error(t, slow.Parse(line))
			got.Type = op.Type
		}
		require.Equal(t, op, got, "%s", line)
	})
}

// FuzzParse: a line is read or refused with a column on it, in one line of text.
func FuzzParse(f *testing.F) {
	for _, l := range lines {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line, _, _ = bytes.Cut(line, []byte{'\n'})
		var r RawOp
		err := r.Parse(line)
		if err == nil {
			r.Op()
			return
		}
		var damage *DamageError
		require.ErrorAs(t, err, &damage)
		require.LessOrEqual(t, damage.Column, len(line)+1)
		require.NotContains(t, err.Error(), "\n")
	})
}

// FuzzReadOps: reading from a stream and from memory agree, whatever the input.
func FuzzReadOps(f *testing.F) {
	good := lines[0] + "\n" + strings.Replace(strings.Replace(lines[0], "invoke", "ok", 1), `"index":0`, `"index":1`, 1) + "\n"
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)-20]))
	f.Add([]byte(good + good))
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(from func(func(*RawOp, *Sequence, []byte) error) (string, error)) (ops []Op, cut string, err error) {
			cut, err = from(func(r *RawOp, _ *Sequence, _ []byte) error {
				op := r.Op()
				op.Value = bytes.Clone(op.Value)
				require.Equal(t, len(ops), op.Index)
				ops = append(ops, op)
				return nil
			})
			return ops, cut, err
		}
		ops, cut, err := read(func(take func(*RawOp, *Sequence, []byte) error) (string, error) {
			return ReadOps(bytes.NewReader(b), take)
		})
		ops2, cut2, err2 := read(func(take func(*RawOp, *Sequence, []byte) error) (string, error) { return ParseOps(b, take) })
		require.Equal(t, ops, ops2)
		require.Equal(t, cut, cut2)
		require.Equal(t, err, err2)
		if err != nil {
			require.Contains(t, err.Error(), "line ")
			require.NotContains(t, err.Error(), "\n")
		}
	})
}

// endless is a line without an end.
type endless struct{ left int }

func (e *endless) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), e.left)
	for i := range b[:n] {
		b[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestReadOpsRefusesALongLine(t *testing.T) {
	e := &endless{left: 100 << 20}
	_, err := ReadOps(io.MultiReader(strings.NewReader(lines[0]+"\n"), e), func(*RawOp, *Sequence, []byte) error { return nil })
	require.EqualError(t, err, "line 2: it is longer than 16 MiB, the most that is read")
	require.Greater(t, e.left, 80<<20, "it stops reading")
}

func TestReadOpsAfterABrokenStream(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		cut  string
		want string
	}{
		{"a stream that ends early is cut", io.ErrUnexpectedEOF, "its compressed stream ends early; line 2 and what followed were left out", ""},
		{"a broken disk is an error", errors.New("input/output error"), "", "after line 1: input/output error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			r := io.MultiReader(strings.NewReader(lines[0]+"\n{"), &broken{c.err})
			cut, err := ReadOps(r, func(*RawOp, *Sequence, []byte) error { n++; return nil })
			require.Equal(t, 1, n)
			require.Equal(t, c.cut, cut)
			if c.want != "" {
				require.EqualError(t, err, c.want)
			}
		})
	}
}

type broken struct{ err error }

func (b *broken) Read([]byte) (int, error) { return 0, b.err }

func TestSequenceSlots(t *testing.T) {
	var s Sequence
	for i, p := range []int64{0, 5, ProbeProcess, lowProcesses - 1, lowProcesses, 3} {
		r := RawOp{Index: int64(2 * i), Process: p, Type: Invoke, F: []byte("get")}
		require.NoError(t, s.Next(&r, nil))
		require.Equal(t, i, s.Slot())
		r.Index, r.Type = r.Index+1, OK
		require.NoError(t, s.Next(&r, nil))
		require.Equal(t, i, s.Slot())
	}
}

func BenchmarkParse(b *testing.B) {
	for _, l := range []struct{ name, line string }{{"register", lines[0]}, {"spaces", lines[2]}, {"txn", lines[3]}} {
		b.Run(l.name, func(b *testing.B) {
			b.SetBytes(int64(len(l.line)))
			b.ReportAllocs()
			line := []byte(l.line)
			var r RawOp
			for b.Loop() {
				if err := r.Parse(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
