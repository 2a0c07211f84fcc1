package etcdapi

import (
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/faultline-chaos/faultline/harness"
)

// sure is an error after which a write certainly was not and never will be applied. Whatever is not
// in the table leaves a write's outcome unknown.
type sure struct {
	err error // an error of rpctypes: matched by text and code
	why string
}

// sureErrors is THE error table, read off etcd 3.7's server (etcdserver/v3_server.go, apply) and
// this repository's store.
//
// Left out on purpose: ErrNoSpace (the quota applier applies the put and then answers the error),
// ErrTimeout and its kin, ErrStopped and ErrCanceled (answered while a proposal may be under way),
// ErrLeaderChanged, ErrUnhealthy, ErrCorrupt.
func sureErrors() []sure {
	validated := "the request is refused before it is proposed"
	applied := "the state machine refused it, without effect, on every member alike"
	return []sure{
		{rpctypes.ErrGRPCEmptyKey, validated},
		{rpctypes.ErrGRPCValueProvided, validated},
		{rpctypes.ErrGRPCLeaseProvided, validated},
		{rpctypes.ErrGRPCTooManyOps, validated},
		{rpctypes.ErrGRPCDuplicateKey, validated},
		{rpctypes.ErrGRPCInvalidSortOption, validated},
		{rpctypes.ErrGRPCRequestTooLarge, validated},
		{rpctypes.ErrGRPCRequestTooManyRequests, "too far behind: refused before it is proposed"},
		{rpctypes.ErrGRPCNoLeader, "nobody to propose to: refused before it is proposed"},
		{rpctypes.ErrGRPCNotCapable, "refused by the member's capabilities before it is proposed"},
		{rpctypes.ErrGRPCNotSupportedForLearner, "learners refuse before they propose"},
		{rpctypes.ErrGRPCPermissionDenied, "authorisation comes first"},
		{rpctypes.ErrGRPCInvalidAuthToken, "authentication comes first"},
		{rpctypes.ErrGRPCKeyNotFound, applied},
		{rpctypes.ErrGRPCLeaseNotFound, applied},
		{rpctypes.ErrGRPCCompacted, applied},
		{rpctypes.ErrGRPCFutureRev, applied},
	}
}

// classify wraps what is certain in harness.ErrNotApplied.
func classify(err error) error {
	s, ok := status.FromError(err)
	if !ok || errors.Is(err, harness.ErrNotApplied) {
		return err
	}
	if s.Code() == codes.Unimplemented {
		return notApplied(err)
	}
	for _, e := range sureErrors() {
		known := status.Convert(e.err)
		// etcd answers ErrTooManyRequests with code Unknown: its map of errors (v3rpc/util.go) has the
		// client's error there, which carries no code.
		if known.Message() == s.Message() && (known.Code() == s.Code() || s.Code() == codes.Unknown) {
			return notApplied(err)
		}
	}
	return err
}

func notApplied(err error) error { return fmt.Errorf("%w: %w", harness.ErrNotApplied, err) }
