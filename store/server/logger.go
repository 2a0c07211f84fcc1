package server

import (
	"fmt"

	"go.uber.org/zap"
)

// raftLogger passes raft's lines to zap.
type raftLogger struct{ *zap.SugaredLogger }

func (l raftLogger) Warning(v ...any)                 { l.Warn(v...) }
func (l raftLogger) Warningf(format string, v ...any) { l.Warnf(format, v...) }

// pebbleLogger passes pebble's errors to zap; what is fatal to pebble is fatal to the process.
type pebbleLogger struct {
	log   *zap.SugaredLogger
	fatal func(error)
}

func (l pebbleLogger) Infof(format string, args ...any)  { l.log.Debugf(format, args...) }
func (l pebbleLogger) Errorf(format string, args ...any) { l.log.Errorf(format, args...) }

// Fatalf does not return.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("disk: "+format, args...)
	l.log.Error(err)
	if l.fatal != nil {
		l.fatal(err)
	}
	panic(err)
}
