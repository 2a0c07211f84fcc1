package core

import (
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// BenchmarkClusterSecond is a second of a cluster of three with 50 operations.
func BenchmarkClusterSecond(b *testing.B) {
	w := newCluster(b, 3, 1, func(c *Config) { c.SnapshotEvery, c.KeepEntries = 1000, 100 })
	w.elect()
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		for i := range 50 {
			key := []byte(fmt.Sprint("k", n%100, i%10))
			if i%2 == 0 {
				w.submit(i%3, &etcdserverpb.PutRequest{Key: key, Value: key})
			} else {
				w.submit(i%3, &etcdserverpb.RangeRequest{Key: key})
			}
			w.runFor(20_000)
		}
	}
}
