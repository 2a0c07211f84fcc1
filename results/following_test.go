package results

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFollowing: what is appended is read as it comes, and the end is where the file ends at End.
func TestFollowing(t *testing.T) {
	folder, err := Create(t.TempDir(), "run")
	require.NoError(t, err)
	_, err = folder.FollowHistory()
	require.ErrorIs(t, err, os.ErrNotExist)
	history, err := folder.CreateHistory()
	require.NoError(t, err)
	defer history.Close()
	f, err := folder.FollowHistory()
	require.NoError(t, err)
	read, got := make(chan string), make([]byte, 8)
	go func() {
		defer close(read)
		for {
			n, err := f.Read(got)
			if err != nil {
				read <- err.Error()
				return
			}
			read <- string(got[:n])
		}
	}()
	for _, part := range []string{"one\ntw", "o\nthree"} {
		_, err = history.WriteString(part)
		require.NoError(t, err)
		require.Equal(t, part, <-read)
	}
	_, err = history.WriteString("last")
	require.NoError(t, err)
	f.End()
	f.End()
	require.Equal(t, "last", <-read)
	require.Equal(t, io.EOF.Error(), <-read)
	require.NoError(t, f.Close())
}
