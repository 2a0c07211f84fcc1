//go:build !linux

package server

import (
	"context"
	"errors"
	"time"
)

var began = time.Now()

// Now is a monotonic clock of this process.
func Now() int64 { return int64(time.Since(began)) }

// alarm needs Linux: only there do processes share a clock and a timer that is exact enough.
type alarm struct{ rang chan struct{} }

func newAlarm(context.Context) (*alarm, error) {
	return nil, errors.New("the paper's set-up on real processes needs Linux")
}

func (*alarm) set(int64) error { return errors.ErrUnsupported }
