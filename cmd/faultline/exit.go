package main

import (
	"errors"
	"fmt"

	"github.com/faultline-chaos/faultline/harness"
)

// Exit codes.
const (
	exitValid          = 0
	exitInvalid        = 1
	exitUnknown        = 2
	exitInfrastructure = 3
	exitResidue        = 4
	exitRegression     = 5 // of gate: the newest runs are worse than those before
	exitUsage          = 254
	exitCrash          = 255
)

const exitCodesHelp = `0 valid, 1 invalid (a violation was found), 2 unknown (the run
proved nothing, and says why), 3 the run broke (no Docker, image build, start),
4 something could not be healed or removed, 5 worse than before (faultline gate),
254 bad usage, 255 crash. The worst wins: 255, 1, 4, 3, 2, 0.`

// statusError ends the program with a code. A nil err prints nothing more.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &statusError{exitUsage, fmt.Errorf(format, args...)}
}

func infrastructure(err error) error { return &statusError{exitInfrastructure, err} }

// exit makes a command's result of a code.
func exit(code int) error {
	if code == exitValid {
		return nil
	}
	return &statusError{code: code}
}

func exitOf(v harness.Validity) int {
	switch v {
	case harness.Valid:
		return exitValid
	case harness.Invalid:
		return exitInvalid
	default:
		return exitUnknown
	}
}

// worse is the worse of two codes. A violation that was proven stays the news of a run that broke
// later.
func worse(a, b int) int {
	rank := map[int]int{exitValid: 0, exitUnknown: 1, exitInfrastructure: 2, exitResidue: 3, exitInvalid: 4, exitUsage: 5, exitCrash: 6}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// errUnsupported is of plans that a runtime cannot carry out.
var errUnsupported = errors.ErrUnsupported

// unsupportedError says what the runtime cannot do.
type unsupportedError struct{ words string }

func (e *unsupportedError) Error() string { return e.words }

func (e *unsupportedError) Unwrap() error { return errUnsupported }
