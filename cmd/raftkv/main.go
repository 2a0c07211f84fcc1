// Command raftkv runs one member of a replicated key-value store that speaks the etcd v3 API. Flags
// are named as etcd's; each can also come from an environment variable, such as ETCD_DATA_DIR for
// --data-dir. A flag beats the environment.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/faultline-chaos/faultline/store/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := command(os.Stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "raftkv: %v\n", err)
		os.Exit(1)
	}
}

// stopPatience is how long a member may take to stop politely.
const stopPatience = 5 * time.Second

// command is the program. Logs go to logs.
func command(logs io.Writer) *cobra.Command {
	cfg := server.Defaults()
	var electionMS, heartbeatMS int64 = cfg.ElectionTimeout.Milliseconds(), cfg.HeartbeatInterval.Milliseconds()
	level := "info"
	cmd := &cobra.Command{
		Use:   "raftkv",
		Short: "A replicated key-value store that speaks the etcd v3 API",
		Args:  cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Name, "name", cfg.Name, "name of this member in --initial-cluster")
	f.StringVar(&cfg.DataDir, "data-dir", cfg.DataDir, "directory of the data (default NAME.raftkv)")
	f.StringSliceVar(&cfg.ListenClientURLs, "listen-client-urls", cfg.ListenClientURLs, "where to serve clients")
	f.StringSliceVar(&cfg.AdvertiseClientURLs, "advertise-client-urls", nil, "where clients find this member (default: --listen-client-urls)")
	f.StringSliceVar(&cfg.ListenPeerURLs, "listen-peer-urls", cfg.ListenPeerURLs, "where to serve other members")
	f.StringSliceVar(&cfg.InitialAdvertisePeerURLs, "initial-advertise-peer-urls", nil, "where members find this one (default: --listen-peer-urls)")
	f.StringSliceVar(&cfg.ListenMetricsURLs, "listen-metrics-urls", nil, "where to serve /metrics and /health")
	f.StringVar(&cfg.InitialCluster, "initial-cluster", "", "all members, as name=http://host:port,... (default: this one alone)")
	f.StringVar(&cfg.InitialClusterToken, "initial-cluster-token", cfg.InitialClusterToken, "makes the ids of one cluster differ from another's")
	f.Int64Var(&electionMS, "election-timeout", electionMS, "milliseconds without a leader until an election starts")
	f.Int64Var(&heartbeatMS, "heartbeat-interval", heartbeatMS, "milliseconds between a leader's heartbeats, at most a fifth of --election-timeout")
	f.Uint64Var(&cfg.SnapshotCount, "snapshot-count", cfg.SnapshotCount, "applied entries until the raft log is cut")
	f.Uint64Var(&cfg.CatchUpEntries, "snapshot-catchup-entries", cfg.CatchUpEntries, "entries that a cut leaves for slow members (default --snapshot-count, at most 5000)")
	f.StringVar(&level, "log-level", level, "debug, info, warn or error")
	addBugFlag(f, &cfg)
	cmd.Version = "3.7.3"
	cmd.SetVersionTemplate("raftkv, etcd API {{.Version}}\n")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := fromEnvironment(f, os.LookupEnv); err != nil {
			return err
		}
		cfg.ElectionTimeout = time.Duration(electionMS) * time.Millisecond
		cfg.HeartbeatInterval = time.Duration(heartbeatMS) * time.Millisecond
		var err error
		if cfg.Logger, err = newLogger(level, logs); err != nil {
			return err
		}
		return run(cmd.Context(), cfg)
	}
	return cmd
}

// fromEnvironment sets each flag that was not given from its variable.
func fromEnvironment(f *pflag.FlagSet, lookup func(string) (string, bool)) (err error) {
	f.VisitAll(func(flag *pflag.Flag) {
		name := "ETCD_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, ok := lookup(name)
		if !ok || value == "" || flag.Changed || flag.Name == "help" || flag.Name == "version" || err != nil {
			return
		}
		if e := f.Set(flag.Name, value); e != nil {
			err = fmt.Errorf("environment variable %s: %w", name, e)
		}
	})
	return err
}

// newLogger logs as etcd does: one JSON object a line.
func newLogger(level string, to io.Writer) (*zap.Logger, error) {
	var l zapcore.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || l > zapcore.ErrorLevel {
		return nil, fmt.Errorf("--log-level %q must be debug, info, warn or error", level)
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000000Z0700")
	core := zapcore.NewCore(zapcore.NewJSONEncoder(enc), zapcore.Lock(zapcore.AddSync(to)), l)
	return zap.New(core, zap.AddCaller()), nil
}

// run serves until ctx ends or the member fails.
func run(ctx context.Context, cfg server.Config) error {
	cfg.Fatal = func(err error) {
		fmt.Fprintf(os.Stderr, "raftkv: %v\n", err)
		os.Exit(1)
	}
	s, err := server.Start(cfg) //nolint:contextcheck // the server ends by Stop, after ctx
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		cfg.Logger.Info("received a signal; shutting down")
	case err := <-s.Failed():
		return fmt.Errorf("the member failed: %w", err) // and its process ends, as it must
	}
	polite, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if err := s.Stop(polite); err != nil {
		return err
	}
	cfg.Logger.Info("stopped")
	return nil
}
