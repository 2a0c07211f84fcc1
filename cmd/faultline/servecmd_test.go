package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServeUntilInterrupted: the command says where it serves, answers there, and ends without an
// error when it is interrupted.
func TestServeUntilInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		warning string
	}{
		"loopback":      {[]string{"serve", "--addr", "127.0.0.1:0", "--dir", t.TempDir()}, ""},
		"every address": {[]string{"serve", "--addr", ":0", "--rebuild", "--dir", t.TempDir()}, "warning: on :0, everyone who can reach this machine can read the runs"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			out, in := io.Pipe()
			var stderr bytes.Buffer
			root := newRoot(&app{stdout: in, stderr: &stderr})
			root.SetArgs(c.args)
			var wg sync.WaitGroup
			var err error
			wg.Go(func() {
				err = root.ExecuteContext(ctx)
				_ = in.CloseWithError(err) // never fails
			})
			line, readErr := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, readErr, stderr.String())
			port := regexp.MustCompile(`:(\d+)/`).FindStringSubmatch(line)
			require.NotNil(t, port, line)
			req, reqErr := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port[1]+"/", nil)
			require.NoError(t, reqErr)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, reqErr := client.Do(req)
			require.NoError(t, reqErr)
			page, reqErr := io.ReadAll(resp.Body)
			require.NoError(t, reqErr)
			require.NoError(t, resp.Body.Close())
			require.Contains(t, string(page), "There are no runs in this folder yet")
			interrupt()
			wg.Wait()
			require.NoError(t, err)
			require.Contains(t, stderr.String(), c.warning)
			require.Equal(t, c.warning != "", bytes.Contains(stderr.Bytes(), []byte("warning")))
		})
	}
}

func TestServeRefusesBadUsage(t *testing.T) {
	for want, args := range map[string][]string{
		`--addr is "8080": it must be HOST:PORT, such as 127.0.0.1:8080`: {"serve", "--addr", "8080", "--dir", t.TempDir()},
		"--dir: there is no folder nothing; faultline run creates it":    {"serve", "--dir", "nothing"},
		`unknown command "x" for "faultline serve"`:                      {"serve", "x"},
	} {
		root := newRoot(&app{stdout: io.Discard, stderr: io.Discard})
		root.SetArgs(args)
		require.EqualError(t, root.ExecuteContext(t.Context()), want)
	}
}
