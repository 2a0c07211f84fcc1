package scenario

import (
	"errors"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/history"
)

// Exit codes of commands that run or judge.
const (
	ExitValid          = 0
	ExitInvalid        = 1
	ExitUnknown        = 2
	ExitInfrastructure = 3
	ExitResidue        = 4
	ExitRegression     = 5 // of gate: the newest runs are worse than earlier ones
	ExitUsage          = 254
	ExitCrash          = 255
)

// ExitCodesHelp explains them to users. The ranking is that of ranked.
const ExitCodesHelp = `
  0    valid: every checker passed
  1    invalid: a violation was found
  2    unknown: nothing was proven; the reason is printed
  3    the run itself failed (no Docker, image build, start)
  4    a fault could not be healed, or something could not be removed
  5    regression (faultline gate)
  254  bad usage
  255  crash
If several apply, the worst one is returned: 255, 1, 5, 4, 3, 254, 2, 0.`

// ranked are the codes from the worst down. A proven violation outranks a later infrastructure failure,
// and the result of any run outranks the refusal of another one.
func ranked() []int {
	return []int{ExitCrash, ExitInvalid, ExitRegression, ExitResidue, ExitInfrastructure, ExitUsage, ExitUnknown, ExitValid}
}

// Worse returns the worse of two codes.
func Worse(a, b int) int {
	if slices.Index(ranked(), b) < slices.Index(ranked(), a) {
		return b
	}
	return a
}

// ExitOf returns the exit code of a verdict.
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

// ExitName is the word with which tables list a run that ended with this code.
func ExitName(code int) string {
	return map[int]string{
		ExitValid: "valid", ExitInvalid: "INVALID", ExitUnknown: "unknown", ExitInfrastructure: "broke", ExitResidue: "residue",
		ExitRegression: "REGRESSION", ExitUsage: "refused", ExitCrash: "crash",
	}[code]
}

// StatusError carries the exit code of the program. With a nil Err there is no message to print.
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

// Status makes an error that ends the program with this code.
func Status(code int, err error) error { return &StatusError{code, err} }

// Usage makes an error for a mistake in flags, arguments or files (exit code 254).
func Usage(format string, args ...any) error {
	return &StatusError{ExitUsage, fmt.Errorf(format, args...)}
}

// Infrastructure makes an error for something that a run needs and that failed (exit code 3).
func Infrastructure(err error) error { return &StatusError{ExitInfrastructure, err} }

// Exit returns nil for code 0, and a StatusError without a message for any other code.
func Exit(code int) error {
	if code == ExitValid {
		return nil
	}
	return &StatusError{Code: code}
}

// Refused returns a usage error if err is errors.ErrUnsupported (the runtime cannot do what was requested),
// and an infrastructure error otherwise.
func Refused(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return &StatusError{ExitUsage, err}
	}
	return Infrastructure(err)
}
