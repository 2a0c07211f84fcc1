package checker

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

const helperEnv = "FAULTLINE_TEST_HELPER"

// TestHelperProcess is the helper itself, when another test starts this program for it.
func TestHelperProcess(t *testing.T) {
	if os.Getenv(helperEnv) == "" {
		t.Skip("no test asked for it")
	}
	require.NoError(t, ServeHelper(os.Stdin, os.Stdout))
	os.Exit(0)
}

func withTestHelper(t *testing.T) context.Context {
	t.Helper()
	t.Setenv(helperEnv, "1")
	exe, err := os.Executable()
	require.NoError(t, err)
	return WithHelper(t.Context(), exe, "-test.run=^TestHelperProcess$")
}

// repeated is a history that writes two values over and over, one call at a time.
func repeated(n int, last string) history.History {
	k := history.History{}
	add := func(ty history.Type, f, value string) {
		v := map[string]any{"key": "k", "value": value}
		k.Ops = append(k.Ops, history.Op{Index: len(k.Ops), Type: ty, F: f, Value: history.EncodeValue(v)})
	}
	for i := range n {
		v := strconv.Itoa(i % 2)
		for _, f := range []string{"put", "get"} {
			add(history.Invoke, f, v)
			if i == n-1 && f == "get" {
				v = last
			}
			add(history.OK, f, v)
		}
	}
	return k
}

// TestRepeatedValuesInAChild: what the fast algorithm leaves open is decided in a process of its own,
// in both directions, and named where it is not.
func TestRepeatedValuesInAChild(t *testing.T) {
	ctx := withTestHelper(t)
	v := Linearizable{}.Check(ctx, repeated(1_000, "1"))
	require.Equal(t, history.Valid, v.Validity, v.Reason)
	v = Linearizable{}.Check(ctx, repeated(1_000, "0"))
	require.Equal(t, history.Invalid, v.Validity, v.Reason)
	v = Linearizable{}.Check(t.Context(), repeated(1_000, "1"))
	require.Equal(t, history.Unknown, v.Validity, "without a helper it is too long")
	require.Contains(t, v.Reason, `"k" (a value that was looked at was written more than once, at op `)
	require.Contains(t, v.Reason, "2000 ops are too many for porcupine in this process")
}

func TestAHelperThatDoesNotWork(t *testing.T) {
	ctx := WithHelper(t.Context(), "/nowhere/faultline")
	v := Linearizable{}.Check(ctx, repeated(10, "1"))
	require.Equal(t, history.Unknown, v.Validity)
	require.Contains(t, v.Reason, "porcupine's process: ")
}

// hard is a key that a generic search cannot decide: unknown puts, any of which may come anywhere.
func hard() []register.Op {
	var ops []register.Op
	for i := range register.Value(60) {
		ops = append(ops, register.Op{Kind: register.Put, Value: i + 1, Call: int64(i), Return: register.Never})
	}
	return append(ops, register.Op{Kind: register.Get, Value: 99, Call: 100, Return: 101})
}

func TestHelperIsLimited(t *testing.T) {
	ctx := withTestHelper(t)
	command, _ := ctx.Value(helperCommand{}).([]string)
	r, err := ask(ctx, command, question{Windows: [][]register.Op{hard()}, Time: 300 * time.Millisecond, Memory: 4 << 30})
	require.NoError(t, err)
	require.Equal(t, porcupine.Unknown, r.Result, "time")
	if runtime.GOOS != "linux" {
		t.Skip("memory is limited on Linux only")
	}
	_, err = ask(ctx, command, question{Windows: [][]register.Op{hard()}, Time: time.Minute, Memory: 150 << 20})
	require.ErrorContains(t, err, "porcupine needs more than 150 MiB")
}

func TestServeHelperRefuses(t *testing.T) {
	require.ErrorContains(t, ServeHelper(bytes.NewReader(nil), nil), "read the question")
}
