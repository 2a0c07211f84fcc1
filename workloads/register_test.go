package workloads

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/realtime"
	"github.com/faultline-chaos/faultline/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a cluster of one register map behind three members. A member that is listed in errs
// fails every write with that error, after doing it where the error is not ErrNotApplied.
type memory struct {
	mu   sync.Mutex
	data map[string]string
	rev  int64
	errs map[history.NodeID]error
}

func newMemory() *memory { return &memory{data: map[string]string{}, rev: 1} }

func (*memory) Can(c harness.Capability) (string, error) { return "", c.Missing("") }
func (*memory) Runtime() string                          { return "memory" }
func (*memory) Members() []history.NodeID                { return []history.NodeID{"n1", "n2", "n3"} }

func (m *memory) Dial(id history.NodeID) (harness.KV, error) { return &memoryKV{m, id}, nil }

func (m *memory) Status(context.Context, history.NodeID) (harness.Status, error) {
	return harness.Status{}, errors.New("not asked for")
}

type memoryKV struct {
	m  *memory
	id history.NodeID
}

func (c *memoryKV) Close() error { return nil }

func (c *memoryKV) Get(_ context.Context, key string) (harness.Entry, error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if err := c.m.errs[c.id]; err != nil {
		return harness.Entry{}, err
	}
	v, ok := c.m.data[key]
	return harness.Entry{Value: v, Found: ok, Rev: c.m.rev}, nil
}

// write does a write and fails it as errs says.
func (c *memoryKV) write(f func()) (int64, error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	err := c.m.errs[c.id]
	if errors.Is(err, harness.ErrNotApplied) {
		return 0, err
	}
	c.m.rev++
	f()
	return c.m.rev, err
}

func (c *memoryKV) Put(_ context.Context, key, value string) (int64, error) {
	return c.write(func() { c.m.data[key] = value })
}

func (c *memoryKV) CAS(_ context.Context, key string, old *string, next string) (swapped bool, rev int64, err error) {
	rev, err = c.write(func() {
		v, ok := c.m.data[key]
		if swapped = ok == (old != nil) && (!ok || v == *old); swapped {
			c.m.data[key] = next
		}
	})
	return swapped, rev, err
}

func (c *memoryKV) Delete(_ context.Context, key string) (n int64, rev int64, err error) {
	rev, err = c.write(func() {
		if _, ok := c.m.data[key]; ok {
			n = 1
		}
		delete(c.m.data, key)
	})
	return n, rev, err
}

// play runs the workload for d and then its final reads, with its phases, and returns the history.
func play(t *testing.T, r Register, m *memory, workers int, d time.Duration) []history.Op {
	t.Helper()
	env := realtime.New(1)
	rec := harness.NewRecorder(env, io.Discard, harness.RecorderOptions{Keep: true})
	var run, final []harness.Task
	for i := range workers {
		w := harness.NewWorker(env, m, rec, r.Ops(), i, workers)
		defer w.Close()
		run = append(run, func(ctx context.Context) error { return r.Run(ctx, w) })
		final = append(final, func(ctx context.Context) error { return r.Final(ctx, w) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.NoError(t, env.Parallel(ctx, run...))
	m.mu.Lock()
	m.errs = nil
	m.mu.Unlock()
	rec.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.PhaseFinal})})
	require.NoError(t, env.Parallel(t.Context(), final...))
	return rec.Ops()
}

func requireValid(t *testing.T, ops []history.Op) {
	t.Helper()
	for _, v := range checker.Run(t.Context(), Register{}.Checkers(), history.History{Ops: ops}) {
		require.Equal(t, history.Valid, v.Validity, "%s: %s", v.Checker, v.Reason)
	}
}

// fast is a workload that does in a second what others do in a minute.
func fast() Register {
	return Register{Generation: 50 * time.Millisecond, Think: 200 * time.Microsecond, Timeout: 20 * time.Millisecond}
}

func TestRegisterOnAHealthyCluster(t *testing.T) {
	ops := play(t, fast(), newMemory(), 5, 300*time.Millisecond)
	requireValid(t, ops)
	did := map[string]int{}
	for _, op := range ops {
		var v struct {
			Key     string
			Swapped bool
			Rev     int64
		}
		if !op.Client() || op.Type == history.Invoke {
			continue
		}
		require.Equal(t, history.OK, op.Type)
		require.NoError(t, json.Unmarshal(op.Value, &v))
		require.NotZero(t, v.Rev)
		did[op.F]++
		if v.Swapped {
			did["swapped"]++
		}
	}
	for _, f := range []string{"get", "put", "cas", "delete", "swapped"} {
		require.NotZero(t, did[f], f)
	}
	require.Greater(t, 4*did["swapped"], did["cas"], "a good part of the compare-and-sets must succeed")
}

