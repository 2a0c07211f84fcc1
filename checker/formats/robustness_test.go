package formats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// The form is that of etcd's tests/robustness/report of 2025.
const (
	robustPut = `{"ClientId":1,"Input":{"Type":"txn","LeaseGrant":null,"Range":null,"Txn":{"Conditions":null,"OperationsOnSuccess":[{"Type":"put-operation","Range":{"Start":"","End":"","Limit":0},"Put":{"Key":"key1","Value":{"Value":"101"},"LeaseID":0},"Delete":{"Key":""}}],"OperationsOnFailure":null},"Compact":null},"Call":1000,"Output":{"Txn":{"Failure":false,"Results":[{"KVs":null,"Count":0,"Deleted":0}]},"Range":null,"ClientError":"","Revision":2,"Persisted":false,"PersistedRevision":0,"Error":""},"Return":2000}
`
	robustRead    = `{"ClientId":1,"Input":{"Type":"range","Range":{"Start":"key","End":"kez","Limit":0,"Revision":0}},"Call":3000,"Output":{"Range":{"KVs":[{"Key":"key1","Value":{"Value":"101"},"ModRevision":2}],"Count":1},"ClientError":"","Revision":2,"Error":""},"Return":4000}` + "\n"
	robustTxnLost = `{"ClientId":2,"Input":{"Type":"txn","Txn":{"Conditions":[{"Key":"key1","ExpectedRevision":2}],"OperationsOnSuccess":[{"Type":"delete-operation","Delete":{"Key":"key1"}}],"OperationsOnFailure":[{"Type":"range-operation","Range":{"Start":"key1","End":"","Limit":0}}]}},"Call":5000,"Output":{"Revision":0,"Error":"context deadline exceeded"},"Return":0}` + "\n"
	robustGone    = `{"ClientId":3,"Input":{"Type":"range","Range":{"Start":"key1","End":"","Limit":0,"Revision":0}},"Call":6000,"Output":{"Range":{"KVs":[],"Count":0},"Revision":3,"Error":""},"Return":7000}` + "\n"
	robustWatched = `{"Request":{"Key":"","Revision":1,"WithPrefix":true,"WithProgressNotify":true,"WithPrevKV":true},"Responses":[{"Events":[{"Type":"put-operation","Key":"key1","Value":{"Value":"101"},"Revision":2,"IsCreate":true}],"IsProgressNotify":false,"Revision":2,"Time":2500},{"Events":[{"Type":"delete-operation","Key":"key1","Value":{},"Revision":3,"PrevValue":{"Value":{"Value":"101"},"ModRevision":2}}],"Revision":3,"Time":6500},{"Events":null,"IsProgressNotify":true,"Revision":3,"Time":6600}]}
`
	robustRevoke = `{"ClientId":4,"Input":{"Type":"leaseRevoke","LeaseRevoke":{"LeaseID":7}},"Call":8000,"Output":{"LeaseRevoke":{},"Revision":4,"Error":""},"Return":9000}` + "\n"
)

