//go:build !linux

// Package linux makes faults real on Linux. On other systems it can only say that it does not.
package linux

import (
	"context"
	"errors"
	"io"
)

// Main says that there is no agent for this system.
func Main(context.Context, io.Reader, io.Writer, []string) error {
	return errors.New("agent: it needs Linux")
}
