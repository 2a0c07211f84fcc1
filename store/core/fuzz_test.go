package core

import (
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

func FuzzProposal(f *testing.F) {
	for _, req := range []any{&pb.PutRequest{Key: []byte("k")}, &pb.DeleteRangeRequest{}, &pb.TxnRequest{}, &pb.CompactionRequest{Revision: 3}} {
		b, err := encodeProposal(id{1, 2, 3}, req)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, req, err := decodeProposal(b)
		if err != nil {
			return
		}
		again, err := encodeProposal(i, req)
		require.NoError(t, err)
		i2, _, err := decodeProposal(again)
		require.NoError(t, err)
		require.Equal(t, i, i2)
	})
}

// FuzzSnapshot changes a snapshot: it is refused, or as good as the original.
func FuzzSnapshot(f *testing.F) {
	c, err := New(Config{ID: 1, Cluster: 1, Members: []Member{{ID: 1}}, ElectionTicks: 10}, &Durable{})
	require.NoError(f, err)
	whole := c.encodeSnapshot()
	f.Add(whole, 0, byte(0))
	f.Add(whole[:20], 3, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		b = append([]byte(nil), b...)
		if len(b) > 0 {
			b[max(at, -at, 0)%len(b)] ^= flip
		}
		s, err := decodeSnapshot(b)
		if err != nil {
			return
		}
		c := &Core{state: s}
		s2, err := decodeSnapshot(c.encodeSnapshot())
		require.NoError(t, err)
		require.Equal(t, s.hash(), s2.hash())
	})
}
