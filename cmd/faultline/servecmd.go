package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/faultline-chaos/faultline/results/serve"
	"github.com/faultline-chaos/faultline/scenario"
)

func newServeCmd(a *app) *cobra.Command {
	dir, addr, rebuild := scenario.DefaultOut, "127.0.0.1:8080", false
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Browse runs in a browser: search them, compare two, see trends",
		Long: `Serve is a web server that shows the runs of a folder until it is interrupted: a table
to search, filter and sort, comparisons of two runs, and trends over many. Its index is
stored in ` + serve.IndexFile + ` in that folder and can be deleted at any time.`,
		Example: `  faultline serve
  faultline serve --dir nightly --addr 127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return scenario.Usage("--addr is %q: it must be HOST:PORT, such as 127.0.0.1:8080", addr)
			}
			if err := runsThere(dir); err != nil {
				return err
			}
			local := serve.IsLoopback(host)
			if !local {
				fmt.Fprintf(a.stderr, "faultline: warning: on %s, everyone who can reach this machine can read the runs in %s\n", addr, dir)
			}
			l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", addr)
			if err != nil {
				return scenario.Infrastructure(fmt.Errorf("serve: %w", err))
			}
			defer l.Close() // also if the index could not be built
			fmt.Fprintf(a.stderr, "faultline: indexing %s\n", dir)
			server, err := serve.New(cmd.Context(), serve.Options{Dir: dir, Rebuild: rebuild, Version: programVersion(), AnyHost: !local, Note: a.note})
			if err != nil {
				return scenario.Infrastructure(err)
			}
			defer server.Close() // nothing in it is lost
			fmt.Fprintf(a.stdout, "serving %s on http://%s/ until interrupted\n", dir, reachable(l.Addr()))
			if err := server.Serve(cmd.Context(), l); err != nil {
				return scenario.Infrastructure(err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", dir, "folder of the runs")
	cmd.Flags().StringVar(&addr, "addr", addr, "address to listen on; with an address other than loopback, other machines can read the runs")
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "build the index again")
	return cmd
}

// runsThere returns a usage error if there is no folder of runs.
func runsThere(dir string) error {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return scenario.Usage("--dir: there is no folder %s; faultline run creates it", dir)
	}
	return nil
}

// note prints something unusual, in one line.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, "faultline: "+format+"\n", args...)
}

// programVersion identifies a build, also among builds of one version: they may compute different numbers.
func programVersion() string {
	path, err := os.Executable()
	if err != nil {
		return version
	}
	st, err := os.Stat(path)
	if err != nil {
		return version
	}
	return fmt.Sprintf("%s %d %d", version, st.Size(), st.ModTime().UnixNano())
}

// reachable is an address that a browser on this machine can open.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return fmt.Sprintf("localhost:%d", tcp.Port)
}

func newExportCmd(a *app) *cobra.Command {
	dir := scenario.DefaultOut
	cmd := &cobra.Command{
		Use:   "export FOLDER",
		Short: "Write runs, reports and trends as a static website",
		Long: `Export writes the pages of faultline serve into a folder, for a web server of static
files such as GitHub Pages: the table of runs, every run with its report and files, and
the trends. Links are relative. Use faultline prune first to limit the size.`,
		Example: `  faultline export --dir results/runs site`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := runsThere(dir); err != nil {
				return err
			}
			done, err := serve.Export(cmd.Context(), serve.Options{Dir: dir, Version: programVersion(), Note: a.note}, args[0])
			if err != nil {
				return scenario.Infrastructure(err)
			}
			_, err = fmt.Fprintf(a.stdout, "%d runs, %d files, %s: open %s\n", done.Runs, done.Files, humanize.Bytes(uint64(done.Bytes)), filepath.Join(args[0], "index.html"))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", dir, "folder of the runs")
	return cmd
}
