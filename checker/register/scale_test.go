package register_test

import (
	"flag"
	"fmt"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/checker/register"
)

var scale = flag.Int("register.scale", 100_000, "calls of BenchmarkScale on its key")

// BenchmarkScale measures one key by processor time, which other programs disturb less than the clock.
func BenchmarkScale(b *testing.B) {
	for _, c := range []struct{ clients, unknown int }{{5, 1}, {20, 0}, {20, 1}, {20, 5}, {100, 0}, {100, 1}} {
		b.Run(fmt.Sprintf("clients=%d/unknown=%d%%", c.clients, c.unknown), func(b *testing.B) {
			ops := register.Long(*scale, c.clients, c.unknown, [4]int{50, 35, 10, 5}, 1)
			runtime.GC()
			before := processorTime()
			for b.Loop() {
				r := register.Check(b.Context(), ops, 1<<40)
				require.Equal(b, register.Legal, r.Verdict)
				b.ReportMetric(float64(r.Steps)/float64(len(ops)), "steps/call")
			}
			b.ReportMetric(float64(processorTime()-before)/float64(len(ops)*b.N), "cpu-ns/call")
		})
	}
}

func processorTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
