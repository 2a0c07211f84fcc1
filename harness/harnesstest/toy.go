package harnesstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Toy is the system that runtimes are tested with (toykv): members that know nothing of each other.
// All follow n1, and nobody leads.
type Toy struct {
	Binary string
	Flags  []string // added to the command
}

var _ harness.System = (*Toy)(nil)

// BuildToy builds toykv.
func BuildToy(t testing.TB) *Toy {
	t.Helper()
	return &Toy{Binary: Build(t, "github.com/faultline-chaos/faultline/harness/harnesstest/toykv")}
}

// Build builds a static program of this module and returns its path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "go build %s: %s", pkg, out)
	return path
}

func (*Toy) Name() string { return "toykv" }

func (s *Toy) Command(self history.NodeID, members []harness.Member, dataDir string) (harness.Command, error) {
	for _, m := range members {
		if m.ID == self {
			return harness.Command{
				Binary:     s.Binary,
				Args:       append([]string{"-listen", m.Host + ":7000", "-data", dataDir}, s.Flags...),
				ClientPort: 7000,
				PeerPort:   7001,
			}, nil
		}
	}
	return harness.Command{}, fmt.Errorf("%s is not among the members", self)
}

// Refusing is a Toy that does not start.
func (s *Toy) Refusing() harness.System {
	return &Toy{Binary: s.Binary, Flags: []string{"-no-such-flag"}}
}

func (*Toy) Dial(addr string) (harness.KV, error) { return &toyKV{addr: addr}, nil }

func (*Toy) LogLanguage() history.LogLanguage { return history.NoLogLanguage }

func (*Toy) Status(ctx context.Context, addr string, _ history.NodeID, members []harness.Member) (harness.Status, error) {
	kv := &toyKV{addr: addr}
	defer kv.Close()
	if _, err := kv.call(ctx, "status"); err != nil {
		return harness.Status{}, err
	}
	return harness.Status{Role: history.Follower, Leader: members[0].ID, Term: 1, Applied: 1, Version: "toy"}, nil
}

// toyKV is one client.
type toyKV struct {
	addr  string
	conn  net.Conn
	lines *bufio.Reader
}

func (kv *toyKV) Close() error {
	if kv.conn == nil {
		return nil
	}
	return kv.conn.Close()
}

// call sends a line and waits for one.
func (kv *toyKV) call(ctx context.Context, line string) (string, error) {
	if kv.conn == nil {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", kv.addr)
		if err != nil {
			return "", fmt.Errorf("%w: %w", harness.ErrNotApplied, err)
		}
		kv.conn, kv.lines = conn, bufio.NewReader(conn)
	}
	conn := kv.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends a read
	answer := ""
	_, err := fmt.Fprintln(conn, line)
	if err == nil {
		answer, err = kv.lines.ReadString('\n')
	}
	stop()
	if err != nil {
		_ = conn.Close()
		kv.conn = nil
		return "", errors.Join(fmt.Errorf("toykv: %w", err), context.Cause(ctx))
	}
	answer = strings.TrimSpace(answer)
	if msg, failed := strings.CutPrefix(answer, "error "); failed {
		return "", errors.New("toykv: " + msg)
	}
	return answer, nil
}

func (kv *toyKV) Get(ctx context.Context, key string) (harness.Entry, error) {
	answer, err := kv.call(ctx, "get "+key)
	value, found := strings.CutPrefix(answer, "value ")
	return harness.Entry{Value: value, Found: found}, err
}

func (kv *toyKV) Put(ctx context.Context, key, value string) (int64, error) {
	_, err := kv.call(ctx, "put "+key+" "+value)
	return 0, err
}

func (kv *toyKV) CAS(ctx context.Context, key string, old *string, value string) (bool, int64, error) {
	line := "cas " + key + " " + value
	if old != nil {
		line += " " + *old
	}
	answer, err := kv.call(ctx, line)
	return answer == "1", 0, err
}

func (kv *toyKV) Delete(ctx context.Context, key string) (int64, int64, error) {
	answer, err := kv.call(ctx, "delete "+key)
	if answer == "1" {
		return 1, 0, err
	}
	return 0, 0, err
}