func TestRobustness(t *testing.T) {
	all := robustPut + robustRead + robustTxnLost + robustGone
	for _, c := range []struct {
		name, text, warning string
		judges              []string
		want                history.Validity
		reason              string
	}{
		{"operations", all, "", []string{"revision"}, history.Valid, ""},
		{"a lost call cannot have deleted another key", strings.Replace(all, `"Delete":{"Key":"key1"}`, `"Delete":{"Key":"key2"}`, 1), "", []string{"revision"}, history.Invalid, "process 3"},
		{"a stale read", strings.Replace(all, `"Revision":3,"Error":""},"Return":7000`, `"Revision":2,"Error":""},"Return":7000`, 1), "", []string{"revision"}, history.Invalid, "it did not find a key that was there"},
		{"a watch", robustWatched, "", []string{"watch"}, history.Valid, ""},
		{"a watch out of order", strings.Replace(robustWatched, `"Revision":3,"PrevValue"`, `"Revision":1,"PrevValue"`, 1), "", []string{"watch"}, history.Invalid, ""},
		{"a read of an old revision", all + strings.NewReplacer(`"Revision":0}`, `"Revision":2}`, "6000", "7500", "7000", "7600").Replace(robustGone), "1 reads of an old revision", []string{"revision"}, history.Valid, ""},
		{"a lease was revoked", strings.Replace(all, `"LeaseID":0`, `"LeaseID":7`, 1) + robustRevoke, "", []string{"revision"}, history.Unknown, "line 5 revokes lease 7"},
		{"a lease without keys was revoked", all + robustRevoke, "", []string{"revision"}, history.Valid, ""},
		{"a put that its WAL shows", strings.Replace(robustPut, `"Txn":{"Failure":false,"Results":[{"KVs":null,"Count":0,"Deleted":0}]},"Range":null,"ClientError":"","Revision":2,"Persisted":false,"PersistedRevision":0`, `"Persisted":true,"PersistedRevision":2`, 1) + robustRead, "", []string{"revision"}, history.Valid, ""},
		{"cut off", all[:len(all)-40], "line 4 has no end and was left out", []string{"revision"}, history.Valid, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Read(write(t, c.text), "")
			require.NoError(t, err)
			require.Equal(t, "robustness", h.Format)
			require.Contains(t, h.Warning, c.warning)
			require.Equal(t, c.judges, h.Judges())
			vs, err := h.Check(t.Context(), h.Judges()...)
			require.NoError(t, err)
			require.Equal(t, c.want, vs[0].Validity, vs[0].Reason)
			require.Contains(t, vs[0].Reason, c.reason)
		})
	}
}

func TestRobustnessFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"client-1/operations.json": robustPut + robustRead, "client-2/operations.json": robustTxnLost,
		"client-3/operations.json": robustGone, "client-4/watch.json": robustWatched,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	h, err := Read(dir, "")
	require.NoError(t, err)
	require.Equal(t, []string{"revision", "watch"}, h.Judges())
	vs, err := h.Check(t.Context(), h.Judges()...)
	require.NoError(t, err)
	require.Equal(t, history.Valid, history.Worst(vs), "%v", vs)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "client-2/operations.json"), []byte("{"), 0o600))
	_, err = Read(dir, "")
	require.ErrorContains(t, err, "client-2/operations.json: line 1, column 1")
	_, err = Read(t.TempDir(), "")
	require.ErrorContains(t, err, "neither a run (run.json) nor reports")
}

func TestRobustnessDamage(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"truncated inside", robustPut[:100] + "\n" + robustRead, "line 1, column 101: not an operation: invalid character"},
		{"interleaved", robustPut[:62] + robustPut, "line 1, column"},
		{"doubled", robustPut + robustPut, "line 2, column 1: client 1 called at 1000, before its call above had returned (2000)"},
		{"without a client", robustPut + strings.Replace(robustRead, `"ClientId":1,`, "", 1), "line 2, column 1: neither an operation (ClientId) nor a watch"},
		{"without an answer", robustPut + strings.Replace(robustRead, `"Range":{"KVs"`, `"Rage":{"KVs"`, 1), "line 2, column 1: a range without its answer"},
		{"time goes back", robustPut + strings.Replace(robustRead, `"Return":4000`, `"Return":2500`, 1), "line 2, column 1: client 1 returned at 2500 what it called at 3000"},
		{"unknown type", robustPut + strings.Replace(robustRead, `"Type":"range"`, `"Type":"rage"`, 1), `line 2, column 1: unknown type "rage" of a request`},
		{"invalid UTF-8", robustPut + strings.Replace(robustRead, `"101"`, "\"\xff\"", 1), "line 2, column 169: not valid UTF-8"},
		{"a line of 65 MB", robustPut + `{"ClientId":"` + strings.Repeat("x", 65<<20) + "\n", "line 2, column 1: the line is longer than 64 MiB"},
		{"another shape", robustPut + `{"ClientId":"a"}`, "line 2, column 1: not an operation: json: cannot unmarshal string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(write(t, c.text), "")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 300)
		})
	}
}
