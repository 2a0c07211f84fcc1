package etcdapi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

func TestTxn(t *testing.T) {
	s := &scripted{txnResp: &etcdserverpb.TxnResponse{Header: &etcdserverpb.ResponseHeader{Revision: 12}, Succeeded: true, Responses: []*etcdserverpb.ResponseOp{
		{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: &etcdserverpb.RangeResponse{Kvs: []*mvccpb.KeyValue{{Key: []byte("x"), Value: []byte("1"), ModRevision: 4}}}}},
		{Response: &etcdserverpb.ResponseOp_ResponsePut{}},
		{Response: &etcdserverpb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: &etcdserverpb.DeleteRangeResponse{Deleted: 1}}},
	}}}
	kv := NewKV(s, func() error { return nil }).(harness.Txner)
	asked := history.Txn{
		If: []history.TxnCompare{
			{Target: history.TxnValue, Result: "=", Key: "x", Value: "1"},
			{Target: history.TxnMod, Result: "!=", Key: "y", Number: 5},
			{Target: history.TxnCreate, Result: "<", Key: "y", Number: 6},
			{Target: history.TxnVersion, Result: ">", Key: "y", Number: 7},
		},
		Ops:  []history.TxnOp{{Kind: history.TxnGet, Key: "x"}, {Kind: history.TxnPut, Key: "y", Value: "7"}, {Kind: history.TxnDelete, Key: "z"}},
		Else: []history.TxnOp{{Kind: history.TxnRange, Key: "a", End: "m"}},
	}
	before := string(asked.AppendJSON(nil))
	got, err := kv.Txn(t.Context(), asked)
	require.NoError(t, err)
	require.JSONEq(t, `{"if":[["value","=","x","1"],["mod","!=","y",5],["create","<","y",6],["version",">","y",7]],"ops":[["r","x","1",4],["w","y","7"],["d","z",1]],"else":[["range","a","m",null]],"succeeded":true,"rev":12}`, string(got.AppendJSON(nil)))
	require.Equal(t, before, string(asked.AppendJSON(nil)), "the given one is not changed")
	require.True(t, proto.Equal(s.asked, &etcdserverpb.TxnRequest{
		Compare: []*etcdserverpb.Compare{
			{Key: []byte("x"), Target: etcdserverpb.Compare_VALUE, TargetUnion: &etcdserverpb.Compare_Value{Value: []byte("1")}},
			{Key: []byte("y"), Result: etcdserverpb.Compare_NOT_EQUAL, Target: etcdserverpb.Compare_MOD, TargetUnion: &etcdserverpb.Compare_ModRevision{ModRevision: 5}},
			{Key: []byte("y"), Result: etcdserverpb.Compare_LESS, Target: etcdserverpb.Compare_CREATE, TargetUnion: &etcdserverpb.Compare_CreateRevision{CreateRevision: 6}},
			{Key: []byte("y"), Result: etcdserverpb.Compare_GREATER, TargetUnion: &etcdserverpb.Compare_Version{Version: 7}},
		},
		Success: []*etcdserverpb.RequestOp{
			{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &etcdserverpb.RangeRequest{Key: []byte("x")}}},
			{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: []byte("y"), Value: []byte("7")}}},
			{Request: &etcdserverpb.RequestOp_RequestDeleteRange{RequestDeleteRange: &etcdserverpb.DeleteRangeRequest{Key: []byte("z")}}},
		},
		Failure: []*etcdserverpb.RequestOp{{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &etcdserverpb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("m")}}}},
	}))
}

// TestTxnThatCannotBe: what the API has no words for is not sent, and an answer of another shape than
// the request leaves the outcome open.
func TestTxnThatCannotBe(t *testing.T) {
	s := &scripted{txnResp: &etcdserverpb.TxnResponse{Succeeded: true}}
	kv := NewKV(s, func() error { return nil }).(harness.Txner)
	for problem, txn := range map[string]history.Txn{
		`unknown kind "q"`:    {Ops: []history.TxnOp{{Kind: "q", Key: "x"}}},
		`unknown target "q"`:  {If: []history.TxnCompare{{Target: "q", Result: "=", Key: "x"}}},
		`unknown result "=="`: {If: []history.TxnCompare{{Target: history.TxnMod, Result: "==", Key: "x"}}},
	} {
		_, err := kv.Txn(t.Context(), txn)
		require.ErrorIs(t, err, harness.ErrNotApplied)
		require.ErrorContains(t, err, problem)
		require.Nil(t, s.asked)
	}
	_, err := kv.Txn(t.Context(), history.Txn{Ops: []history.TxnOp{{Kind: history.TxnPut, Key: "x", Value: "1"}}})
	require.EqualError(t, err, "a transaction of 1 ops was answered with 0 answers")
	require.NotErrorIs(t, err, harness.ErrNotApplied)
}
