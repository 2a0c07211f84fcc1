package revision

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

var longOps = flag.Int("revision.long", 50_000, "ops of the long simulated histories")

// TestLong: histories that are legal by construction, and the same with one stale read.
func TestLong(t *testing.T) {
	for _, c := range []struct {
		name    string
		n       int
		clients int
		outages outages
	}{
		{"no outage", *longOps, 20, outages{}},
		{"outages in which half of the calls run", *longOps, 20, outages{every: 2000, lost: 60, ran: 50}},
		{"outages in which all calls run late", *longOps, 20, outages{every: 2000, lost: 60, ran: 100}},
		{"one outage of half the history", 2_000, 5, outages{every: 2000, lost: 1000, ran: 50}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := long(c.n, c.clients, c.outages, 7)
			got := Check(t.Context(), h)
			require.Equal(t, Legal, got.Verdict, "%+v", got)
			t.Logf("%d gaps, %d returns", got.Gaps, got.Returns)
			stale := -1
			for i := c.n * 3 / 4; stale < 0; i++ {
				if o := &h.Ops[i]; o.known() && len(o.If) == 0 && o.Then[0].Kind == Get && len(o.Outputs[0].Items) > 0 {
					stale = i
					o.Outputs[0].Items[0].Value--
				}
			}
			got = Check(t.Context(), h)
			require.Equal(t, Illegal, got.Verdict, "%+v", got)
			require.Equal(t, stale, got.Op, "%s", got.Reason)
		})
	}
}
