package scenario

import (
	"errors"
	"fmt"
	"github.com/faultline-chaos/faultline/history"
	"slices"
)

// Exit codes of commands that run or judge.
const (
	ExitValid          = 0
	ExitInvalid        = 1
	ExitUnknown        = 2
	ExitInfrastructure = 3
	ExitResidue        = 4
	ExitRegression     = 5 // of gate: the newest runs are worse than those before
	ExitUsage          = 254
	ExitCrash          = 255
)

// ExitCodesHelp tells them to users. The ranking is that of ranked.
const ExitCodesHelp = `0 valid, 1 invalid (a violation was found), 2 unknown (the run
proved nothing, and says why), 3 the run broke (no Docker, image build, start),
4 something could not be healed or removed, 5 worse than before (faultline gate),
254 bad usage, 255 crash. The worst wins: 255, 1, 5, 4, 3, 254, 2, 0.`

// ranked are the codes from the worst down. A proven violation outranks a later infrastructure failure,
// and what a run did find outranks that another one was refused.
func ranked() []int {
	return []int{ExitCrash, ExitInvalid, ExitRegression, ExitResidue, ExitInfrastructure, ExitUsage, ExitUnknown, ExitValid}
}

// Worse is the worse of two codes.
func Worse(a, b int) int {
	if slices.Index(ranked(), b) < slices.Index(ranked(), a) {
		return b
	}
	return a
}

// ExitOf is the code of a verdict.
func ExitOf(v history.Validity) int {
	switch v {
	case history.Valid:
		return ExitValid
	case history.Invalid:
		return ExitInvalid
	default:
		return ExitUnknown
	}
}

// ExitName is how a run that ended with a code is listed.
func ExitName(code int) string {
	return map[int]string{
		ExitValid: "valid", ExitInvalid: "INVALID", ExitUnknown: "unknown", ExitInfrastructure: "broke", ExitResidue: "residue",
		ExitRegression: "REGRESSION", ExitUsage: "refused", ExitCrash: "crash",
	}[code]
}

// StatusError says with which code a program should end. A nil Err has nothing more to say.
type StatusError struct {
	Code int
	Err  error
}

func (e *StatusError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *StatusError) Unwrap() error { return e.Err }

// Status is an error that ends a program with a code.
func Status(code int, err error) error { return &StatusError{code, err} }

// Usage is an error of what was asked for.
func Usage(format string, args ...any) error {
	return &StatusError{ExitUsage, fmt.Errorf(format, args...)}
}

// Infrastructure is an error of what a run needs.
func Infrastructure(err error) error { return &StatusError{ExitInfrastructure, err} }

// Exit makes a result of a code: nil, or a StatusError.
func Exit(code int) error {
	if code == ExitValid {
		return nil
	}
	return &StatusError{Code: code}
}

// Refused is a usage error where err is errors.ErrUnsupported: a runtime cannot do what was asked for. Else
// it is one of what a run needs.
func Refused(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return &StatusError{ExitUsage, err}
	}
	return Infrastructure(err)
}
