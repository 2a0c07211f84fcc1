package mvcc

import (
	"bytes"
	"cmp"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// ReadOnly says whether a transaction writes nothing whichever way it goes.
func ReadOnly(r *etcdserverpb.TxnRequest) bool {
	for _, branch := range [2][]*etcdserverpb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		for _, op := range branch {
			switch {
			case op.GetRequestRange() != nil:
			case op.GetRequestTxn() != nil && ReadOnly(op.GetRequestTxn()):
			default:
				return false
			}
		}
	}
	return true
}

// Serializable says whether every read of a read-only transaction may be stale.
func Serializable(r *etcdserverpb.TxnRequest) bool {
	for _, branch := range [2][]*etcdserverpb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		for _, op := range branch {
			if t := op.GetRequestTxn(); t != nil && !Serializable(t) {
				return false
			}
			if g := op.GetRequestRange(); g != nil && !g.GetSerializable() {
				return false
			}
		}
	}
	return true
}

// Txn answers a transaction and adds its records to b. It either happens as a whole or, with an
// error, not at all. Requests must have passed Check.
func (s *Store) Txn(r *etcdserverpb.TxnRequest, b *Batch) (*etcdserverpb.TxnResponse, error) {
	// All comparisons, nested ones too, look at the state before the transaction: which way it goes
	// is known before the first write, and with it every error.
	var path []bool
	path = s.decide(r, path)
	if _, err := s.checkPath(r, path); err != nil {
		return nil, err
	}
	s.begin()
	defer s.end(b)
	resp, _, err := s.run(r, path, b)
	return resp, err
}

// decide appends the outcome of r's comparisons and of the nested transactions that it leads to.
func (s *Store) decide(r *etcdserverpb.TxnRequest, path []bool) []bool {
	ok := true
	for _, c := range r.GetCompare() {
		if !s.holds(c) {
			ok = false
			break
		}
	}
	path = append(path, ok)
	for _, op := range taken(r, ok) {
		if t := op.GetRequestTxn(); t != nil {
			path = s.decide(t, path)
		}
	}
	return path
}

func taken(r *etcdserverpb.TxnRequest, ok bool) []*etcdserverpb.RequestOp {
	if ok {
		return r.GetSuccess()
	}
	return r.GetFailure()
}

// checkPath finds the errors that the requests on the path would meet. It returns the rest of path.
func (s *Store) checkPath(r *etcdserverpb.TxnRequest, path []bool) ([]bool, error) {
	ops, path := taken(r, path[0]), path[1:]
	for _, op := range ops {
		var err error
		switch {
		case op.GetRequestRange() != nil:
			err = s.checkRevision(op.GetRequestRange().GetRevision())
		case op.GetRequestPut() != nil:
			err = s.checkPut(op.GetRequestPut())
		case op.GetRequestTxn() != nil:
			path, err = s.checkPath(op.GetRequestTxn(), path)
		}
		if err != nil {
			return nil, err
		}
	}
	return path, nil
}

func (s *Store) run(r *etcdserverpb.TxnRequest, path []bool, b *Batch) (*etcdserverpb.TxnResponse, []bool, error) {
	resp := &etcdserverpb.TxnResponse{Succeeded: path[0]}
	ops, path := taken(r, path[0]), path[1:]
	resp.Responses = make([]*etcdserverpb.ResponseOp, 0, len(ops))
	for _, op := range ops {
		out := &etcdserverpb.ResponseOp{}
		switch {
		case op.GetRequestRange() != nil:
			answer, err := s.Range(op.GetRequestRange())
			if err != nil {
				return nil, nil, err
			}
			out.Response = &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: answer}
		case op.GetRequestPut() != nil:
			out.Response = &etcdserverpb.ResponseOp_ResponsePut{ResponsePut: s.put(op.GetRequestPut(), b)}
		case op.GetRequestDeleteRange() != nil:
			out.Response = &etcdserverpb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: s.deleteRange(op.GetRequestDeleteRange(), b)}
		case op.GetRequestTxn() != nil:
			var answer *etcdserverpb.TxnResponse
			var err error
			if answer, path, err = s.run(op.GetRequestTxn(), path, b); err != nil {
				return nil, nil, err
			}
			out.Response = &etcdserverpb.ResponseOp_ResponseTxn{ResponseTxn: answer}
		}
		resp.Responses = append(resp.Responses, out)
	}
	resp.Header = &etcdserverpb.ResponseHeader{Revision: s.readRevision()}
	return resp, path, nil
}

// holds evaluates one comparison: over a range it must hold for every key; of no key, a value
// comparison is false and the others see zeroes.
func (s *Store) holds(c *etcdserverpb.Compare) bool {
	found, ok := false, true
	s.scan(c.GetKey(), c.GetRangeEnd(), s.rev, func(_ string, v *version) bool {
		found = true
		ok = compare(c, v)
		return ok
	})
	if !found {
		if c.GetTarget() == etcdserverpb.Compare_VALUE {
			return false
		}
		return compare(c, &version{})
	}
	return ok
}

func compare(c *etcdserverpb.Compare, v *version) bool {
	var order int
	switch c.GetTarget() {
	case etcdserverpb.Compare_VALUE:
		order = bytes.Compare(v.value, c.GetValue())
	case etcdserverpb.Compare_VERSION:
		order = cmp.Compare(v.counter, c.GetVersion())
	case etcdserverpb.Compare_CREATE:
		order = cmp.Compare(v.create, c.GetCreateRevision())
	case etcdserverpb.Compare_MOD:
		order = cmp.Compare(v.main, c.GetModRevision())
	case etcdserverpb.Compare_LEASE:
		order = cmp.Compare(v.lease, c.GetLease())
	}
	switch c.GetResult() {
	case etcdserverpb.Compare_EQUAL:
		return order == 0
	case etcdserverpb.Compare_NOT_EQUAL:
		return order != 0
	case etcdserverpb.Compare_GREATER:
		return order > 0
	case etcdserverpb.Compare_LESS:
		return order < 0
	}
	return true
}
