package revision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWork: histories are decided with no more returns to a gap than today.
func TestWork(t *testing.T) {
	for _, c := range []struct {
		name    string
		h       History
		returns int
	}{
		{"outages in which half of the calls run", long(20_000, 20, outages{every: 2000, lost: 60, ran: 50}, 7), 40},
		{"outages in which all calls run late", long(20_000, 20, outages{every: 2000, lost: 60, ran: 100}, 7), 97},
		{"one outage of half the history", long(2_000, 5, outages{every: 2000, lost: 1000, ran: 50}, 7), 19},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check(t.Context(), c.h, c.returns)
			require.Equal(t, Legal, got.Verdict, "%s", got.Reason)
			t.Log(got.Returns)
		})
	}
}