// TestRegisterRetries: attempts of one call go to other members, share its number, and each has a
// value of its own.
func TestRegisterRetries(t *testing.T) {
	for name, broken := range map[string]error{
		"refused": fmt.Errorf("%w: refused", harness.ErrNotApplied),
		"unknown": errors.New("timeout"),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			m.errs = map[history.NodeID]error{"n1": broken, "n2": broken}
			ops := play(t, fast(), m, 3, 400*time.Millisecond)
			requireValid(t, ops)
			last := map[int]history.Op{}
			values := map[string]bool{}
			retries := 0
			for _, op := range ops {
				if op.Type != history.Invoke || !op.Client() {
					continue
				}
				require.NotZero(t, op.Call)
				var v struct{ Value, New string }
				require.NoError(t, json.Unmarshal(op.Value, &v))
				if v := v.Value + v.New; v != "" {
					require.False(t, values[v], "value %s is written twice", v)
					values[v] = true
				}
				if before, ok := last[op.Call]; ok {
					retries++
					require.NotEqual(t, before.Node, op.Node)
					require.Equal(t, before.F, op.F)
				}
				last[op.Call] = op
			}
			require.NotZero(t, retries)
		})
	}
}

// TestFinalReadsEveryKey: whatever was written is read, the last keys from every member.
func TestFinalReadsEveryKey(t *testing.T) {
	ops := play(t, fast(), newMemory(), 4, 300*time.Millisecond)
	at := slices.IndexFunc(ops, func(op history.Op) bool { return op.F == history.FPhase })
	key := func(op history.Op) string {
		var v struct{ Key string }
		require.NoError(t, json.Unmarshal(op.Value, &v))
		return v.Key
	}
	read := map[string][]history.NodeID{}
	for _, op := range ops[at+1:] {
		if op.Type == history.OK {
			read[key(op)] = append(read[key(op)], op.Node)
		}
	}
	lastWritten := ""
	for _, op := range ops[:at] {
		if op.Type == history.OK && op.F != "get" {
			lastWritten = key(op)
			require.NotEmpty(t, read[lastWritten], lastWritten)
		}
	}
	require.Len(t, read[lastWritten], 3, "a key of the last generation is read from every member")
}

func TestFinalEndsWithItsContext(t *testing.T) {
	m := newMemory()
	m.errs = map[history.NodeID]error{"n1": errors.New("x"), "n2": errors.New("x"), "n3": errors.New("x")}
	env := realtime.New(1)
	w := harness.NewWorker(env, m, harness.NewRecorder(env, io.Discard, harness.RecorderOptions{}), Register{}.Ops(), 0, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := fast().Final(ctx, w)
	require.ErrorContains(t, err, "final read of k0 on n1")
}

// TestValuesAreTheirJSON: what AppendJSON writes is what DESIGN says, and valid JSON.
func TestValuesAreTheirJSON(t *testing.T) {
	old := "1.1"
	for want, v := range map[string]history.JSONAppender{
		`{"key":"k1","value":null}`:                                    history.RegisterValue{Form: history.FormGet, Key: "k1"},
		`{"key":"k1","value":"0.1","rev":7}`:                           history.RegisterValue{Form: history.FormPut, Key: "k1", Value: new("0.1"), Rev: 7},
		`{"key":"k1","value":"0.1","mod":6,"rev":7}`:                   history.RegisterValue{Form: history.FormPut, Key: "k1", Value: new("0.1"), Mod: 6, Rev: 7},
		`{"key":"k1","old":null,"new":"0.1"}`:                          history.RegisterValue{Form: history.FormCAS, Key: "k1", New: "0.1"},
		`{"key":"k1","old":"1.1","new":"0.1","swapped":false,"rev":8}`: history.RegisterValue{Form: history.FormCAS, Key: "k1", Old: &old, New: "0.1", Swapped: new(false), Rev: 8},
		`{"key":"k1","old":"1.1","new":"0.1","swapped":true}`:          history.RegisterValue{Form: history.FormCAS, Key: "k1", Old: &old, New: "0.1", Swapped: new(true)},
		`{"key":"k1"}`:                      history.RegisterValue{Form: history.FormDelete, Key: "k1"},
		`{"key":"k1","deleted":0,"rev":9}`:  history.RegisterValue{Form: history.FormDelete, Key: "k1", Deleted: new(int64(0)), Rev: 9},
		`{"key":"k1","deleted":1,"rev":10}`: history.RegisterValue{Form: history.FormDelete, Key: "k1", Deleted: new(int64(1)), Rev: 10},
	} {
		got := v.AppendJSON(nil)
		require.Equal(t, want, string(got))
		require.True(t, json.Valid(got))
		require.True(t, bytes.HasPrefix(v.AppendJSON([]byte("x")), []byte("x{")))
	}
}

func TestByName(t *testing.T) {
	var names []string
	for _, e := range All() {
		names = append(names, e.Name)
		w, err := ByName(e.Name, Options{Think: time.Second})
		require.NoError(t, err)
		require.Equal(t, e.Name, w.Name())
		require.NotEmpty(t, e.Doc)
		require.NotEmpty(t, w.Checkers())
		require.NotContains(t, e.Doc, "\n")
	}
	_, err := ByName("registre", Options{})
	require.EqualError(t, err, `unknown workload "registre": allowed are `+strings.Join(names, ", "))
}
