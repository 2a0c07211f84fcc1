package revision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// traps are histories that are easily judged wrong, each with one that differs as little as possible
// and has another verdict. They are those of package register.
var traps = []struct {
	name           string
	before         []Op
	legal, illegal []Op
}{
	{
		"a put of unknown outcome takes effect after its own retry, but once",
		[]Op{lost(put(1, 0, 1, 0)), put(2, 2, 3, 2), get(2, 2, 4, 5, 2), get(1, 3, 6, 7, 3)},
		nil,
		[]Op{get(2, 2, 8, 9, 3)},
	},
	{
		"after an unknown put was seen the older value does not return",
		[]Op{put(1, 0, 1, 2), lost(put(2, 2, 3, 0))},
		[]Op{get(1, 2, 4, 5, 2), get(2, 3, 6, 7, 3)},
		[]Op{get(2, 3, 4, 5, 3), get(1, 2, 6, 7, 3)},
	},
	{
		"an earlier put surfaces after a later one has returned, if its outcome is unknown",
		[]Op{get(1, 3, 4, 5, 3)},
		[]Op{lost(put(1, 0, 1, 0)), put(2, 2, 3, 2)},
		[]Op{put(1, 0, 1, 2), put(2, 2, 3, 3)},
	},
	{
		"one unknown delete explains one create",
		[]Op{cas(0, 1, true, 0, 1, 2), lost(remove(0, 2, 3, 0)), cas(0, 2, true, 3, 4, 4)},
		nil,
		[]Op{cas(0, 3, true, 5, 6, 5)},
	},
	{
		"a failed compare-and-set, explained by an unknown put that nobody read: the old value is gone",
		[]Op{put(1, 0, 1, 2), lost(put(2, 2, 3, 0)), cas(1, 9, false, 3, 4, 3)},
		nil,
		[]Op{get(1, 2, 5, 6, 3)},
	},
	{
		"a state that is not the one value and then not the other",
		[]Op{put(1, 0, 1, 2), lost(put(2, 2, 3, 0))},
		[]Op{cas(2, 8, false, 3, 4, 2), cas(1, 9, false, 5, 6, 3)},
		[]Op{cas(1, 9, false, 3, 4, 3), cas(2, 8, false, 5, 6, 3)},
	},
	{
		"a create that fails on an empty key needs an unknown write",
		[]Op{cas(0, 9, false, 2, 3, 2)},
		[]Op{lost(put(1, 0, 1, 0))},
		nil,
	},
	{
		"after a create that failed so, absence needs an unknown delete",
		[]Op{lost(put(1, 0, 1, 0)), cas(0, 9, false, 2, 3, 2), gone(4, 5, 3)},
		[]Op{lost(remove(0, 1, 2, 0))},
		nil,
	},
	{
		"a delete that found something on an empty key, explained by an unknown put, once",
		[]Op{lost(put(1, 0, 1, 0)), remove(1, 2, 3, 3)},
		nil,
		[]Op{remove(1, 4, 5, 4)},
	},
	{
		"a chain through unknown compare-and-sets goes one way",
		[]Op{put(1, 0, 1, 2), lost(cas(1, 2, true, 2, 3, 0)), lost(cas(2, 3, true, 3, 4, 0)), get(3, 4, 5, 6, 4)},
		nil,
		[]Op{get(2, 3, 7, 8, 4)},
	},
	{
		"compare-and-sets in a circle have no origin",
		[]Op{lost(cas(1, 2, true, 0, 1, 0)), get(1, 2, 2, 3, 2)},
		[]Op{lost(cas(0, 1, true, 0, 1, 0))},
		[]Op{lost(cas(2, 1, true, 0, 1, 0))},
	},
	{
		"two compare-and-sets of one value cannot both win",
		[]Op{put(1, 0, 1, 2), cas(1, 2, true, 2, 9, 3)},
		[]Op{cas(2, 3, true, 2, 9, 4)},
		[]Op{cas(1, 3, true, 2, 9, 4)},
	},
	{
		"an invisible put between two others",
		[]Op{put(1, 0, 1, 2), put(2, 2, 9, 3), get(3, 4, 10, 11, 4)},
		[]Op{put(3, 2, 9, 4)},
		[]Op{put(3, 0, 1, 4)},
	},
	{
		"a put cannot hide where its reads are on both sides of another one",
		[]Op{put(1, 0, 20, 2), get(1, 2, 2, 3, 2), get(1, 2, 8, 9, 2)},
		[]Op{put(2, 5, 12, 3)},
		[]Op{put(2, 5, 6, 3)},
	},
	{
		"a read returns at the instant at which its put is called",
		[]Op{get(1, 2, 0, 5, 2)},
		[]Op{put(1, 5, 7, 2)},
		[]Op{put(1, 6, 7, 2)},
	},
	{
		"a call's time is taken before it is sent",
		[]Op{put(1, 0, 1, 2), get(2, 3, 6, 7, 3)},
		[]Op{put(2, 5, 9, 3)},
		[]Op{put(2, 8, 9, 3)},
	},
	{
		"a client library that retries within one call writes twice: attempts are recorded one by one",
		[]Op{put(1, 2, 3, 3), get(1, 3, 4, 5, 3)},
		[]Op{lost(put(1, 0, 1, 0))},
		nil,
	},
}

func TestTraps(t *testing.T) {
	for _, c := range traps {
		t.Run(c.name, func(t *testing.T) {
			for want, last := range map[Verdict][]Op{Legal: c.legal, Illegal: c.illegal} {
				h := History{Ops: append(c.before[:len(c.before):len(c.before)], last...)}
				got := Check(t.Context(), h)
				require.Equal(t, want, got.Verdict, "%s%s", got.Reason, show(h))
				require.Equal(t, want == Legal, oracle(h), "the oracle%s", show(h))
			}
		})
	}
}

// TestTrapManyUnknown: 30 unknown puts may be read in any order, but none of them twice apart.
func TestTrapManyUnknown(t *testing.T) {
	var h History
	for i := range int64(30) {
		n := i * 7 % 30
		h.Ops = append(h.Ops, lost(put(Value(1+i), i, i, 0)), get(Value(1+i), 2+n, 100+10*n, 105+10*n, 2+n))
	}
	require.Equal(t, Legal, Check(t.Context(), h).Verdict)
	h.Ops = append(h.Ops, get(4, 31, 1000, 1001, 31))
	require.Equal(t, Illegal, Check(t.Context(), h).Verdict)
}
