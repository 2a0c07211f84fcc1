//go:build bugs

package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/store/internal/bug"
)

// TestPlantedBugs runs TestFaults' mix with each planted mistake until it fails: a mistake that
// changes nothing would be worth nothing.
func TestPlantedBugs(t *testing.T) {
	hidden := map[string]string{
		bug.LeaseRead:    "it needs a pause, see TestPlantedStaleReads",
		bug.ReadIDReused: "it needs an answer that outlives a restart, see TestPlantedStaleReads",
	}
	for _, name := range bug.Names {
		t.Run(name, func(t *testing.T) {
			if why, ok := hidden[name]; ok {
				t.Skip(why)
			}
			for seed := range uint64(400) {
				if failure := caught(func(c *catcher) { faults(c, seed, name) }); failure != "" {
					t.Logf("seed %d: %.300s", seed, failure)
					return
				}
			}
			require.Fail(t, "it was never noticed")
		})
	}
}

func TestPlantedStaleReads(t *testing.T) {
	require.EqualValues(t, 2, readAfterPause(t, bug.LeaseRead), "it must be stale")
	require.EqualValues(t, 2, readAfterRestart(t, bug.ReadIDReused), "it must be stale")
}

// catcher turns failures into panics.
type catcher struct{ text string }

type failed struct{}

func (c *catcher) Errorf(format string, args ...any) { c.text += fmt.Sprintf(format, args...) }
func (c *catcher) FailNow()                          { panic(failed{}) }
func (c *catcher) Helper()                           {}

// caught returns how f failed, "" if it did not. A panic of raft is a failure too.
func caught(f func(*catcher)) (failure string) {
	c := &catcher{}
	defer func() {
		if r := recover(); r != nil {
			failure = fmt.Sprint("panic: ", r)
			if _, ok := r.(failed); ok {
				failure = c.text
			}
		}
	}()
	f(c)
	return ""
}
