package server

import (
	"fmt"

	"go.uber.org/zap"
)

// raftLogger passes raft's lines to zap.
type raftLogger struct{ *zap.SugaredLogger }

func (l raftLogger) Warning(v ...any)                 { l.Warn(v...) }
func (l raftLogger) Warningf(format string, v ...any) { l.Warnf(format, v...) }

// pebbleLogger passes pebble's errors to zap; what is fatal to pebble is fatal to the member.
type pebbleLogger struct {
	log  *zap.SugaredLogger
	fail func(error)
}

func (l pebbleLogger) Infof(format string, args ...any)  { l.log.Debugf(format, args...) }
func (l pebbleLogger) Errorf(format string, args ...any) { l.log.Errorf(format, args...) }

// Fatalf must not return: the goroutine that met the error goes no further.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("disk: "+format, args...)
	l.log.Errorf("%v", err)
	panic(err)
}
