package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.etcd.io/raft/v3"

	"github.com/faultline-chaos/faultline/store/core"
)

// meter is the member's metrics, under etcd's names where they mean what etcd's mean.
type meter struct {
	registry *prometheus.Registry

	hasLeader, isLeader, term, applied, committed, pending, pendingReads, revision, firstEntry prometheus.Gauge
	leaderChanges, elections, records                                                          prometheus.Counter
	fsync                                                                                      prometheus.Histogram

	leader uint64
}

func newMeter() *meter {
	m := &meter{registry: prometheus.NewRegistry()}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	m.hasLeader = gauge("etcd_server_has_leader", "Whether a leader is known.")
	m.isLeader = gauge("etcd_server_is_leader", "Whether this member leads.")
	m.term = gauge("raftkv_raft_term", "raft's term.")
	m.applied = gauge("etcd_server_proposals_applied_total", "Index of the last applied entry.")
	m.committed = gauge("etcd_server_proposals_committed_total", "Index of the last committed entry.")
	m.pending = gauge("etcd_server_proposals_pending", "Writes that wait for their entry to be applied.")
	m.pendingReads = gauge("raftkv_reads_pending", "Reads that wait for their read index.")
	m.revision = gauge("etcd_debugging_mvcc_current_revision", "Revision of the last write.")
	m.firstEntry = gauge("raftkv_raft_first_entry", "Index of the first entry that is still in the log.")
	m.leaderChanges = counter("etcd_server_leader_changes_seen_total", "Leader changes seen.")
	m.elections = counter("raftkv_elections_won_total", "Terms in which this member became leader.")
	m.records = counter("raftkv_disk_records_total", "Records written.")
	m.fsync = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "etcd_disk_wal_fsync_duration_seconds", Help: "How long synced writes took.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})
	m.registry.MustRegister(m.fsync, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe is called by the loop.
func (m *meter) observe(s core.Status) {
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	m.hasLeader.Set(flag(s.Leader != raft.None))
	m.isLeader.Set(flag(s.Role == raft.StateLeader))
	m.term.Set(float64(s.Term))
	m.applied.Set(float64(s.Applied))
	m.committed.Set(float64(s.Commit))
	m.pending.Set(float64(s.PendingWrites))
	m.pendingReads.Set(float64(s.Pending))
	m.revision.Set(float64(s.Revision))
	m.firstEntry.Set(float64(s.FirstEntry))
	if s.Leader != m.leader && s.Leader != raft.None {
		m.leaderChanges.Inc()
	}
	m.leader = s.Leader
}

// wrote is called by the disk.
func (m *meter) wrote(took time.Duration, records int, sync bool) {
	m.records.Add(float64(records))
	if sync {
		m.fsync.Observe(took.Seconds())
	}
}

// serveMetrics serves /metrics and /health on the metrics URLs.
func (s *Server) serveMetrics() error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/health", s.serveHealth)
	for _, u := range s.cfg.ListenMetricsURLs {
		addr, err := hostPort(u)
		if err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", u, err)
		}
		h := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		s.http = append(s.http, h)
		s.group.Go(func() {
			if err := h.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				s.fail(fmt.Errorf("serve %s: %w", u, err))
			}
		})
	}
	return nil
}

// serveHealth answers as etcd does: healthy is who knows a leader.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	w.Header().Set("Content-Type", "application/json")
	st, err := s.inspect(ctx)
	if err != nil || st.Leader == raft.None {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"health":"false","reason":"RAFT NO LEADER"}` + "\n"))
		return
	}
	_, _ = w.Write([]byte(`{"health":"true","reason":""}` + "\n"))
}
