package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// pebble v2.1.7 leaves its disk watcher behind when Open fails; the process ends then.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"election too short", nil, []string{"--election-timeout", "400"}, "--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
		{"from the environment", map[string]string{"ETCD_ELECTION_TIMEOUT": "499"}, nil, "--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]"},
		{"a flag beats the environment", map[string]string{"ETCD_HEARTBEAT_INTERVAL": "1"}, []string{"--heartbeat-interval", "300"}, "--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[300ms]"},
		{"heartbeat zero", nil, []string{"--heartbeat-interval", "0"}, "--heartbeat-interval must be >0ms (set to 0ms)"},
		{"election negative", nil, []string{"--election-timeout", "-1"}, "--election-timeout must be >0ms (set to -1ms)"},
		{"election too long", nil, []string{"--election-timeout", "50001"}, "--election-timeout[50001ms] is too long, and should be set less than 50000ms"},
		{"not a number", map[string]string{"ETCD_SNAPSHOT_COUNT": "many"}, nil, "environment variable ETCD_SNAPSHOT_COUNT"},
		{"https", nil, []string{"--listen-client-urls", "https://127.0.0.1:2379"}, "must start with http://"},
		{"no port", nil, []string{"--listen-peer-urls", "http://127.0.0.1"}, "must be http://host:port"},
		{"stranger", nil, []string{"--name", "n4", "--initial-cluster", "n1=http://127.0.0.1:2380"}, `does not contain member "n4"`},
		{"no name in cluster", nil, []string{"--initial-cluster", "http://127.0.0.1:2380"}, "must be name=http://host:port"},
		{"unknown flag", nil, []string{"--quorum", "1"}, "unknown flag: --quorum"},
		{"unknown level", nil, []string{"--log-level", "loud"}, `--log-level "loud" must be debug, info, warn or error`},
		{"argument", nil, []string{"start"}, "unknown command"},
		{"timeouts of the paper", nil, []string{"--election-timeout", "24", "--heartbeat-interval", "12"}, "should be at least as 5 times"},
		{"a range of timeouts", nil, []string{"--election-timeout", "150-151"}, "invalid argument"},
		{"elections of the paper", nil, []string{"--paper"}, "unknown flag: --paper"},
		{"a paper node", nil, []string{"paper-node", "127.0.0.1:1", "127.0.0.1:2"}, "unknown command"},
		{"no entries", nil, []string{"--snapshot-count", "0"}, "--snapshot-count must be at least 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			cmd := command(io.Discard)
			cmd.SetArgs(append(c.args, "--data-dir", t.TempDir()))
			err := cmd.ExecuteContext(t.Context())
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n", "one line")
		})
	}
}

// TestRun starts a cluster of one, waits until it leads, and stops it as a signal would.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	cmd := command(w)
	dir := filepath.Join(t.TempDir(), "data")
	cmd.SetArgs([]string{
		"--name", "n1", "--data-dir", dir, "--listen-client-urls", "http://127.0.0.1:0", "--listen-peer-urls", "http://127.0.0.1:0",
		"--election-timeout", "50", "--heartbeat-interval", "10",
	})
	done := make(chan error, 1)
	go func() {
		done <- cmd.ExecuteContext(ctx)
		_ = w.Close()
	}()
	var messages []string
	for s := bufio.NewScanner(r); s.Scan(); {
		var line struct{ Level, Ts, Logger, Msg string }
		require.NoErrorf(t, json.Unmarshal(s.Bytes(), &line), "line %q", s.Text())
		require.NotEmpty(t, line.Ts)
		messages = append(messages, line.Logger+": "+line.Msg)
		if line.Logger == "raft" && strings.Contains(line.Msg, "elected leader") {
			cancel()
		}
	}
	require.NoError(t, <-done)
	all := strings.Join(messages, "\n")
	require.Contains(t, all, "became candidate at term 2")
	require.Contains(t, all, "became leader at term 2")
	require.DirExists(t, filepath.Join(dir, "member", "db"))
}
