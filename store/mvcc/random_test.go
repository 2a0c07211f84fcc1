package mvcc

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"pgregory.net/rapid"
)

func genKey(t *rapid.T, what string) []byte {
	return []byte(rapid.SampledFrom([]string{"a", "ab", "b", "b\x00", "c", "\xff", "\x00"}).Draw(t, what))
}

func genEnd(t *rapid.T) []byte {
	switch rapid.IntRange(0, 4).Draw(t, "end kind") {
	case 0:
		return []byte{0}
	case 1, 2:
		return genKey(t, "end")
	}
	return nil
}

func genRange(t *rapid.T, rev int64) *pb.RangeRequest {
	small := rapid.Int64Range(0, rev+1)
	r := &pb.RangeRequest{Key: genKey(t, "key"), RangeEnd: genEnd(t)}
	if rapid.Bool().Draw(t, "at revision") {
		r.Revision = small.Draw(t, "revision")
	}
	r.Limit = rapid.Int64Range(0, 4).Draw(t, "limit")
	r.KeysOnly, r.CountOnly = rapid.IntRange(0, 5).Draw(t, "keys only") == 0, rapid.IntRange(0, 5).Draw(t, "count only") == 0
	if rapid.Bool().Draw(t, "sorted") {
		r.SortOrder = pb.RangeRequest_SortOrder(rapid.IntRange(0, 2).Draw(t, "order"))
		r.SortTarget = pb.RangeRequest_SortTarget(rapid.IntRange(0, 4).Draw(t, "target"))
	}
	if rapid.IntRange(0, 3).Draw(t, "filtered") == 0 {
		r.MinModRevision, r.MaxModRevision = small.Draw(t, "min mod"), small.Draw(t, "max mod")
		r.MinCreateRevision, r.MaxCreateRevision = small.Draw(t, "min create"), small.Draw(t, "max create")
	}
	return r
}

func genPut(t *rapid.T) *pb.PutRequest {
	r := &pb.PutRequest{Key: genKey(t, "key"), PrevKv: rapid.Bool().Draw(t, "prev")}
	if r.IgnoreValue = rapid.IntRange(0, 6).Draw(t, "ignore value") == 0; !r.IgnoreValue {
		r.Value = []byte(rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value"))
	}
	if r.IgnoreLease = rapid.IntRange(0, 6).Draw(t, "ignore lease") == 0; !r.IgnoreLease {
		r.Lease = rapid.Int64Range(0, 2).Draw(t, "lease")
	}
	return r
}

func genDelete(t *rapid.T) *pb.DeleteRangeRequest {
	return &pb.DeleteRangeRequest{Key: genKey(t, "key"), RangeEnd: genEnd(t), PrevKv: rapid.Bool().Draw(t, "prev")}
}

func genCompare(t *rapid.T, rev int64) *pb.Compare {
	c := &pb.Compare{Key: genKey(t, "key"), Result: pb.Compare_CompareResult(rapid.IntRange(0, 3).Draw(t, "result"))}
	if rapid.IntRange(0, 2).Draw(t, "range") == 0 {
		c.RangeEnd = genEnd(t)
	}
	n := rapid.Int64Range(0, rev).Draw(t, "number")
	switch c.Target = pb.Compare_CompareTarget(rapid.IntRange(0, 4).Draw(t, "target")); c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: n}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: n}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: n}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: []byte(rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value"))}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: n % 3}
	}
	return c
}

func genTxn(t *rapid.T, rev int64, depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for range rapid.IntRange(0, 2).Draw(t, "compares") {
		r.Compare = append(r.Compare, genCompare(t, rev))
	}
	ops := func() (ops []*pb.RequestOp) {
		for range rapid.IntRange(0, 3).Draw(t, "ops") {
			op := &pb.RequestOp{}
			switch k := rapid.IntRange(0, 9).Draw(t, "op"); {
			case k < 3:
				op.Request = &pb.RequestOp_RequestRange{RequestRange: genRange(t, rev)}
			case k < 7:
				op.Request = &pb.RequestOp_RequestPut{RequestPut: genPut(t)}
			case k < 8 || depth == 0:
				op.Request = &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: genDelete(t)}
			default:
				op.Request = &pb.RequestOp_RequestTxn{RequestTxn: genTxn(t, rev, depth-1)}
			}
			ops = append(ops, op)
		}
		return ops
	}
	r.Success, r.Failure = ops(), ops()
	return r
}
