package harness_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
)

func TestControl(t *testing.T) {
	for _, c := range []struct {
		name     string
		control  harness.Control
		tolerate float64
		want     harness.ControlResult
	}{
		{"no call", harness.Control{CalmCalls: 100}, 0, harness.ControlTooFew},
		{"none failed", harness.Control{Calls: 1}, 0, harness.ControlUndisturbed},
		{"as many as tolerated", harness.Control{Failed: 1, Calls: 100, CalmCalls: 1000}, 0.01, harness.ControlUndisturbed},
		{"as many as in the calm", harness.Control{Failed: 5, Calls: 100, CalmFailed: 50, CalmCalls: 1000}, 0.01, harness.ControlTooBusy},
		{"no calm", harness.Control{Failed: 9, Calls: 9}, 0, harness.ControlTooFew},
		{"a short calm", harness.Control{Failed: 20, Calls: 888, CalmCalls: 118}, 0.01, harness.ControlTooFew},
		{"a calm long enough", harness.Control{Failed: 20, Calls: 888, CalmCalls: 1180}, 0.01, harness.ControlDisturbed},
		{"all fail", harness.Control{Failed: 46, Calls: 46, CalmFailed: 1, CalmCalls: 491}, 0, harness.ControlDisturbed},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.control.Judge(c.tolerate)) })
	}
}
