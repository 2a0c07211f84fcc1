package harness

import (
	"context"
	"errors"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Hasher is a cluster whose members can hash their state. Errors wrap errors.ErrUnsupported where the
// system cannot.
type Hasher interface {
	// Hash asks one member for the hash of its state as it was at revision; 0: as it is. A member that
	// has not got there, or has dropped it, answers an error.
	Hash(ctx context.Context, id history.NodeID, revision int64) (history.HashValue, error)
}

const (
	hashTimeout = 2 * time.Second
	// hashShare bounds what hashing costs a member: it reads all of its state, and some systems do
	// nothing else meanwhile. After a hash that took d, the next ones wait for hashShare times d.
	hashShare = 200
)

// hashes asks, every cfg.HashEvery, all members that answer for the hash of one revision: the newest one
// that all of them have.
func (e *engine) hashes(ctx context.Context) error {
	h, ok := e.cluster.(Hasher)
	if !ok {
		return nil
	}
	for pause := e.cfg.HashEvery; e.env.Sleep(ctx, pause) == nil; {
		took, err := e.hash(ctx, h)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		pause = max(e.cfg.HashEvery, hashShare*took)
	}
	return nil
}

// lastHash is a round when all members have caught up.
func (e *engine) lastHash(ctx context.Context) {
	if h, ok := e.cluster.(Hasher); ok && e.cfg.HashEvery > 0 {
		_, _ = e.hash(ctx, h) // what there is, is recorded
	}
}

// hash makes one round, and says how long the slowest member took.
func (e *engine) hash(ctx context.Context, h Hasher) (slowest time.Duration, err error) {
	members := e.cluster.Members()
	var revision int64
	asked := make([]bool, len(members))
	for i, st := range Statuses(ctx, e.env, e.cluster) {
		if st.Role == history.Unreached || st.Revision == 0 {
			continue
		}
		asked[i] = true
		if revision == 0 || st.Revision < revision {
			revision = st.Revision
		}
	}
	took := make([]time.Duration, len(members))
	tasks := make([]Task, len(members))
	for i, id := range members {
		tasks[i] = func(ctx context.Context) error {
			if !asked[i] {
				return nil
			}
			ctx, cancel := e.env.WithTimeout(ctx, hashTimeout)
			defer cancel()
			start := e.env.Now()
			v, err := h.Hash(ctx, id, revision)
			took[i] = e.env.Now() - start
			if err == nil {
				e.recorder.Add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FHash, Node: id, Value: history.EncodeValue(v)})
			} else if errors.Is(err, errors.ErrUnsupported) {
				return err
			}
			return nil // a member that is down or behind has nothing to compare
		}
	}
	err = e.env.Parallel(ctx, tasks...)
	for _, d := range took {
		slowest = max(slowest, d)
	}
	return slowest, err
}
