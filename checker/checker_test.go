package checker

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/faultline-chaos/faultline/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type panicking struct{}

func (panicking) Name() string { return "panicking" }

func (panicking) Check(context.Context, history.History) history.Verdict { panic("boom") }

func TestRunCatchesPanicsAndKeepsTheOrder(t *testing.T) {
	list := []history.Checker{panicking{}}
	for _, e := range All() {
		require.NotEmpty(t, e.Doc)
		require.Equal(t, e.Name, e.New().Name())
		list = append(list, e.New())
	}
	got := Run(t.Context(), list, history.History{})
	require.Len(t, got, len(list))
	for i, v := range got {
		require.Equal(t, list[i].Name(), v.Checker)
		if v.Checker != "all-healed" { // nothing was injected, so nothing is left
			require.Equal(t, history.Unknown, v.Validity, "%s of an empty history: %s", v.Checker, v.Reason)
		}
		require.NotEmpty(t, v.Reason)
	}
	require.Contains(t, got[0].Reason, "boom")
}
