package etcdapi

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

var _ harness.Txner = (*kv)(nil)

// Txn is one transaction. One that cannot be put into words of the API was not applied.
func (c *kv) Txn(ctx context.Context, t history.Txn) (history.Txn, error) {
	req, err := txnRequest(&t)
	if err != nil {
		return t, notApplied(err)
	}
	resp, err := c.client.Txn(ctx, req)
	if err != nil {
		return t, classify(err)
	}
	t.Answered, t.Succeeded, t.Rev = true, resp.GetSucceeded(), resp.GetHeader().GetRevision()
	ran := &t.Ops
	if !t.Succeeded {
		ran = &t.Else
	}
	*ran, err = txnAnswers(*ran, resp.GetResponses())
	return t, err
}

func txnRequest(t *history.Txn) (*etcdserverpb.TxnRequest, error) {
	r := &etcdserverpb.TxnRequest{}
	for _, c := range t.If {
		cmp, err := txnCompare(c)
		if err != nil {
			return nil, err
		}
		r.Compare = append(r.Compare, cmp)
	}
	var err error
	if r.Success, err = txnOps(t.Ops); err != nil {
		return nil, err
	}
	r.Failure, err = txnOps(t.Else)
	return r, err
}

func txnCompare(c history.TxnCompare) (*etcdserverpb.Compare, error) {
	out := &etcdserverpb.Compare{Key: []byte(c.Key)}
	switch c.Result {
	case "=":
		out.Result = etcdserverpb.Compare_EQUAL
	case "!=":
		out.Result = etcdserverpb.Compare_NOT_EQUAL
	case "<":
		out.Result = etcdserverpb.Compare_LESS
	case ">":
		out.Result = etcdserverpb.Compare_GREATER
	default:
		return nil, fmt.Errorf("comparison of %q: unknown result %q: allowed are =, !=, <, >", c.Key, c.Result)
	}
	switch c.Target {
	case history.TxnValue:
		out.Target, out.TargetUnion = etcdserverpb.Compare_VALUE, &etcdserverpb.Compare_Value{Value: []byte(c.Value)}
	case history.TxnMod:
		out.Target, out.TargetUnion = etcdserverpb.Compare_MOD, &etcdserverpb.Compare_ModRevision{ModRevision: c.Number}
	case history.TxnCreate:
		out.Target, out.TargetUnion = etcdserverpb.Compare_CREATE, &etcdserverpb.Compare_CreateRevision{CreateRevision: c.Number}
	case history.TxnVersion:
		out.Target, out.TargetUnion = etcdserverpb.Compare_VERSION, &etcdserverpb.Compare_Version{Version: c.Number}
	default:
		return nil, fmt.Errorf("comparison of %q: unknown target %q: allowed are value, mod, create, version", c.Key, c.Target)
	}
	return out, nil
}

func txnOps(ops []history.TxnOp) ([]*etcdserverpb.RequestOp, error) {
	var out []*etcdserverpb.RequestOp
	for _, o := range ops {
		r := &etcdserverpb.RequestOp{}
		switch key := []byte(o.Key); o.Kind {
		case history.TxnGet:
			r.Request = &etcdserverpb.RequestOp_RequestRange{RequestRange: &etcdserverpb.RangeRequest{Key: key}}
		case history.TxnRange:
			r.Request = &etcdserverpb.RequestOp_RequestRange{RequestRange: &etcdserverpb.RangeRequest{Key: key, RangeEnd: []byte(o.End)}}
		case history.TxnPut:
			r.Request = &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: key, Value: []byte(o.Value)}}
		case history.TxnDelete:
			r.Request = &etcdserverpb.RequestOp_RequestDeleteRange{RequestDeleteRange: &etcdserverpb.DeleteRangeRequest{Key: key}}
		default:
			return nil, fmt.Errorf("op of %q: unknown kind %q: allowed are r, range, w, d", o.Key, o.Kind)
		}
		out = append(out, r)
	}
	return out, nil
}

// txnAnswers are the ops with what the server answered. An answer of another shape is an error: what
// the transaction did is not known then.
func txnAnswers(ops []history.TxnOp, answers []*etcdserverpb.ResponseOp) ([]history.TxnOp, error) {
	if len(ops) != len(answers) {
		return ops, fmt.Errorf("a transaction of %d ops was answered with %d answers", len(ops), len(answers))
	}
	out := make([]history.TxnOp, len(ops))
	for i, o := range ops {
		o.Done = true
		switch r := answers[i].GetResponse().(type) {
		case *etcdserverpb.ResponseOp_ResponseRange:
			o.Items = items(r.ResponseRange.GetKvs())
		case *etcdserverpb.ResponseOp_ResponseDeleteRange:
			o.Count = r.ResponseDeleteRange.GetDeleted()
		case *etcdserverpb.ResponseOp_ResponsePut:
		default:
			return ops, fmt.Errorf("op %d of a transaction was answered with a %T", i, r)
		}
		out[i] = o
	}
	return out, nil
}

func items(kvs []*mvccpb.KeyValue) []history.TxnItem {
	var out []history.TxnItem
	for _, kv := range kvs {
		out = append(out, history.TxnItem{Key: string(kv.GetKey()), Value: string(kv.GetValue()), Mod: kv.GetModRevision()})
	}
	return out
}
