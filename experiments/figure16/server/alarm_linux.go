package server

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Now reads CLOCK_MONOTONIC, in nanoseconds.
func Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for bad arguments only
	return ts.Nano()
}

// alarm wakes at a time of CLOCK_MONOTONIC, to the microsecond where the machine is idle. Timers of
// package time are rounded to milliseconds while a process sleeps, which is as much as the narrowest
// range of timeouts.
type alarm struct {
	file *os.File
	fd   int
	rang chan struct{} // room for one
}

func newAlarm(ctx context.Context) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	a := &alarm{os.NewFile(uintptr(fd), "timer"), fd, make(chan struct{}, 1)}
	context.AfterFunc(ctx, func() { _ = a.file.Close() })
	go a.read()
	return a, nil
}

// read ends when the file is closed.
func (a *alarm) read() {
	var count [8]byte
	for {
		if _, err := a.file.Read(count[:]); err != nil {
			return
		}
		select {
		case a.rang <- struct{}{}:
		default:
		}
	}
}

// set replaces the time at which it rings.
func (a *alarm) set(at int64) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(at, 1))}
	if err := unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set the timer: %w", err)
	}
	return nil
}
