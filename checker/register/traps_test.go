package register

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// trap is a history that is easily judged wrong, and one that differs as little as possible and has
// another verdict. Both begin with before.
type trap struct {
	name           string
	before         []Op
	legal, illegal []Op
}

var traps = []trap{
	{
		"a put of unknown outcome takes effect after its own retry, but once",
		[]Op{{Put, 0, 1, 0, Never}, {Put, 0, 2, 2, 3}, {Get, 0, 2, 4, 5}, {Get, 0, 1, 6, 7}},
		nil,
		[]Op{{Get, 0, 2, 8, 9}},
	},
	{
		"after an unknown put was seen the older value does not return",
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, Never}},
		[]Op{{Get, 0, 1, 4, 5}, {Get, 0, 2, 6, 7}},
		[]Op{{Get, 0, 2, 4, 5}, {Get, 0, 1, 6, 7}},
	},
	{
		"an earlier put surfaces after a later one has returned, if its outcome is unknown",
		[]Op{{Put, 0, 2, 2, 3}, {Get, 0, 1, 4, 5}},
		[]Op{{Put, 0, 1, 0, Never}},
		[]Op{{Put, 0, 1, 0, 1}},
	},
	{
		"one unknown delete explains one create",
		[]Op{{CAS, 0, 1, 0, 1}, {Delete, 0, 0, 2, Never}, {CAS, 0, 2, 3, 4}},
		nil,
		[]Op{{CAS, 0, 3, 5, 6}},
	},
	{
		"a failed compare-and-set, explained by an unknown put that nobody read: the old value is gone",
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, Never}, {CASFailed, 1, 9, 3, 4}},
		nil,
		[]Op{{Get, 0, 1, 5, 6}},
	},
	{
		"a state that is not the one value and then not the other",
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, Never}},
		[]Op{{CASFailed, 2, 8, 3, 4}, {CASFailed, 1, 9, 5, 6}},
		[]Op{{CASFailed, 1, 9, 3, 4}, {CASFailed, 2, 8, 5, 6}},
	},
	{
		"a create that fails on an empty key needs an unknown write",
		[]Op{{CASFailed, 0, 9, 2, 3}},
		[]Op{{Put, 0, 1, 0, Never}},
		nil,
	},
	{
		"after a create that failed so, absence needs an unknown delete",
		[]Op{{Put, 0, 1, 0, Never}, {CASFailed, 0, 9, 2, 3}, {Get, 0, 0, 4, 5}},
		[]Op{{Delete, 0, 0, 1, Never}},
		nil,
	},
	{
		"a delete that found something on an empty key, explained by an unknown put, once",
		[]Op{{Put, 0, 1, 0, Never}, {DeleteFound, 0, 0, 2, 3}},
		nil,
		[]Op{{DeleteFound, 0, 0, 4, 5}},
	},
	{
		"a chain through unknown compare-and-sets goes one way",
		[]Op{{Put, 0, 1, 0, 1}, {CAS, 1, 2, 2, Never}, {CAS, 2, 3, 3, Never}, {Get, 0, 3, 5, 6}},
		nil,
		[]Op{{Get, 0, 2, 7, 8}},
	},
	{
		"compare-and-sets in a circle have no origin",
		[]Op{{CAS, 1, 2, 0, Never}, {Get, 0, 1, 2, 3}},
		[]Op{{CAS, 0, 1, 0, Never}},
		[]Op{{CAS, 2, 1, 0, Never}},
	},
	{
		"two compare-and-sets of one value cannot both win",
		[]Op{{Put, 0, 1, 0, 1}, {CAS, 1, 2, 2, 9}},
		[]Op{{CAS, 2, 3, 2, 9}},
		[]Op{{CAS, 1, 3, 2, 9}},
	},
	{
		"an invisible put between two others",
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, 9}, {Get, 0, 3, 10, 11}},
		[]Op{{Put, 0, 3, 2, 9}},
		[]Op{{Put, 0, 3, 0, 1}},
	},
	{
		"a put cannot hide where its reads are on both sides of another one",
		[]Op{{Put, 0, 1, 0, 20}, {Get, 0, 1, 2, 3}, {Get, 0, 1, 8, 9}},
		[]Op{{Put, 0, 2, 5, 12}},
		[]Op{{Put, 0, 2, 5, 6}},
	},
	{
		"a read returns at the instant at which its put is called",
		[]Op{{Get, 0, 1, 0, 5}},
		[]Op{{Put, 0, 1, 5, 7}},
		[]Op{{Put, 0, 1, 6, 7}},
	},
	{
		"a call's time is taken before it is sent",
		[]Op{{Put, 0, 1, 0, 1}, {Get, 0, 2, 6, 7}},
		[]Op{{Put, 0, 2, 5, 9}},
		[]Op{{Put, 0, 2, 8, 9}},
	},
}

func TestTraps(t *testing.T) {
	for _, c := range traps {
		t.Run(c.name, func(t *testing.T) {
			for want, last := range map[Verdict][]Op{Legal: c.legal, Illegal: c.illegal} {
				ops := append(c.before[:len(c.before):len(c.before)], last...)
				got := Check(t.Context(), ops, 0)
				require.Equal(t, want, got.Verdict, "%s%s", got.Reason, show(ops))
				require.Equal(t, want == Legal, oracle(ops), "the oracle%s", show(ops))
				require.Equal(t, want == Legal, byPorcupine(ops), "porcupine%s", show(ops))
			}
		})
	}
}

// TestTrapManyUnknown: 30 unknown puts may be read in any order, but none of them twice apart.
func TestTrapManyUnknown(t *testing.T) {
	var ops []Op
	for i := range 30 {
		ops = append(ops, Op{Put, 0, Value(1 + i), int64(i), Never})
		at := int64(100 + 10*(i*7%30))
		ops = append(ops, Op{Get, 0, Value(1 + i), at, at + 5})
	}
	require.Equal(t, Legal, Check(t.Context(), ops, 0).Verdict)
	require.Equal(t, Illegal, Check(t.Context(), append(ops, Op{Get, 0, 4, 1000, 1001}), 0).Verdict)
}

// TestTrapRetry: a client library that retries within one call may write twice. Recorded as one call
// that is a false alarm; recorded as attempts, with the same value, it is left open.
func TestTrapRetry(t *testing.T) {
	rest := []Op{{Put, 0, 2, 4, 5}, {Get, 0, 2, 6, 7}, {Get, 0, 1, 8, 9}}
	require.Equal(t, Illegal, Check(t.Context(), append([]Op{{Put, 0, 1, 0, 3}}, rest...), 0).Verdict)
	attempts := append([]Op{{Put, 0, 1, 0, Never}, {Put, 0, 1, 2, 3}}, rest...)
	got := Check(t.Context(), attempts, 0)
	require.Equal(t, Undecided, got.Verdict)
	require.Equal(t, reasonRepeated, got.Reason)
	require.True(t, oracle(attempts))
}

// TestPorcupinesOwn judges the histories of a register in porcupine's own tests (porcupine_test.go,
// TestRegisterModel; MIT). Its register holds 0 at the start.
func TestPorcupinesOwn(t *testing.T) {
	require.Equal(t, Legal, Check(t.Context(), []Op{{Put, 0, 100, 0, 100}, {Get, 0, 100, 25, 75}, {Get, 0, Absent, 30, 60}}, 0).Verdict)
	require.Equal(t, Illegal, Check(t.Context(), []Op{{Put, 0, 200, 0, 100}, {Get, 0, 200, 10, 30}, {Get, 0, Absent, 40, 90}}, 0).Verdict)
}
