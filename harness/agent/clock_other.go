//go:build !unix

package agent

import "time"

var started = time.Now()

// monotonic has a zero of its own here: agents never share a kernel with this harness.
func monotonic() int64 { return int64(time.Since(started)) }
