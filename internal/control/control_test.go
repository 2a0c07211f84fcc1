package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/internal/control"
)

func TestControl(t *testing.T) {
	for _, c := range []struct {
		name     string
		rates    control.Rates
		tolerate float64
		want     control.Result
	}{
		{"no call", control.Rates{BaselineCalls: 100}, 0, control.TooFew},
		{"none failed", control.Rates{Calls: 1}, 0, control.Undisturbed},
		{"as many as tolerated", control.Rates{Failed: 1, Calls: 100, BaselineCalls: 1000}, 0.01, control.Undisturbed},
		{"as many as in the baseline", control.Rates{Failed: 5, Calls: 100, BaselineFailed: 50, BaselineCalls: 1000}, 0.01, control.TooBusy},
		{"no baseline", control.Rates{Failed: 9, Calls: 9}, 0, control.TooFew},
		{"a short baseline", control.Rates{Failed: 20, Calls: 888, BaselineCalls: 118}, 0.01, control.TooFew},
		{"a baseline long enough", control.Rates{Failed: 20, Calls: 888, BaselineCalls: 1180}, 0.01, control.Disturbed},
		{"all fail", control.Rates{Failed: 46, Calls: 46, BaselineFailed: 1, BaselineCalls: 491}, 0, control.Disturbed},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.rates.Judge(c.tolerate)) })
	}
}
