package mvcc

import (
	"bytes"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// MaxTxnOps is the most requests a transaction may hold, nested ones included: etcd's default.
const MaxTxnOps = 128

// Check refuses a request that no state could make valid, with etcd's error. It must be called
// before the request is proposed; what passed it can be applied.
func Check(req any) error {
	switch r := req.(type) {
	case *etcdserverpb.RangeRequest:
		return checkRange(r)
	case *etcdserverpb.PutRequest:
		return checkPut(r)
	case *etcdserverpb.DeleteRangeRequest:
		return checkKey(r.GetKey())
	case *etcdserverpb.TxnRequest:
		if err := checkTxn(r, MaxTxnOps); err != nil {
			return err
		}
		for _, branch := range [2][]*etcdserverpb.RequestOp{r.GetSuccess(), r.GetFailure()} {
			if _, err := checkOverlaps(branch); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkKey(key []byte) error {
	if len(key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	return nil
}

func checkRange(r *etcdserverpb.RangeRequest) error {
	if len(r.GetKey()) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	_, order := etcdserverpb.RangeRequest_SortOrder_name[int32(r.GetSortOrder())]
	_, target := etcdserverpb.RangeRequest_SortTarget_name[int32(r.GetSortTarget())]
	if !order || !target {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	return nil
}

func checkPut(r *etcdserverpb.PutRequest) error {
	switch {
	case len(r.GetKey()) == 0:
		return rpctypes.ErrGRPCEmptyKey
	case r.GetIgnoreValue() && len(r.GetValue()) != 0:
		return rpctypes.ErrGRPCValueProvided
	case r.GetIgnoreLease() && r.GetLease() != 0:
		return rpctypes.ErrGRPCLeaseProvided
	}
	return nil
}

func checkTxn(r *etcdserverpb.TxnRequest, left int) error {
	ops := max(len(r.GetCompare()), len(r.GetSuccess()), len(r.GetFailure()))
	if ops > left {
		return rpctypes.ErrGRPCTooManyOps
	}
	for _, c := range r.GetCompare() {
		if len(c.GetKey()) == 0 {
			return rpctypes.ErrGRPCEmptyKey
		}
	}
	for _, branch := range [2][]*etcdserverpb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		for _, op := range branch {
			if err := checkOp(op, left-ops); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOp(op *etcdserverpb.RequestOp, left int) error {
	switch {
	case op.GetRequestRange() != nil:
		return checkRange(op.GetRequestRange())
	case op.GetRequestPut() != nil:
		return checkPut(op.GetRequestPut())
	case op.GetRequestDeleteRange() != nil:
		return checkKey(op.GetRequestDeleteRange().GetKey())
	case op.GetRequestTxn() != nil:
		return checkTxn(op.GetRequestTxn(), left)
	}
	return rpctypes.ErrGRPCKeyNotFound // etcd's answer to an empty request
}

// span is the keys that a delete request covers.
type span struct{ key, end []byte }

func (s span) has(key string) bool {
	switch {
	case len(s.end) == 0:
		return key == string(s.key)
	case isFromKey(s.end):
		return key >= string(s.key)
	}
	return key >= string(s.key) && bytes.Compare([]byte(key), s.end) < 0
}

// effects are what the requests of a branch may write.
type effects struct {
	puts map[string]struct{}
	dels []span
}

func (e *effects) put(key string) error {
	if _, ok := e.puts[key]; ok {
		return rpctypes.ErrGRPCDuplicateKey
	}
	for _, d := range e.dels {
		if d.has(key) {
			return rpctypes.ErrGRPCDuplicateKey
		}
	}
	e.puts[key] = struct{}{}
	return nil
}

// checkOverlaps refuses a branch that could write one key twice. The two branches of a nested
// transaction exclude each other, so they may share keys. etcd 3.7.3 overlooks deletes without an
// upper bound and deletes in a later nested transaction; here they count.
func checkOverlaps(ops []*etcdserverpb.RequestOp) (effects, error) {
	e := effects{puts: map[string]struct{}{}}
	for _, op := range ops {
		if d := op.GetRequestDeleteRange(); d != nil {
			e.dels = append(e.dels, span{d.GetKey(), d.GetRangeEnd()})
		}
	}
	for _, op := range ops {
		t := op.GetRequestTxn()
		if t == nil {
			continue
		}
		yes, err := checkOverlaps(t.GetSuccess())
		if err != nil {
			return e, err
		}
		no, err := checkOverlaps(t.GetFailure())
		if err != nil {
			return e, err
		}
		for k := range no.puts { //seam:ok the order does not matter: it fills a set
			yes.puts[k] = struct{}{}
		}
		for k := range yes.puts { //seam:ok the order does not matter: the error is the same for each
			if err := e.put(k); err != nil {
				return e, err
			}
		}
		for _, d := range append(yes.dels, no.dels...) {
			for k := range e.puts { //seam:ok the order does not matter: the error is the same for each
				if _, own := yes.puts[k]; !own && d.has(k) {
					return e, rpctypes.ErrGRPCDuplicateKey
				}
			}
		}
		e.dels = append(append(e.dels, yes.dels...), no.dels...)
	}
	for _, op := range ops {
		if p := op.GetRequestPut(); p != nil {
			if err := e.put(string(p.GetKey())); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}
